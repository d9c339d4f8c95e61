"""What Decide draws: the decision diagram and the options side by side."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from transfer_core.cases import TransferCase, judge_size, list_strategies
from transfer_core.figures.decision import (
    CROSSOVER_NAME,
    describe_decision,
    plot_decision_diagram,
)
from transfer_core.figures.decision_cells import CaseMarks
from transfer_core.figures.options import describe_options, describe_seconds, plot_options
from transfer_core.figures.theme import TRANSPARENT
from transfer_core.networks import get_network
from transfer_core.transferability.options import Option

SOURCE = get_network("demonstration")
SIZE = judge_size((300, 300), threshold=1_000)
LIKELY = SimpleNamespace(probability=0.9, low=0.8, high=0.95)
UNCERTAIN = SimpleNamespace(probability=0.5, low=0.2, high=0.8)
STRATEGIES = list_strategies(SOURCE.stage_names, SOURCE.kind)
MARKS = CaseMarks(TransferCase(1), TransferCase(3), TransferCase(4))


def make_option(key: str, accuracy: float | None = 0.9, **changes) -> Option:
    low, high = (None, None) if accuracy is None else (accuracy - 0.03, accuracy + 0.02)
    strategy = STRATEGIES[key]
    measured = bool(strategy.frozen)
    made = Option(
        key, strategy, f"way {key}", accuracy, low, high, 180.0, 300.0, measured, recommended=False
    )
    return replace(made, **changes)


OPTIONS = [
    make_option("1", 0.93, seconds_low=4.0, seconds_high=4.4),
    make_option("3", 0.94),
    make_option("all-stages", 0.8),
    make_option("last-stages", None, note="Too few images."),
]
CELLS = {TransferCase(1): OPTIONS[0], TransferCase(3): OPTIONS[1]}


def read_cells(figure):
    return {int(trace.customdata[0]): trace for trace in figure.data if trace.type == "bar"}


def join_texts(figure) -> str:
    return " ".join(note.text for note in figure.layout.annotations)


def find_point(figure):
    return next(t for t in figure.data if t.name and "your images" in t.name)


def test_each_cell_can_be_clicked_all_over_and_carries_its_case():
    cells = read_cells(plot_decision_diagram(SIZE, None, MARKS, {}))
    assert sorted(cells) == [1, 2, 3, 4]
    area = sum(float(cell.width) * cell.y[0] for cell in cells.values())
    assert area > 0.95  # of the whole diagram


def test_the_voices_are_outlined_differently_and_the_choice_is_filled():
    figure = plot_decision_diagram(SIZE, None, MARKS, {})
    filled = [case for case, cell in read_cells(figure).items() if cell.marker.color != TRANSPARENT]
    assert filled == [4]
    textbook, best = (shape for shape in figure.layout.shapes if shape.type == "rect")
    assert textbook.x0 > 0.5 and textbook.y1 < best.y0
    assert textbook.line.dash is None and best.line.dash == "dash"


def test_each_mark_is_a_word_too():
    texts = [note.text for note in plot_decision_diagram(SIZE, None, MARKS, {}).layout.annotations]
    for word, case in (("textbook", 1), ("★ recommended", 3), ("chosen", 4)):
        assert word in next(texts[i + 1] for i, t in enumerate(texts) if f"Case {case}" in t)


def test_accuracy_and_time_of_a_case_stand_in_its_cell():
    texts = join_texts(plot_decision_diagram(SIZE, LIKELY, MARKS, CELLS))
    assert "<b>93% (90–95%)</b><br>measured · 4 s" in texts
    assert "<b>94% (91–96%)</b><br>forecast · 3–5 min" in texts


@pytest.mark.parametrize("line", [20, 50, 1_000, 10**6])
@pytest.mark.parametrize("images", [(1, 1), (10**7, 10**7)])
def test_no_cell_vanishes_wherever_line_and_point_lie(line, images):
    figure = plot_decision_diagram(judge_size(images, line), LIKELY, MARKS, CELLS)
    low, high = figure.layout.yaxis.range
    assert low <= find_point(figure).y[0] <= high
    assert all(cell.y[0] > 0.35 for cell in read_cells(figure).values())


@pytest.mark.parametrize("line", [20, 1_000, 20_000, 1_000_000])
@pytest.mark.parametrize("images", [11, 600, 999, 1_000, 50_000, 2_000_000])
def test_the_point_lies_in_the_row_of_its_answer(line, images):
    size = judge_size((images,), line)
    figure = plot_decision_diagram(size, UNCERTAIN, CaseMarks(), {})
    small = read_cells(figure)[1]
    top = small.base[0] + small.y[0] + small.base[0]  # the gap is the same below and above
    assert (find_point(figure).y[0] < top) == (size.answer == "small")


def test_the_point_has_the_width_of_its_interval():
    bar = find_point(plot_decision_diagram(SIZE, UNCERTAIN, MARKS, {})).error_x
    assert (bar.array[0], bar.arrayminus[0]) == pytest.approx((0.3, 0.3))


@pytest.mark.parametrize("line", [20, 1_100, 1_000_000])
def test_the_line_is_named_on_the_axis_in_order_with_the_other_marks(line):
    axis = plot_decision_diagram(judge_size((300,), line), None, MARKS, {}).layout.yaxis
    ticks = dict(zip(axis.ticktext, axis.tickvals, strict=True))
    height = ticks.pop(f"<b>line<br>{line:,}</b>")
    assert list(ticks.values()) == sorted(ticks.values())
    assert all(abs(height - each) > 0.05 for each in ticks.values())


def test_where_training_everything_began_to_win_is_a_second_mark():
    names = [t.name for t in plot_decision_diagram(SIZE, LIKELY, MARKS, {}).data]
    assert CROSSOVER_NAME not in names
    figure = plot_decision_diagram(SIZE, LIKELY, MARKS, {}, crossover=600)
    (mark,) = (t for t in figure.data if t.name == CROSSOVER_NAME)
    assert mark.y[0] == pytest.approx(find_point(figure).y[0])  # it has 600 images
    told = describe_decision(SIZE, LIKELY, MARKS, {}, crossover=600)
    assert "training everything began to win from 600 images" in told


def test_the_diagrams_words_keep_the_voices_apart():
    told = describe_decision(SIZE, LIKELY, MARKS, CELLS)
    assert "The textbook's case is Case 1: small, similar." in told
    assert "Recommended is Case 3: large, similar." in told
    assert "Chosen is Case 4: large, different." in told
    assert "Case 3: 94% (91–96%), forecast · 3–5 min." in told


def test_a_persons_own_answer_is_told_beside_the_estimate():
    told = describe_decision(SIZE, LIKELY, MARKS, {}, own_answer="different")
    assert "Similar with probability 90%, says the network. You say: different" in told


def plot_rows(results=None, chosen="3"):
    return plot_options(OPTIONS, {"1": ["textbook"]}, results or {}, chosen=chosen)


def test_each_option_has_a_row_to_click_and_the_chosen_one_is_filled():
    rows = {t.customdata[0]: t for t in plot_rows().data if t.type == "bar"}
    assert list(rows) == ["1", "3", "all-stages", "last-stages"]
    filled = [key for key, row in rows.items() if row.marker.color != TRANSPARENT]
    assert filled == ["3"]
    heights = [row.y[0] for row in rows.values()]
    assert heights == sorted(heights) and heights[2] - heights[1] > 1  # a title in between


def test_measured_and_forecast_differ_by_symbol_and_have_their_intervals():
    marks = {t.name: t for t in plot_rows().data if t.name}
    measured, forecast = marks["measured on your images"], marks["forecast"]
    assert (measured.x, forecast.x) == ((0.93, 0.8), (0.94,))
    assert measured.marker.symbol != forecast.marker.symbol
    assert forecast.error_x.array[0] == pytest.approx(0.02)
    assert forecast.error_x.arrayminus[0] == pytest.approx(0.03)


def test_groups_marks_and_numbers_of_the_options_are_written():
    texts = join_texts(plot_rows())
    for part in ("The four cases", "Beyond the textbook", "<b>way 1</b> · textbook"):
        assert part in texts
    assert "<b>accuracy unknown</b><br>3–5 min" in texts


def test_a_runs_result_stands_beside_the_forecast():
    figure = plot_rows(results={"3": 0.91})
    (star,) = (t for t in figure.data if t.name == "measured by a run")
    assert star.x == (0.91,)
    assert "forecast · 3–5 min · run: 91%" in join_texts(figure)
    told = describe_options(OPTIONS, {"3": ["★ recommended"]}, {"3": 0.91})
    assert "way 3 (recommended): 94% (91–96%), forecast · 3–5 min, a run reached 91%" in told


def test_options_of_which_nothing_is_known_can_be_drawn():
    unknown = [replace(each, accuracy=None, low=None, high=None) for each in OPTIONS]
    figure = plot_options(unknown, {}, {}, chosen="1")
    assert [t.name for t in figure.data if t.name] == []


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (None, None, "time unknown"),
        (0.2, 0.4, "1 s"),
        (3.8, 4.2, "4 s"),
        (40, 80, "40–80 s"),
        (50, 100, "1–2 min"),
        (4_000, 9_000, "1–2 h"),
    ],
)
def test_seconds_are_told_short(low, high, told):
    assert describe_seconds(low, high) == told
