"""Surgery: what is kept is the original's, what is frozen stays, what is new is new."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.errors import SettingsError
from transfer_core.networks import get_network
from transfer_core.networks.network_builder import load_pretrained
from transfer_core.networks.surgery import adapt, summarise_network
from transfer_core.networks.train_mode import set_train_mode_except_frozen

SOURCE = get_network("demonstration")
STAGES = SOURCE.stage_names
PLANS = [
    plan_strategy(TransferCase.SMALL_SIMILAR, STAGES, kind="demonstration"),
    *(
        plan_strategy(TransferCase.SMALL_DIFFERENT, STAGES, kind="demonstration", cut=cut)
        for cut in STAGES[:-1]
    ),
    plan_strategy(TransferCase.LARGE_SIMILAR, STAGES, kind="demonstration"),
    plan_strategy(TransferCase.LARGE_DIFFERENT, STAGES, kind="demonstration", initialise="random"),
    plan_strategy(
        TransferCase.LARGE_DIFFERENT, STAGES, kind="demonstration", initialise="pretrained"
    ),
]
NAMES = [f"case{p.case.value}-{p.keep_through}-{p.initialise}" for p in PLANS]


@pytest.mark.parametrize("strategy", PLANS, ids=NAMES)
def test_the_new_network_answers_with_one_logit_per_class(strategy):
    network = adapt(SOURCE, strategy, num_classes=7, seed=0)
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 7)


@pytest.mark.parametrize("strategy", PLANS, ids=NAMES)
def test_only_what_is_not_frozen_requires_gradients(strategy):
    network = adapt(SOURCE, strategy, num_classes=3, seed=0)
    trainable = {name.split(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    kept = STAGES[: STAGES.index(strategy.keep_through) + 1]
    assert trainable == {"head", *kept} - set(strategy.frozen)


@pytest.mark.parametrize("strategy", PLANS, ids=NAMES)
def test_kept_weights_are_the_originals_unless_they_are_random(strategy):
    network, original = (
        adapt(SOURCE, strategy, 3, seed=0).state_dict(),
        load_pretrained(SOURCE).state_dict(),
    )
    same = [torch.equal(v, original[k]) for k, v in network.items() if "conv.weight" in k]
    assert all(same) if strategy.initialise == "pretrained" else not any(same)


@pytest.mark.parametrize("strategy", PLANS, ids=NAMES)
def test_one_step_of_training_leaves_frozen_stages_bit_identical(strategy):
    network = adapt(SOURCE, strategy, num_classes=3, seed=0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    set_train_mode_except_frozen(network, strategy.frozen)
    images = torch.randn(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(8) % 3
    torch.nn.functional.cross_entropy(network(images), labels).backward()
    trainable = [p for p in network.parameters() if p.requires_grad]
    torch.optim.SGD(trainable, lr=0.1).step()
    for name, value in network.state_dict().items():
        stage = name.split(".")[0]
        if stage in strategy.frozen:
            assert torch.equal(value, before[name]), name
        elif name.endswith("weight"):
            assert not torch.equal(value, before[name]), name


def test_the_seed_draws_the_new_layer():
    strategy = PLANS[0]
    first, again, other = (
        adapt(SOURCE, strategy, 3, seed).head.linear.weight for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_surgery_leaves_the_global_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    adapt(SOURCE, PLANS[-2], 3, seed=1)
    summarise_network(SOURCE, PLANS[0], 3)
    assert torch.equal(torch.rand(3), expected)


@given(
    classes=st.integers(2, 1000),
    keep=st.sampled_from(STAGES[:-1]),
    frozen=st.sets(st.sampled_from(STAGES[:-1])),
)
@settings(max_examples=60, deadline=None)
def test_any_strategy_is_performed_as_described_or_refused(classes, keep, frozen):
    strategy = replace(PLANS[0], keep_through=keep, frozen=tuple(sorted(frozen)))
    if frozen - set(STAGES[: STAGES.index(keep) + 1]):
        with pytest.raises(SettingsError, match="does not fit"):
            adapt(SOURCE, strategy, classes, seed=0)
        return
    network = adapt(SOURCE, strategy, classes, seed=0)
    described = {part.stage: part for part in summarise_network(SOURCE, strategy, classes)}
    for name, stage in network.named_children():
        assert described[name].weights == sum(p.numel() for p in stage.parameters())
        assert (described[name].state == "frozen") == (name in frozen)
    cut = {name for name, part in described.items() if part.state == "cut away"}
    assert cut == set(STAGES[STAGES.index(keep) + 1 :])


def test_the_description_names_what_each_case_does():
    states = [[part.state for part in summarise_network(SOURCE, strategy, 3)] for strategy in PLANS]
    assert states[0] == ["frozen"] * 5 + ["cut away", "new"]
    assert states[1] == ["frozen"] + ["cut away"] * 5 + ["new"]
    assert states[6] == ["kept"] * 5 + ["cut away", "new"]
    assert states[7] == ["randomised"] * 5 + ["cut away", "new"]


def test_shapes_in_the_description_are_those_of_the_network():
    shapes = [part.shape for part in summarise_network(SOURCE, PLANS[0], 3)]
    assert shapes == [(64, 16, 16), (192, 8, 8), (320, 4, 4), (512,), (512,), (224,), (3,)]
