"""Figures of several runs: runs differ without colour, and every figure has words."""

from dataclasses import replace

from test_figures import make_log
from toy_runs import make_epoch
from toy_runs import make_log as number_events

from transfer_core.figures.comparison import (
    describe_differences,
    describe_run_curves,
    plot_differences,
    plot_run_curves,
)
from transfer_core.inspection.comparison import PairedComparison

LETTERS = "ABCDEFGH"
SURE = PairedComparison(100, 0, 0, 60, 25, 5, 0.0003, 0.1, 0.3)
CHANCE = replace(SURE, only_second=20, p_value=0.55, low=-0.08, high=0.18)


def make_logs(count: int = 8):
    return {letter: make_log(epochs=number + 2) for number, letter in enumerate(LETTERS[:count])}


def test_eight_curves_are_told_apart_without_colour():
    figure = plot_run_curves(make_logs(), "loss", "validation")
    looks = {(trace.line.dash, trace.marker.symbol) for trace in figure.data}
    assert len(looks) == 8
    assert [trace.text[-1] for trace in figure.data] == list(LETTERS)  # at the curve's end


def test_curves_show_the_epochs_of_their_run_in_their_unit():
    figure = plot_run_curves(make_logs(1), "accuracy", "training")
    assert list(figure.data[0].x) == [1, 2]
    assert list(figure.data[0].y) == [80, 80]
    assert figure.layout.yaxis.title.text == "training accuracy (%)"


def test_the_layer_to_fall_back_on_is_no_epoch_of_the_curve():
    alone = make_epoch(0, train_loss=None, validation_loss=0.1)
    events = [*number_events(alone), *make_log(epochs=2)]
    assert list(plot_run_curves({"A": events}, "loss", "training").data[0].x) == [1, 2]


def test_a_run_without_an_epoch_is_drawn_and_told_as_such():
    assert len(plot_run_curves({"A": make_log(), "B": []}, "loss", "validation").data) == 2
    assert "B has no epoch" in describe_run_curves({"B": []}, "loss", "validation")


def test_curves_in_words_name_the_best_epoch_and_the_end():
    told = describe_run_curves({"A": make_log(epochs=3)}, "loss", "validation")
    best = "A comes to its best value in epoch 3 of 3 with 0.333"
    assert told == f"Validation loss: {best} and ends at 0.333."


def test_differences_carry_their_interval_and_mark_what_may_be_chance_by_shape():
    figure = plot_differences({"A minus B": SURE, "A minus C": CHANCE})
    (trace,) = figure.data
    assert list(trace.x) == [20, 5]
    assert trace.x[0] + trace.error_x.array[0] == 30
    assert trace.x[0] - trace.error_x.arrayminus[0] == 10
    assert list(trace.marker.symbol) == ["circle", "circle-open"]


def test_differences_in_words_give_every_number():
    text = describe_differences({"A minus C": CHANCE})
    assert "A minus C: +5.0 points (-8.0 to +18.0)" in text
