"""Figures say what they show, take any name, and never grow without bound."""

import base64
import io
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from toy_readings import make_draws
from toy_runs import make_epoch, make_step
from toy_runs import make_log as number_events

from transfer_core.cases import TransferCase, judge_size, plan_strategy
from transfer_core.dataset import SPLITS
from transfer_core.figures.accuracies import describe_accuracies, plot_accuracies
from transfer_core.figures.attribution import (
    describe_attribution,
    describe_sanity_check,
    plot_attribution,
    plot_sanity_check,
)
from transfer_core.figures.calibration import describe_calibration_curve, plot_calibration_curve
from transfer_core.figures.classes import describe_class_counts, plot_class_counts
from transfer_core.figures.confusion import describe_confusion_matrix, plot_confusion_matrix
from transfer_core.figures.curves import (
    build_curve_traces,
    decimate,
    describe_curves,
    tabulate_epochs,
)
from transfer_core.figures.decision import plot_decision_diagram
from transfer_core.figures.decision_cells import CaseMarks
from transfer_core.figures.embedding_map import plot_embedding_projection
from transfer_core.figures.fine_tuning_gains import (
    describe_fine_tuning_gains,
    plot_fine_tuning_gains,
)
from transfer_core.figures.network import describe_network, plot_network
from transfer_core.figures.out_of_distribution import describe_distances, plot_distances
from transfer_core.figures.reliability import describe_reliability_diagram, plot_reliability_diagram
from transfer_core.figures.similarity import (
    describe_learning_curve,
    describe_reference_distances,
    describe_stage_accuracy,
    plot_learning_curve,
    plot_reference_distances,
    plot_stage_accuracy,
)
from transfer_core.figures.theme import (
    BLUE,
    GREEN,
    GREY,
    LAYER_STATE_STYLES,
    ORANGE,
    PURPLE,
    TEXT_ON_DARK,
    TEXT_ON_LIGHT,
    apply_layout,
    apply_theme,
    escape_label,
)
from transfer_core.inspection.attribution_sanity import SanityStep
from transfer_core.inspection.calibration import CalibrationBin, ConfidenceCalibration
from transfer_core.inspection.embedding_map import Projection
from transfer_core.inspection.out_of_distribution import OutOfDistributionDetector
from transfer_core.networks import get_network
from transfer_core.networks.surgery import summarise_network
from transfer_core.training.events import BaselineTrained, StageChange
from transfer_core.transferability.estimate import SimilarityEstimate
from transfer_core.transferability.evidence import (
    LearningCurve,
    StageEvidence,
    TransferabilityEvidence,
)
from transfer_core.transferability.similarity_calibration import BenchmarkResult, ReliabilityBin

SOURCE = get_network("demonstration")
SIZE = judge_size((300, 300), threshold=1_000)


def make_log(epochs=3, steps=10):
    events = []
    for epoch in range(1, epochs + 1):
        for step in range(1, steps + 1):
            done = (epoch - 1) * steps + step
            events.append(make_step(done, epoch=epoch - 1 + step / steps))
        ended = make_epoch(epoch, step=epoch * steps, train_loss=0.5, train_accuracy=0.8)
        ended = replace(ended, validation_loss=1 / epoch, validation_accuracy=0.7, best=epoch < 3)
        events.append(ended)
    return number_events(*events)


def test_states_differ_by_more_than_colour():
    assert len({hatching for _, hatching in LAYER_STATE_STYLES.values()}) == len(LAYER_STATE_STYLES)
    parts = summarise_network(
        SOURCE, plan_strategy(TransferCase(2), SOURCE.stage_names, kind=SOURCE.kind), 5
    )
    texts = [note.text for note in plot_network(parts).layout.annotations]
    assert all(part.state in text for part, text in zip(parts, texts, strict=True))


def test_a_frozen_layer_is_called_unchanged_and_a_moved_one_is_measured():
    parts = summarise_network(
        SOURCE, plan_strategy(TransferCase(2), SOURCE.stage_names, kind=SOURCE.kind, cut="conv1"), 5
    )
    changes = (StageChange("conv1", True, 0.0, False), StageChange("head", False, 0.25, False))
    told = describe_network(parts, changes)
    still = "frozen, weights unchanged to the bit, normalisation unchanged"
    assert f"Convolution 1 (64 x 16 x 16, 9,536 weights): {still}" in told
    assert "weights moved by 25.0% of their size" in told


