"""Settings and code side by side: every line comes from the script, with the setting's value."""

import ast
from dataclasses import replace

import pytest

from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.export.script import collect_settings, render_script
from transfer_core.export.setting_lines import find_setting_lines
from transfer_core.networks import get_network
from transfer_core.training.config import RunConfig

OPTIMISER = {"learning_rate": 0.0123, "weight_decay": 0.0456, "epochs": 37, "patience": 11}


def make_lines(case: TransferCase = TransferCase.LARGE_SIMILAR, **changes) -> dict[str, str]:
    source = get_network("demonstration")
    strategy = plan_strategy(case, source.stage_names)
    optimiser = replace(strategy.optimiser, **OPTIMISER | changes.pop("optimiser", {}))
    config = RunConfig(
        "data", source.name, replace(strategy, optimiser=optimiser, **changes), 5, {}
    )
    values = collect_settings(config, source, ("a", "b"))
    return find_setting_lines(render_script(config, source, ("a", "b")), values)


@pytest.mark.parametrize("name", OPTIMISER)
def test_a_number_stands_in_the_lines_of_its_setting(name):
    assert repr(OPTIMISER[name]) in make_lines()[name]


def test_the_seed_and_the_optimiser_are_shown_as_torch_takes_them():
    told = make_lines()
    assert "torch.manual_seed(5)" in told["SEED"]
    assert "torch.optim.AdamW(" in told["learning_rate"]
    assert "torch.optim.AdamW(" in told["weight_decay"]


def test_a_switch_shows_the_branch_that_it_chooses():
    on, off = make_lines(class_weights=True), make_lines(class_weights=False)
    assert on["CLASS_WEIGHTS"] == "weights = compute_class_weights(labels[parts['train']])"
    assert off["CLASS_WEIGHTS"] == "weights = None"
    plain = make_lines(optimiser={"augment": False})["augment"]
    assert "augment(" not in plain and "augment(" in on["augment"]


@pytest.mark.parametrize("case", TransferCase)
def test_every_setting_has_lines_that_are_python(case):
    told = make_lines(case)
    shown = {*OPTIMISER, "batch_size", "stage_decay", "views", "augment", "mirror"}
    for name in shown | {"SEED", "CLASS_WEIGHTS"}:
        code = told[name]
        indented = "\n".join(f"    {line}" for line in code.splitlines())
        assert code and ast.parse(f"def around():\n  for _ in ():\n{indented}")
