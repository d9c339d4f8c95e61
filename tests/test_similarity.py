"""The similarity estimate: what it claims, what it refuses to claim, and what it says."""

import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from toy_readings import make_evidence

from transfer_core.cases import DEFAULT_LINE, TransferCase, judge_size
from transfer_core.errors import SettingsError
from transfer_core.networks import get_network
from transfer_core.transferability.accuracy_prior import AccuracyPrior
from transfer_core.transferability.calibration_basis import describe_basis
from transfer_core.transferability.estimate import estimate_from_evidence
from transfer_core.transferability.evidence import FlipInvariance, from_json
from transfer_core.transferability.explanation import (
    compute_gain_points,
    compute_gap_points,
    describe_flip_invariance,
)
from transfer_core.transferability.flip_invariance import measure_flip_invariance
from transfer_core.transferability.grouped_folds import group_near_duplicates
from transfer_core.transferability.head_cross_validation import compute_kernel
from transfer_core.transferability.learning_curve import measure_learning_curve
from transfer_core.transferability.leep import compute_energy, compute_leep
from transfer_core.transferability.measurement import measure_transferability
from transfer_core.transferability.option_list import build_options
from transfer_core.transferability.similarity_calibration import (
    Basis,
    Calibration,
    LogisticModel,
    ReliabilityBin,
    is_calibrated,
    load_calibration,
)
from transfer_core.transferability.textbook import (
    apply_textbook_rule,
    choose_similarity,
    describe_similarity,
    get_textbook_key,
    list_measured_strategies,
)
from transfer_core.transferability.tipping_points import explain_what_would_change

SOURCE = get_network("demonstration")
CALIBRATION = Calibration(
    similarity=LogisticModel(0.5, {"gap": -0.3, "log_distance": -0.4}),
    forecasts={},
    prior=AccuracyPrior({}, 1.0),
    nearest=0.01,
    furthest=2.0,
    families=10,
    image_sets=20,
    measured=(),
    reliability=(
        ReliabilityBin(0, 0.2, 0.1, 1, 9),
        ReliabilityBin(0.2, 0.8, 0.5, 6, 10),
        ReliabilityBin(0.8, 1, 0.9, 7, 8),
    ),
    basis=dict.fromkeys(("similarity", "forecasts"), Basis("measured")),
)


def judge_evidence(*arguments, **values):
    return estimate_from_evidence(make_evidence(*arguments, **values), SOURCE, CALIBRATION)


def test_top_features_that_tell_classes_apart_best_are_enough():
    found = judge_evidence(early=0.6, top=0.8)
    assert found.answer == "similar"
    assert found.low <= found.probability <= found.high
    assert "tells the classes apart better than any early stage" in found.reasons[0]


def test_early_features_that_lead_clearly_mean_different():
    found = judge_evidence(early=0.8, top=0.5, distance=1.0)
    assert found.answer == "different"


def test_an_uncertain_gap_gives_no_answer():
    sure, unsure = (
        judge_evidence(early=0.7, top=0.78),
        judge_evidence(early=0.7, top=0.78, spread=0.3),
    )
    assert sure.answer == "similar" and unsure.answer == "can't tell"
    assert unsure.high - unsure.low > sure.high - sure.low


shares = some.floats(0, 1)


@settings(deadline=None)
@given(shares, shares, some.floats(1e-3, 0.5), some.floats(0, 1e6), shares, shares)
def test_no_estimate_claims_certainty_and_no_interval_is_a_point(
    early, top, spread, distance, leep, pixels
):
    evidence = make_evidence(early, top, spread, distance, leep=leep, pixels=pixels)
    for calibration in (CALIBRATION, load_calibration(SOURCE)):
        found = estimate_from_evidence(evidence, SOURCE, calibration)
        assert 0.01 <= found.low <= found.probability <= found.high <= 0.99
        assert 0.05 <= found.probability <= 0.95
        assert found.high - found.low >= 0.0199  # a difference that people see


def read_percentages(sentence: str) -> list[int]:
    return [int(number) for number in re.findall(r"(\d+)%", sentence)]