def test_a_drawing_of_many_stages_gives_each_its_row():
    parts = summarise_network(
        SOURCE, plan_strategy(TransferCase(3), SOURCE.stage_names, kind=SOURCE.kind), 5
    )
    many = [replace(part, title=f"Stage {n}") for n, part in enumerate([*parts, *parts, *parts])]
    figure = plot_network(many)
    assert len(figure.layout.annotations) == len(many) == len(figure.layout.yaxis.ticktext)
    assert figure.layout.height >= 50 * len(many)


def test_decimation_keeps_spikes_and_ends_within_its_bound():
    values = np.zeros(50_000)
    values[12_345], values[40_000] = 9, -9
    kept = decimate(values, buckets=400)
    assert len(kept) <= 801
    assert {12_345, 40_000, len(values) - 1} <= set(kept.tolist())  # a live curve reaches its end
    assert (np.diff(kept) > 0).all()


def test_few_points_are_all_kept():
    assert decimate([3.0, 1.0, 2.0]).tolist() == [0, 1, 2]


def test_curves_hold_training_validation_and_the_best_epoch():
    charts = build_curve_traces(make_log())
    names = [trace["name"] for trace in charts["loss"]]
    assert names == ["training", "validation", "best epoch"]
    assert charts["loss"][2]["x"] == [2]
    assert charts["accuracy"][1]["y"] == [70.0, 70.0, 70.0]
    assert len(tabulate_epochs(make_log())) == 3
    assert "Best is epoch 2" in describe_curves(make_log())


def test_what_can_be_fallen_back_on_is_a_level_of_its_own_and_not_an_epoch():
    alone = make_epoch(
        0, train_loss=None, train_accuracy=None, validation_loss=0.1, validation_accuracy=0.9
    )
    events = [*number_events(alone), *make_log()]
    loss = build_curve_traces(events)["loss"]
    assert loss[1]["x"] == build_curve_traces(make_log())["loss"][1]["x"]
    assert (loss[3]["x"], loss[3]["y"]) == ([0, 3], [0.1, 0.1])
    assert tabulate_epochs(events)[0]["training loss"] is None
    only = number_events(alone)
    assert "Best is the new layer trained alone" in describe_curves(only)


def test_the_head_trained_alone_is_a_level_beside_the_epochs():
    events = [*number_events(BaselineTrained(0.1, 0.9, 30, 1.0)), *make_log()]
    loss, accuracy = build_curve_traces(events).values()
    assert (loss[3]["x"], loss[3]["y"]) == ([0, 3], [0.1, 0.1])
    assert accuracy[3]["y"] == [90, 90]
    assert len(tabulate_epochs(events)) == 3


def test_a_long_run_sends_at_most_a_thousand_points_a_series():
    charts = build_curve_traces(make_log(epochs=30, steps=200))
    longest = max(len(trace["x"]) for traces in charts.values() for trace in traces)
    assert 500 < longest <= 1_000


def test_curves_of_a_run_without_events_are_empty():
    assert all(trace["x"] == [] for trace in build_curve_traces(())["loss"])
    assert describe_curves(()) == "No epoch has ended."


def test_a_class_name_is_never_markup():
    assert escape_label("<img src=x onerror=alert(1)>") == "&lt;img src=x onerror=alert(1)&gt;"
    figure = plot_confusion_matrix([[3, 1], [0, 4]], ["<b>bold</b>", "x" * 5000])
    texts = figure.layout.xaxis.ticktext
    assert "<b>" not in texts[0] and len(texts[1]) < 50


@pytest.mark.parametrize("count", [2, 12, 13, 50])
def test_every_class_of_a_confusion_matrix_is_named_beside_its_row(count):
    counts = np.eye(count, dtype=int).tolist()
    figure = plot_confusion_matrix(counts, [f"class {n}" for n in range(count)])
    rows = figure.layout.yaxis.ticktext
    assert [row.startswith(f"class {n}") for n, row in enumerate(rows)] == [True] * count
    assert len(figure.layout.xaxis.ticktext) == len(figure.layout.xaxis.tickvals) <= 24
    assert "class 0 taken for class 0: 1 of 1 images, 100%" in figure.data[0].customdata[0][0]


