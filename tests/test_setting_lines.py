"""Settings and code side by side: every line comes from the script, with the setting's value."""

import ast
import inspect
from dataclasses import replace

import pytest
import torch

from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.export.script import collect_settings, render_script
from transfer_core.export.setting_lines import find_setting_lines
from transfer_core.features.augmentation import augment
from transfer_core.networks import get_network
from transfer_core.training.config import RunConfig, list_setting_values

SOURCE = get_network("demonstration")
OPTIMISER = {"learning_rate": 0.0123, "weight_decay": 0.0456, "epochs": 37, "patience": 11}
SWITCHED_ON = {"train_head_first": True, "freeze_batch_norm": True}


def make_config(case: TransferCase = TransferCase.LARGE_SIMILAR, **changes) -> RunConfig:
    strategy = plan_strategy(case, SOURCE.stage_names, kind=SOURCE.kind)
    optimiser = replace(strategy.optimiser, **OPTIMISER | changes.pop("optimiser", {}))
    compiled = changes.pop("compiled", False)
    strategy = replace(strategy, optimiser=optimiser, **changes)
    return RunConfig("data", SOURCE.name, strategy, 5, {}, compiled=compiled)


def make_lines(case: TransferCase = TransferCase.LARGE_SIMILAR, **changes) -> dict[str, str]:
    config = make_config(case, **changes)
    values = collect_settings(config, SOURCE, ("a", "b"))
    return find_setting_lines(render_script(config, SOURCE, ("a", "b")), values)


def find_called_names(code: str) -> set[str]:
    """Names of the functions that Python source calls, such as "AdamW" of torch.optim.AdamW()."""
    calls = (node.func for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    return {getattr(called, "attr", getattr(called, "id", "")) for called in calls}


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
    assert on["CLASS_WEIGHTS"] == "weights = compute_class_weights(learned, len(CLASSES))"
    assert off["CLASS_WEIGHTS"] == "weights = None"
    plain = make_lines(optimiser={"augment": False})["augment"]
    assert "augment(" not in plain and "augment(" in on["augment"]


@pytest.mark.parametrize("case", TransferCase)
def test_every_setting_has_lines_that_are_python(case):
    told = make_lines(case)
    shown = {*OPTIMISER, "batch_size", "stage_decay", "views", "augment", "mirror", *SWITCHED_ON}
    for name in shown | {"SEED", "CLASS_WEIGHTS"}:
        code = told[name]
        indented = "\n".join(f"    {line}" for line in code.splitlines())
        assert code and ast.parse(f"def around():\n  for _ in ():\n{indented}")


@pytest.mark.parametrize("case", TransferCase)
def test_every_declared_setting_is_explained_in_the_script(case):
    config = make_config(case)
    script = " ".join(render_script(config, SOURCE, ("a", "b")).replace("#", " ").split())
    for field, _ in list_setting_values(config):
        assert f"{field.setting.label}. {field.setting.help}" in script


@pytest.mark.parametrize("case", TransferCase)
def test_the_declared_code_of_a_setting_is_what_the_script_does(case):
    changes = {"compiled": True, "optimiser": SWITCHED_ON}
    config, lines = make_config(case, **changes), make_lines(case, **changes)
    for field, value in list_setting_values(config):
        used = lines[field.name] if field.name in lines else lines[field.name.upper()]
        code = f"for epoch in ():\n  {field.render_code(value)}"
        for called in find_called_names(code):
            assert f"{called}(" in used, field.name


@pytest.mark.parametrize("case", TransferCase)
def test_the_declared_code_of_a_setting_names_arguments_that_exist(case):
    callables = {"AdamW": torch.optim.AdamW, "augment": augment}
    for field, value in list_setting_values(make_config(case, compiled=True)):
        code = ast.parse(f"for epoch in ():\n  {field.render_code(value)}")
        for call in (node for node in ast.walk(code) if isinstance(node, ast.Call)):
            if call.keywords:
                called = callables[getattr(call.func, "attr", getattr(call.func, "id", ""))]
                names = {keyword.arg for keyword in call.keywords}
                assert names <= inspect.signature(called).parameters.keys(), field.name