@settings(deadline=None)
@given(shares, shares, shares, shares, some.integers(2, 12), some.floats(1e-4, 1))
def test_no_sentence_contradicts_its_own_numbers(early, top, untrained, pixels, classes, distance):
    evidence = make_evidence(early, top, distance=distance, pixels=pixels, classes=classes)
    stages = tuple(replace(each, untrained_accuracy=untrained) for each in evidence.stages)
    found = estimate_from_evidence(replace(evidence, stages=stages), SOURCE)
    gap, gain = found.reasons[0], next(line for line in found.reasons if "buys a new layer" in line)
    first, second = read_percentages(gap)
    assert ("about equally well" in gap) == (abs(first - second) < 2)
    assert ("better than" in gap) == (first - second >= 2)
    reached, without = read_percentages(gain)
    assert int(re.search(r"([+-]\d+) points", gain)[1]) == reached - without
    assert without - reached >= 2 or not any("not help" in line for line in found.warnings)
    if "familiar to the network, but" in found.reasons[-1]:
        assert found.evidence.gap > 0 and gap.startswith("Conv")
    if "foreign to the network, but" in found.reasons[-1]:
        assert found.evidence.gap < 0 and "better than any early stage" in gap


@settings(deadline=None)
@given(some.floats(0.05, 0.95), some.floats(1e-3, 0.2))
def test_the_answer_follows_the_probability_that_people_read(top, spread):
    found = estimate_from_evidence(make_evidence(0.5, top, spread), SOURCE)
    shown = int(f"{found.probability:.0%}".rstrip("%"))
    assert found.answer == (
        "similar" if shown >= 80 else "different" if shown <= 20 else "can't tell"
    )


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"min_images_per_class": 1}, "at least 10 in each class"),
        ({"images": 30, "min_images_per_class": 7}, "Now there are 30, of the smallest class 7"),
    ],
)
def test_too_few_images_give_no_answer_and_say_only_why(values, why):
    alarming = {"pixels": 0.95, "leep": 0.9, "num_near_duplicates": 9, "distance": 50.0}
    found = judge_evidence(**values, **alarming)
    size = judge_size((10, 10), DEFAULT_LINE)
    assert found.answer == describe_similarity(found) == "can't tell"
    (warning,) = found.warnings
    assert warning.startswith("Too few images to say") and why in warning
    changes = explain_what_would_change(found, size, SOURCE)
    assert "tip" not in " ".join(changes)


def test_labels_that_no_stage_can_tell_give_no_answer_and_a_warning():
    found = judge_evidence(early=0.28, top=0.27)
    assert found.answer == "can't tell" and "better than guessing" in found.warnings[0]


def test_pre_training_that_does_harm_raises_an_alarm():
    assert judge_evidence(pixels=0.95).warnings[0].startswith("Pre-training does not help")
    assert not judge_evidence().warnings
    # 52 % against 56 % may be chance, unless many images were asked.
    unsure, sure = (
        judge_evidence(early=0.5, top=0.52, pixels=0.56, spread=spread) for spread in (0.1, 0.005)
    )
    assert not unsure.warnings and "4 points without it" in sure.warnings[0]


def test_source_classes_that_know_the_labels_raise_an_alarm():
    assert "of kinds that it was trained on" in judge_evidence(leep=0.9).warnings[0]


def test_images_beyond_all_that_was_measured_are_read_as_the_furthest_and_said_so():
    far, further = judge_evidence(distance=2.0), judge_evidence(distance=50.0)
    assert far.probability == further.probability
    assert "more foreign" in further.warnings[0] and not far.warnings


def test_readings_that_disagree_are_said_to():
    assert (
        "The measurements disagree" in judge_evidence(early=0.9, top=0.6, distance=1e-3).reasons[-1]
    )
    assert (
        "The measurements disagree" in judge_evidence(early=0.6, top=0.9, distance=1.9).reasons[-1]
    )
    assert "disagree" not in " ".join(judge_evidence(distance=1e-3).reasons)


@pytest.mark.parametrize(
    ("network", "is_checked"),
    [("demonstration", True), ("efficientnet_lite0", True), ("resnet18", False)],
)
def test_every_estimate_says_what_it_rests_on_and_claims_no_more(network, is_checked):
    source = get_network(network)
    calibration = load_calibration(source)
    assert is_calibrated(source, "similarity") == is_checked
    found = estimate_from_evidence(make_evidence(0.6, 0.8), source)
    assert ("not checked" in describe_basis(source)) != is_checked
    assert any("not checked for this network" in each for each in found.warnings) != is_checked
    # What the panel counted is shown only where this network was measured.
    assert bool(calibration.reliability) == bool(calibration.image_sets) == is_checked