def test_a_class_without_test_images_has_an_empty_row():
    figure = plot_confusion_matrix([[0, 0], [1, 3]], ["none", "some"])
    assert figure.to_plotly_json()["data"][0]["z"][0] == [None, None]


def test_the_commonest_confusion_is_named_first():
    told = describe_confusion_matrix([[3, 1, 0], [0, 1, 6], [0, 0, 2]], ["cat", "dog", "fox"])
    assert told.startswith("The commonest confusions: dog taken for fox (6 images)")


EVIDENCE = tuple(
    StageEvidence(name, name.title(), value, value - 0.05, value + 0.04, 0.3, 0.1, value)
    for name, value in (("conv1", 0.4), ("conv2", 0.6), ("fc1", 0.5))
)
CURVE = LearningCurve("conv2", (5, 10), (0.5, 0.6), (0.1, 0.02), (12, 24, 48), (0.62, 0.7, 0.75))
READINGS = TransferabilityEvidence(
    images=480,
    independent_images=480,
    num_near_duplicates=0,
    classes=10,
    min_images_per_class=48,
    stages=EVIDENCE,
    all_stages=EVIDENCE[1],
    early=2,
    draws=make_draws(gap=10, gain=30, leep=0.1, skill=0.5, spread=0.03),
    distance=0.2,
    leep=0.1,
    energy=6.0,
    pixels=0.3,
    best_cut="conv2",
    learning_curve=CURVE,
    flip_invariance=None,
)
ESTIMATE = SimilarityEstimate(
    "different",
    0.1,
    0.05,
    0.2,
    READINGS,
    ("reason",),
    (),
    (("photos", 0.03), ("noise", 0.65)),
)


def test_stages_are_drawn_with_intervals_guessing_and_the_cut():
    figure = plot_stage_accuracy(READINGS, cut="conv1")
    probe, untrained, guessing, cut = figure.data
    assert [round(v, 3) for v in probe.error_y.array] == [0.04] * 3
    assert [round(v, 3) for v in probe.error_y.arrayminus] == [0.05] * 3
    assert set(guessing.y) == {0.1}
    assert (cut.x, cut.y) == (("Conv1",), (0.4,))
    assert "Conv2 60% (random weights 30%)" in describe_stage_accuracy(READINGS)


def test_reference_distances_place_the_data_set_between_its_neighbours_on_a_logarithmic_axis():
    figure = plot_reference_distances(ESTIMATE)
    assert figure.layout.xaxis.type == "log"
    assert list(figure.data[0].y) == ["noise", "your images", "photos"]
    assert "further than photos and nearer than noise" in describe_reference_distances(ESTIMATE)


class ManyClasses:
    classes = tuple(f"class {n}" for n in range(60))

    def counts(self, split=None):
        return tuple(range(3, 63)) if split is None else tuple(range(1, 61))

    def indices(self, split):
        return range(sum(self.counts(split)))


def test_a_learning_curve_keeps_what_was_measured_apart_from_what_is_expected():
    measured, expected = plot_learning_curve(CURVE).data
    assert list(measured.y) == [0.5, 0.6] and list(expected.y) == [0.6, 0.62, 0.7, 0.75]
    assert "10 images per class 60%. If it goes on so: 12 about 62%" in describe_learning_curve(
        CURVE
    )


def test_gains_of_training_everything_are_told_apart_by_who_won():
    measured = (
        BenchmarkResult("faces", 375, 0.1, 0.5, 0.6, 0.7, 0.4),
        BenchmarkResult("cloth", 125, 0.2, 0.5, 0.6, 0.5, 0.9),  # random weights do not count
        BenchmarkResult("cells", 125, 0.1, 0.6, 0.5, 0.6, 0.4),
    )
    won, others = plot_fine_tuning_gains(measured).data
    assert list(won.text) == ["faces"] and list(others.text) == ["cloth", "cells"]
    assert list(others.y) == pytest.approx([-10, 0])
    said = describe_fine_tuning_gains(measured)
    assert "won on 1 of 3" in said
    assert "+10 points on faces with 375 pictures, -10 points on cloth" in said


