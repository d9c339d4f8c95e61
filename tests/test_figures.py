"""Figures say what they show, take any name, and never grow without bound."""

import numpy as np
import pytest

from transfer_core.cases import TransferCase, judge_size, plan
from transfer_core.figures.confusion import confusion_matrix, describe_confusion
from transfer_core.figures.curves import curves_table, decimate, describe_curves, live_curves
from transfer_core.figures.decision import Position, decision_diagram, describe_decision
from transfer_core.figures.network import describe_network, network_drawing
from transfer_core.figures.theme import STATES, plain
from transfer_core.networks import get
from transfer_core.runs.records import RunEvent
from transfer_core.surgery import describe
from transfer_core.training.events import LayerChange

SOURCE = get("demonstration")
SIZE = judge_size((300, 300), line=1_000)


def log(epochs=3, steps=10):
    events = []
    for epoch in range(1, epochs + 1):
        for step in range(1, steps + 1):
            at = {"step": (epoch - 1) * steps + step, "epoch": epoch - 1 + step / steps}
            events.append(("stepped", at | {"loss": 1 / at["step"], "accuracy": 0.5}))
        ended = {"epoch": epoch, "step": epoch * steps, "train_loss": 0.5, "train_accuracy": 0.8}
        ended |= {"validation_loss": 1 / epoch, "validation_accuracy": 0.7, "best": epoch < 3}
        events.append(("epoch_ended", ended))
    return tuple(RunEvent(n, 0.0, kind, values) for n, (kind, values) in enumerate(events, 1))


def test_each_cell_can_be_clicked_and_carries_its_case():
    figure = decision_diagram(SIZE, None, TransferCase(1), TransferCase(4))
    cells = [trace for trace in figure.data if trace.customdata is not None]
    assert sorted(int(trace.customdata[0]) for trace in cells) == [1, 2, 3, 4]


@pytest.mark.parametrize("line", [1, 50, 1_000, 10**9])
@pytest.mark.parametrize("images", [(1, 1), (10**7, 10**7)])
def test_no_cell_vanishes_wherever_line_and_point_lie(line, images):
    position = Position(0.9, 0.7, 0.95)
    figure = decision_diagram(judge_size(images, line), position, TransferCase(3), TransferCase(3))
    low, high = figure.layout.yaxis.range
    point = next(t for t in figure.data if t.name and "your data set" in t.name)
    assert low <= point.y[0] <= high
    cells = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert all(shape.y1 - shape.y0 > 0.3 for shape in cells)


def test_the_diagrams_words_name_advice_and_choice():
    told = describe_decision(SIZE, Position(0.9, 0.8, 1.0), TransferCase(1), TransferCase(2))
    assert "Advised is Case 1: small, similar." in told
    assert "Chosen is Case 2: small, different." in told


def test_states_differ_by_more_than_colour():
    looks = [hatching for _, hatching in STATES.values()]
    assert len(set(looks)) >= 4
    parts = describe(SOURCE, plan(TransferCase(2), SOURCE.stage_names), 5)
    texts = [note.text for note in network_drawing(parts).layout.annotations]
    assert all(part.state in text for part, text in zip(parts, texts, strict=True))


def test_a_frozen_layer_is_called_bit_identical_and_a_moved_one_is_measured():
    parts = describe(SOURCE, plan(TransferCase(2), SOURCE.stage_names, cut="conv1"), 5)
    changes = (LayerChange("conv1", True, 0.0, False), LayerChange("new", False, 0.25, False))
    told = describe_network(parts, changes)
    assert "Convolution 1 (64 x 16 x 16, 9,536 weights): frozen, weights bit-identical" in told
    assert "weights changed by 25.00%" in told


def test_decimation_keeps_spikes_and_ends_within_its_bound():
    values = np.zeros(50_000)
    values[12_345], values[40_000] = 9, -9
    kept = decimate(values, buckets=400)
    assert len(kept) <= 800
    assert {12_345, 40_000} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all()


def test_few_points_are_all_kept():
    assert decimate([3.0, 1.0, 2.0]).tolist() == [0, 1, 2]


def test_curves_hold_training_validation_and_the_best_epoch():
    charts = live_curves(log())
    names = [trace["name"] for trace in charts["loss"]]
    assert names == ["training", "validation", "best epoch"]
    assert charts["loss"][2]["x"] == [2]
    assert charts["accuracy"][1]["y"] == [70.0, 70.0, 70.0]
    assert len(curves_table(log())) == 3
    assert "Best so far is epoch 2" in describe_curves(log())


def test_curves_of_a_run_without_events_are_empty():
    assert all(trace["x"] == [] for trace in live_curves(())["loss"])
    assert describe_curves(()) == "No epoch has ended yet."


def test_a_class_name_is_never_markup():
    assert plain("<img src=x onerror=alert(1)>") == "&lt;img src=x onerror=alert(1)&gt;"
    figure = confusion_matrix([[3, 1], [0, 4]], ["<b>bold</b>", "x" * 5000])
    texts = figure.layout.xaxis.ticktext
    assert "<b>" not in texts[0] and len(texts[1]) < 50


def test_the_commonest_confusion_is_named_first():
    told = describe_confusion([[3, 1, 0], [0, 1, 6], [0, 0, 2]], ["cat", "dog", "fox"])
    assert told.startswith("The commonest confusions: dog for fox (6 images)")
