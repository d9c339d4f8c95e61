"""The four cases are pure functions of two answers."""

from dataclasses import replace

import pytest

from transfer_core.cases import (
    HEAD_SETTINGS,
    WHOLE_NETWORK_DEFAULTS,
    TransferCase,
    choose_case,
    judge_size,
    plan_strategy,
)
from transfer_core.errors import SettingsError

STAGES = ("conv1", "conv2", "conv3", "fc1", "fc2", "fc3")


@pytest.mark.parametrize(
    ("size", "similarity", "case"),
    [
        ("small", "similar", 1),
        ("small", "different", 2),
        ("large", "similar", 3),
        ("large", "different", 4),
    ],
)
def test_two_answers_point_at_one_case(size, similarity, case):
    assert choose_case(size, similarity) == case


def test_size_is_small_below_the_line_and_large_on_it():
    assert judge_size((40, 59), threshold=100).answer == "small"
    assert judge_size((40, 60), threshold=100).answer == "large"


def test_a_starved_class_pulls_the_images_per_class_down():
    assert judge_size((1000, 10), threshold=100).images_per_class == pytest.approx(
        2 / (0.001 + 0.1)
    )


def test_a_line_of_no_images_is_refused():
    with pytest.raises(SettingsError, match="at least one image"):
        judge_size((5, 5), threshold=0)


def test_case_1_freezes_all_stages_but_the_last():
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, STAGES, kind="demonstration")
    assert strategy.keep_through == "fc2"
    assert strategy.frozen == STAGES[:-1]


def test_case_2_keeps_and_freezes_only_layers_near_the_beginning():
    assert plan_strategy(TransferCase.SMALL_DIFFERENT, STAGES, kind="demonstration").frozen == (
        "conv1",
        "conv2",
    )
    assert plan_strategy(
        TransferCase.SMALL_DIFFERENT, STAGES, kind="demonstration", cut="conv1"
    ).frozen == ("conv1",)


def test_case_3_starts_pretrained_and_freezes_nothing():
    strategy = plan_strategy(TransferCase.LARGE_SIMILAR, STAGES, kind="demonstration")
    assert (strategy.frozen, strategy.initialise) == ((), "pretrained")


def test_case_4_offers_random_and_pretrained_weights():
    assert (
        plan_strategy(TransferCase.LARGE_DIFFERENT, STAGES, kind="demonstration").initialise
        == "random"
    )
    other = plan_strategy(
        TransferCase.LARGE_DIFFERENT, STAGES, kind="demonstration", initialise="pretrained"
    )
    assert other.initialise == "pretrained"
    assert (
        other.optimiser
        == plan_strategy(TransferCase.LARGE_SIMILAR, STAGES, kind="demonstration").optimiser
    )


@pytest.mark.parametrize("kind", WHOLE_NETWORK_DEFAULTS)
def test_the_kind_of_a_network_decides_how_it_is_trained_as_a_whole_and_nothing_else(kind):
    for case in TransferCase:
        other = plan_strategy(case, STAGES, kind="demonstration")
        own = plan_strategy(case, STAGES, kind=kind)
        defaults = WHOLE_NETWORK_DEFAULTS[kind]
        whole = defaults.from_scratch if own.initialise == "random" else defaults.fine_tuning
        assert own.optimiser == (HEAD_SETTINGS if own.frozen else whole)
        assert replace(own, optimiser=other.optimiser) == other


def test_a_network_that_starts_from_random_weights_has_no_statistics_to_keep():
    for defaults in WHOLE_NETWORK_DEFAULTS.values():
        assert not defaults.from_scratch.freeze_batch_norm
        assert not defaults.from_scratch.train_head_first


@pytest.mark.parametrize("cut", ["fc3", "conv9"])
def test_a_cut_that_keeps_no_stage_before_the_last_is_refused(cut):
    with pytest.raises(SettingsError, match=cut):
        plan_strategy(TransferCase.SMALL_DIFFERENT, STAGES, kind="demonstration", cut=cut)


def test_only_case_4_may_start_from_random_weights():
    with pytest.raises(SettingsError, match="Only case 4"):
        plan_strategy(TransferCase.LARGE_SIMILAR, STAGES, kind="demonstration", initialise="random")


@pytest.mark.parametrize(("images", "close"), [(890, False), (900, True), (1_100, True)])
def test_a_size_within_a_tenth_of_the_line_is_close_to_it(images, close):
    assert judge_size((images,), threshold=1_000).is_close is close


def test_a_class_without_images_to_learn_from_is_starved():
    assert judge_size((10, 0), threshold=100).images_per_class == 0