def test_a_reliability_diagram_counts_what_was_true():
    bins = (ReliabilityBin(0.8, 1.0, 0.9, 7, 8),)
    assert list(plot_reliability_diagram(bins).data[1].y) == [7 / 8]
    assert "stated about 90%, truly similar 7 of 8" in describe_reliability_diagram(bins)


KNOWN = OutOfDistributionDetector(np.eye(8, dtype=np.float32), np.linspace(0.2, 0.8, 100))


def test_tried_images_stand_where_their_distance_is_beside_every_validation_image():
    figure = plot_distances(KNOWN, {"1": 0.3, "2": 1.1})
    bars, marks, line = figure.data
    assert sum(bars.y) == 100 and list(marks.x) == [0.3, 1.1]
    assert set(line.x) == {KNOWN.threshold} and 0.75 < KNOWN.threshold < 0.8
    told = describe_distances(KNOWN, {"1": 0.3, "2": 1.1})
    assert "image 2 at 1.1" in told and "100 validation images" in told


def test_too_few_validation_images_are_told_and_no_line_is_drawn():
    few = replace(KNOWN, conformal_scores=KNOWN.conformal_scores[:10])
    assert len(plot_distances(few, {"1": 0.3}).data) == 2
    assert "only 10 validation images" in describe_distances(few, {"1": 0.3})


def test_many_classes_are_drawn_as_the_largest_and_the_rest_is_told():
    figure = plot_class_counts(ManyClasses())
    assert [trace.name for trace in figure.data] == list(SPLITS)
    assert figure.layout.yaxis.ticktext[-1] == "class 59"
    assert len(figure.layout.yaxis.ticktext) == 40
    told = describe_class_counts(ManyClasses())
    assert "The 20 smallest, 250 images, are not drawn." in told


def test_each_cell_with_images_can_be_clicked_and_says_which_it_is():
    figure = plot_confusion_matrix([[3, 1], [0, 4]], ["cat", "dog"], chosen=(0, 1))
    (bars,) = (trace for trace in figure.data if trace.type == "bar")
    cells = zip(bars.customdata, bars.x, bars.base, strict=True)
    assert [(tuple(c), x, base) for c, x, base in cells] == [
        ((0, 0), 0, -0.5),
        ((0, 1), 1, -0.5),
        ((1, 1), 1, 0.5),
    ]
    assert set(bars.width if isinstance(bars.width, tuple) else [bars.width]) == {1}
    (outline,) = figure.layout.shapes
    assert (outline.x0, outline.x1, outline.y0, outline.y1) == (0.5, 1.5, -0.5, 0.5)
    assert figure.data[0].text[0][1] == "1<br>25%"


def test_a_matrix_of_very_many_classes_is_chosen_from_in_lists_alone():
    figure = plot_confusion_matrix(
        np.eye(60, dtype=int).tolist(), [f"class {n}" for n in range(60)]
    )
    assert [trace.type for trace in figure.data] == ["heatmap"]


CONFIDENCE = ConfidenceCalibration(
    (CalibrationBin(10, 0.55, 4), CalibrationBin(30, 0.95, 29)), 0.05
)
ROWS = [("case 3", 0.8, 0.7, 0.9), ("case 1", 0.6, 0.5, 0.7)]
STEPS = (SanityStep("New layer", 0.6, 0.1), SanityStep("Convolution 1", 0.0, 0.1))


def test_confidence_is_drawn_with_intervals_and_the_images_behind_each_point():
    _, measured, images = plot_calibration_curve(CONFIDENCE).data
    assert list(measured.y) == [0.4, 29 / 30] and list(images.y) == [10, 30]
    low, high = CONFIDENCE.bins[0].interval
    assert measured.error_y.array[0] == pytest.approx(high - 0.4)
    assert measured.error_y.arrayminus[0] == pytest.approx(0.4 - low)
    assert "about 95% sure, right 29 of 30" in describe_calibration_curve(CONFIDENCE)


def test_accuracies_are_drawn_with_intervals_beside_always_saying_the_same_class():
    figure = plot_accuracies(ROWS, 0.3)
    assert [trace.x for trace in figure.data[:2]] == [(0.8,), (0.6,)]
    assert [shape.x0 for shape in figure.layout.shapes] == [0.3]
    assert "case 1 60.0% (50.0% to 70.0%); always the same class 30.0%" in describe_accuracies(
        ROWS, 0.3
    )