def test_no_model_of_another_network_reads_what_only_that_network_can_tell():
    """Distances, energies and probes of random weights do not carry over."""
    for network in ("efficientnet_lite0", "resnet18"):
        calibration = load_calibration(get_network(network))
        assert set(calibration.similarity.weights) <= {"gap", "gain", "leep", "skill"}


def test_the_record_counts_only_judgements_that_were_sure():
    assert CALIBRATION.record(0.8) == (8 + 7, 9 + 8)


def test_readings_survive_their_file():
    curve = measure_learning_curve("conv1", compute_kernel(FEATURES), LABELS, GROUPS)
    kept = make_evidence(learning_curve=curve)
    assert from_json(json.loads(json.dumps(asdict(kept)))) == kept


class StubDataSet:
    """As much of a data set as advice needs."""

    def __init__(self, *counts, test=0):
        self._counts = {"train": counts, "validation": (0,) * len(counts)}
        self._counts |= {"test": (test,) * len(counts)}

    def counts(self, split=None):
        if split:
            return self._counts[split]
        return tuple(map(sum, zip(*self._counts.values(), strict=True)))


def test_more_test_images_never_change_the_case():
    found = judge_evidence(early=0.6, top=0.8)
    few, many = StubDataSet(50, 50), StubDataSet(50, 50, test=100_000)
    assert apply_textbook_rule(few, found) == apply_textbook_rule(many, found)
    assert apply_textbook_rule(many, found).size.images == 100


def test_the_textbook_follows_both_answers_the_line_and_the_person():
    found = judge_evidence(early=0.6, top=0.8)
    small, large = StubDataSet(50, 50), StubDataSet(5_000, 5_000)
    assert apply_textbook_rule(small, found).case == 1
    assert apply_textbook_rule(large, found).case == 3
    assert apply_textbook_rule(small, found, answer="different").case == 2
    assert apply_textbook_rule(large, found, answer="different").case == 4
    assert apply_textbook_rule(small, found, line=20).case == 3


@pytest.mark.parametrize("line", [19, 1_000_001])
def test_a_line_out_of_range_is_refused(line):
    with pytest.raises(SettingsError, match="between 20 and 1,000,000"):
        apply_textbook_rule(StubDataSet(50, 50), judge_evidence(), line=line)


def test_even_an_estimate_that_cannot_tell_gives_the_likelier_case():
    found = replace(judge_evidence(), answer="can't tell", probability=0.49)
    assert choose_similarity(found) == "different"
    assert apply_textbook_rule(StubDataSet(50, 50), found).case == 2


def test_each_case_of_the_textbook_is_an_option():
    keys = [get_textbook_key(case, make_evidence()) for case in TransferCase]
    assert keys == ["1", "2-conv2", "3", "4-random"]


@pytest.mark.parametrize(
    ("answer", "probability", "high", "words"),
    [
        ("different", 0.05, 0.3, "very likely different"),
        ("different", 0.05, 0.6, "likely different"),
        ("different", 0.2, 0.4, "likely different"),
        ("can't tell", 0.25, 0.4, "can't tell, leaning to different"),
        ("can't tell", 0.45, 0.6, "can't tell"),
        ("can't tell", 0.6, 0.9, "can't tell, leaning to similar"),
        ("similar", 0.8, 0.9, "likely similar"),
    ],
)
def test_an_answer_has_one_wording(answer, probability, high, words):
    found = replace(judge_evidence(), answer=answer, probability=probability, low=0.01, high=high)
    assert describe_similarity(found) == words


LITE = get_network("efficientnet_lite0")


@settings(deadline=None)
@given(shares, shares, shares, some.sampled_from([SOURCE, LITE]))
def test_an_answer_that_the_comparisons_do_not_give_is_said_to_come_from_experience(
    early, top, leep, source
):
    found = estimate_from_evidence(make_evidence(early, top, 1e-3, leep=leep), source)
    told, words = " ".join(found.reasons), describe_similarity(found)
    if "mostly carried over" in told:
        assert "similar" in words
    if "an early stage was mostly better in the end" in told:
        assert "different" in words
    gap, gain = compute_gap_points(found.evidence), compute_gain_points(found.evidence)
    if "similar" in words and (gap >= 2 or gain < 2):
        assert "mostly carried over" in told