def test_no_two_of_forty_classes_look_alike_on_the_embedding_map():
    labels, plane = np.arange(40), Projection(np.zeros((40, 2), np.float32), None)
    names = [f"class {n}" for n in labels]
    figure = plot_embedding_projection(plane, labels, labels, names, "Before training", chosen=3)
    looks = {(t.marker.color, t.marker.symbol) for t in figure.data[:40]}
    assert len(looks) == 40
    assert figure.data[3].customdata.tolist() == [3]
    assert figure.data[40].name == "chosen image"


def make_overlay(evidence):
    figure = plot_attribution(np.full((64, 64, 3), 100, np.uint8), evidence, "predicted: cat")
    source = figure.layout.images[0].source
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))


def test_an_overlay_is_grey_where_there_is_no_evidence_and_tinted_where_there_is():
    evidence = np.zeros((64, 64), np.float32)
    evidence[40:60, 5:25] = 0.9
    evidence[50, 10] = 1
    pixels = make_overlay(evidence).astype(int)
    assert np.ptp(pixels[10, 200]) == 0
    red, green, blue = pixels[300, 90]
    assert red > green > blue
    told = describe_attribution(evidence, "cat")
    assert "at the lower left; 10% of the image" in told
    assert "Nothing in this image speaks for cat" in describe_attribution(0 * evidence, "cat")


def test_the_sanity_figure_begins_with_nothing_randomised():
    (line,) = plot_sanity_check(STEPS).data
    assert list(line.y) == [1.0, 0.6, 0.0] and line.x[0] == "nothing"
    assert "New layer 0.60, Convolution 1 0.00" in describe_sanity_check(STEPS)


def make_figures():
    parts = summarise_network(
        SOURCE, plan_strategy(TransferCase(2), SOURCE.stage_names, kind=SOURCE.kind), 5
    )
    return {
        "decision": plot_decision_diagram(SIZE, ESTIMATE, CaseMarks(TransferCase(1)), {}),
        "stages": plot_stage_accuracy(READINGS),
        "curve": plot_learning_curve(CURVE),
        "reference distances": plot_reference_distances(ESTIMATE),
        "confusion": plot_confusion_matrix([[3, 1], [0, 4]], ["cat", "dog"]),
        "classes": plot_class_counts(ManyClasses()),
        "distances": plot_distances(KNOWN, {"1": 0.3}),
        "network": plot_network(parts),
        "confidence": plot_calibration_curve(CONFIDENCE),
        "accuracies": plot_accuracies(ROWS, 0.3),
        "sanity": plot_sanity_check(STEPS),
    }


@pytest.mark.parametrize("name", make_figures())
def test_every_figure_has_a_title_and_labelled_axes(name):
    layout = make_figures()[name].layout
    assert layout.title.text and len(layout.title.text) <= 45  # fits a phone
    if name not in {"network", "reference distances"}:  # there each row carries its own name
        assert layout.yaxis.title.text
    if name != "network":
        assert layout.xaxis.title.text


def compute_contrast(first, second):
    def compute_luminance(colour):
        values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((compute_luminance(first), compute_luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("background", ["#ffffff", "#f3f5f8", "#10151d", "#1b222d"])
def test_colours_contrast_three_to_one_with_the_backgrounds_of_both_themes(background):
    assert min(compute_contrast(c, background) for c in (BLUE, ORANGE, GREEN, PURPLE, GREY)) >= 3


def test_themed_text_contrasts_strongly():
    assert (
        compute_contrast(TEXT_ON_LIGHT, "#f3f5f8") > 7
        and compute_contrast(TEXT_ON_DARK, "#1b222d") > 7
    )
    figure = apply_theme(go.Figure(layout={"title": "title"}), dark=True)
    assert figure.layout.font.color == figure.layout.title.font.color == TEXT_ON_DARK
    assert figure.layout.title.text == "title"


def test_presented_figures_have_larger_type_and_lines():
    figure = apply_layout(go.Figure(go.Scatter(x=[0, 1], y=[0, 1])), "A line", height=300)
    presented = apply_theme(figure, dark=False, scale=1.6)
    assert presented.layout.font.size == pytest.approx(12 * 1.6)
    assert presented.data[0].line.width == pytest.approx(2 * 1.6)
    assert presented.layout.height > 300