@pytest.mark.parametrize("source", [SOURCE, LITE])
def test_the_answer_tips_where_it_is_said_to(source):
    """All else, what the old classes tell included, stays as it is."""
    found = estimate_from_evidence(make_evidence(0.79, 0.8, spread=1e-3, leep=0.2), source)
    size = judge_size((10, 10), DEFAULT_LINE)
    told = " ".join(explain_what_would_change(found, size, source))
    points, side = re.search(r"were ([\d.]+) points (above|below) it", told).groups()
    lead = float(points) / 100 * (1 if side == "above" else -1)
    tipped = estimate_from_evidence(make_evidence(0.8 + lead, 0.8, spread=1e-3, leep=0.2), source)
    # The skill of the best stage rises a little with its lead.
    assert tipped.probability == pytest.approx(0.5, abs=0.06)


def test_what_would_change_names_images_lead_and_learning_curve():
    found = estimate_from_evidence(
        make_evidence(
            learning_curve=measure_learning_curve("fc1", compute_kernel(FEATURES), LABELS, GROUPS)
        ),
        SOURCE,
    )
    told = explain_what_would_change(found, judge_size((20, 20), DEFAULT_LINE), SOURCE)
    assert "with 1,960 more" in told[0]
    assert any("The answer would tip" in line for line in told)
    assert "off by up to 7 points" in told[-1]


NOISE = np.random.default_rng(0)
LABELS = np.arange(300) % 3
GROUPS = [str(index) for index in range(300)]
FEATURES = (np.eye(3)[LABELS].repeat(4, 1) + NOISE.normal(size=(300, 12))).astype(np.float32)


def test_near_copies_are_found_and_others_are_not():
    pixels = NOISE.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    pixels[1] = np.clip(pixels[0] * 0.9 + NOISE.normal(0, 5, pixels[0].shape), 0, 255)
    pixels[4:] = 128  # flat ones are only copies if they are the same
    groups = group_near_duplicates(pixels, ["a", "b", "c", "c", "d", "e"])
    assert groups[0] == groups[1] and groups[2] == groups[3]
    assert len(set(groups)) == 4


def test_many_near_copies_raise_an_alarm():
    assert "near-copies" in judge_evidence(num_near_duplicates=60).warnings[0]


def test_the_share_of_known_labels_is_one_for_known_classes_and_none_for_shuffled_labels():
    folds, scores = np.arange(300) // 3 % 5, 12 * np.eye(3)[LABELS]
    assert compute_leep(scores, LABELS, folds).mean() > 0.95
    assert abs(compute_leep(scores, NOISE.permutation(LABELS), folds).mean()) < 0.1


def test_the_energy_is_higher_where_the_source_classes_respond():
    assert compute_energy(12 * np.eye(3)[LABELS]) > compute_energy(np.eye(3)[LABELS]) + 5


def test_a_learning_curve_rises_and_its_continuation_stays_an_accuracy():
    curve = measure_learning_curve("conv1", compute_kernel(FEATURES), LABELS, GROUPS)
    assert curve.accuracy[-1] > curve.accuracy[0] + 0.02
    assert (
        curve.images == tuple(sorted(curve.images))
        and curve.extrapolated_images_per_class[-1] == 400
    )
    assert list(curve.expected) == sorted(curve.expected) and max(curve.expected) <= 1


@pytest.mark.parametrize("kind", ["noise", "grey", "copies"])
def test_images_without_information_give_no_answer(kind):
    pixels = NOISE.integers(0, 256, (90, 64, 64, 3), dtype=np.uint8)
    labels = NOISE.permutation(np.arange(90) % 3)
    groups = GROUPS[:90]
    if kind == "grey":
        pixels[:] = 128
    if kind == "copies":  # each image nine times, under any label
        pixels, groups = pixels[np.arange(90) // 9], [str(index // 9) for index in range(90)]
    found = estimate_from_evidence(measure_transferability(pixels, labels, groups, SOURCE), SOURCE)
    assert found.answer == "can't tell"
    assert any("better than guessing" in warning for warning in found.warnings)
    strategies = list_measured_strategies(SOURCE, found.evidence)
    options = build_options(SOURCE, strategies, found.evidence, 90, 30, {})
    chance = [each.low <= 1 / 3 <= each.high for each in options if each.measured]
    assert np.mean(chance) >= 0.8  # as often as an 80 % interval says
    assert all(each.accuracy is None and each.note for each in options if not each.measured)
    json.dumps(asdict(found.evidence), allow_nan=False)


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (np.arange(200) % 100, "of the smallest class 2."),
        (np.r_[np.zeros(280), np.arange(1, 21)], "of the smallest class 1."),
    ],
    ids=["a hundred classes", "one image in most classes"],
)
def test_starved_classes_give_no_answer_and_say_why(labels, why):
    labels = labels.astype(int)
    pixels = NOISE.integers(0, 256, (len(labels), 64, 64, 3), dtype=np.uint8)
    groups = [str(index) for index in range(len(labels))]
    found = estimate_from_evidence(measure_transferability(pixels, labels, groups, SOURCE), SOURCE)
    assert found.answer == "can't tell"
    assert why in found.warnings[0]


def test_each_stage_is_told_as_soon_as_it_is_measured_the_top_first():
    pixels, told = NOISE.integers(0, 256, (40, 64, 64, 3), dtype=np.uint8), []
    found = measure_transferability(
        pixels, np.arange(40) % 2, GROUPS[:40], SOURCE, report_stage=told.append
    )
    assert [stage.stage for stage in told] == [stage.stage for stage in reversed(found.stages)]
    assert [stage.accuracy for stage in told] == [s.accuracy for s in reversed(found.stages)]


@pytest.mark.parametrize("images", [2, 3, 11, 30])
def test_a_handful_of_images_never_fails_and_never_gives_an_answer(images):
    pixels = NOISE.integers(0, 256, (images, 64, 64, 3), dtype=np.uint8)
    found = estimate_from_evidence(
        measure_transferability(pixels, np.arange(images) % 2, GROUPS[:images], SOURCE), SOURCE
    )
    assert found.answer == "can't tell" and "Too few" in found.warnings[0]
    json.dumps(asdict(found.evidence), allow_nan=False)


def test_a_mirror_image_keeps_its_label_only_where_features_do_not_tell_left_from_right():
    draw = np.random.default_rng(0)
    labels = np.arange(200) % 2
    folds = np.arange(200) // 2 % 5
    kind, side = (2 * labels - 1)[:, None], draw.choice([-1, 1], (200, 1))
    noise = draw.normal(size=(200, 8))
    symmetric = np.hstack([5 * kind, side, noise]).astype(np.float32)  # mirroring turns the side
    directed = np.hstack([side, 5 * kind, noise]).astype(np.float32)
    turn = np.array([1, -1] + [1] * 8, np.float32)
    kept = measure_flip_invariance(symmetric, symmetric * turn, labels, folds)
    lost = measure_flip_invariance(directed, directed * turn, labels, folds)
    assert (
        kept.original_accuracy == lost.original_accuracy == kept.mirrored == 1
        and lost.mirrored == 0
    )
    assert make_evidence(classes=2, flip_invariance=kept).is_flip_invariant
    assert not make_evidence(classes=2, flip_invariance=lost).is_flip_invariant
    assert "falls from 100% on images to 0%" in describe_flip_invariance(
        make_evidence(flip_invariance=lost)
    )


def test_mirroring_is_given_up_only_when_sure():
    assert make_evidence(flip_invariance=FlipInvariance(0.6, 0.4, 0.15)).is_flip_invariant
    assert not make_evidence(flip_invariance=FlipInvariance(0.6, 0.4, 0.05)).is_flip_invariant
    assert make_evidence(flip_invariance=None).is_flip_invariant


@pytest.mark.parametrize("direction", [True, False], ids=["direction", "colour"])
def test_the_network_finds_out_whether_left_and_right_make_a_difference(direction):
    labels = np.arange(120) % 2
    ramp = np.linspace(0, 100, 64)[None, None, :, None]
    pixels = NOISE.integers(0, 100, (120, 64, 64, 3)) + np.zeros((120, 64, 64, 3))
    if direction:
        pixels += np.where(labels[:, None, None, None] == 1, ramp, ramp[:, :, ::-1])
    else:
        pixels[labels == 1, ..., 0] += 100
    found = measure_transferability(pixels.astype(np.uint8), labels, GROUPS[:120], SOURCE)
    assert found.flip_invariance.original_accuracy > 0.95
    assert found.is_flip_invariant is not direction
