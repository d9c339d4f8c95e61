"""What Decide draws: the decision diagram and the options side by side."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from transfer_core.cases import TransferCase, judge_size, list_strategies
from transfer_core.figures.decision import (
    CROSSOVER_NAME,
    Crossover,
    describe_decision,
    plot_decision_diagram,
)
from transfer_core.figures.decision_cells import CaseMarks
from transfer_core.figures.decision_diagram import build_decision_diagram, rank_accuracies
from transfer_core.figures.options import describe_options, describe_seconds
from transfer_core.figures.theme import TRANSPARENT
from transfer_core.inspection import CaseResult
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


CROSSOVER = Crossover(8, 600, wins=5, sets=9)


def test_a_crossover_without_counted_image_sets_names_none():
    assert "only on 5 of 9 image sets" in CROSSOVER.describe()
    assert Crossover(8, 600, wins=0, sets=0).describe().endswith("won on average in our tests.")


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
    figure = plot_decision_diagram(SIZE, LIKELY, MARKS, {}, crossover=CROSSOVER)
    (mark,) = (t for t in figure.data if t.name == CROSSOVER_NAME)
    assert mark.y[0] == pytest.approx(find_point(figure).y[0])  # it has 600 images
    told = describe_decision(SIZE, LIKELY, MARKS, {}, crossover=CROSSOVER)
    assert "8 images of each class, 600 in all, training everything won on average" in told
    assert "though only on 5 of 9 image sets" in told


def test_the_diagrams_words_keep_the_voices_apart():
    told = describe_decision(SIZE, LIKELY, MARKS, CELLS)
    assert "The textbook's case is Case 1: small, similar." in told
    assert "Recommended is Case 3: large, similar." in told
    assert "Chosen is Case 4: large, different." in told
    assert "Case 3: 94% (91–96%), forecast · 3–5 min." in told


def test_a_persons_own_answer_is_told_beside_the_estimate():
    told = describe_decision(SIZE, LIKELY, MARKS, {}, own_answer="different")
    assert "Similar with probability 90%, says the network. You say: different" in told


def test_a_runs_result_stands_beside_the_forecast():
    told = describe_options(OPTIONS, {"3": ["★ recommended"]}, {"3": "91.0% (89–93%)"})
    assert "way 3 (recommended): 91 to 96%, forecast · 3–5 min, your run reached 91.0%" in told
    assert "way last-stages: accuracy unknown, 3–5 min" in told


FOUR = {
    TransferCase(number): make_option(key, accuracy)
    for number, key, accuracy in ((1, "1", 0.93), (2, "2-conv2", 0.8), (3, "3", 0.94))
} | {TransferCase(4): make_option("4-random", None)}


def make_result(key: str, accuracy: float, **changes) -> CaseResult:
    made = CaseResult(key, ("a",), accuracy, accuracy - 0.02, accuracy + 0.02, 12.0, 10, 10)
    return replace(made, **changes)


def build(results=None, marks=MARKS, **given):
    found = {each.key: each for each in results or ()}
    return build_decision_diagram(SIZE, LIKELY, marks, FOUR, found, **given)


def test_the_diagram_holds_what_is_expected_of_each_case_and_how_it_is_known():
    cells = {cell.case: cell for cell in build().cells}
    assert (cells[1].accuracy, cells[1].knowledge) == ("90 to 95%", "measured · 3–5 min")
    assert (cells[3].accuracy, cells[3].knowledge) == ("91 to 96%", "forecast · 3–5 min")
    assert (cells[4].accuracy, cells[4].knowledge) == ("", "3–5 min")
    assert [(c.size, c.similarity) for c in (cells[1], cells[4])] == [
        ("small", "similar"),
        ("large", "different"),
    ]
    assert all(cell.shade is None for cell in cells.values())


def test_a_run_replaces_what_was_expected_and_shades_its_cell_by_rank():
    shortened = make_result("4-random", 0.5, epochs=4, runs=("a", "b"))
    diagram = build([make_result("1", 0.9), make_result("3", 0.8), shortened])
    cells = {cell.case: cell for cell in diagram.cells}
    assert (cells[1].accuracy, cells[1].knowledge) == ("90.0% (88–92%)", "trained · 12 s")
    assert cells[4].knowledge == "trained · 12 s · 2 seeds · 4/10 epochs"
    assert [cells[case].shade for case in (1, 3, 4)] == pytest.approx([1, 0.75, 0])
    assert cells[2].shade is None
    assert "A run of case 3 reached 80.0% (78–82%), trained · 12 s." in diagram.description


def test_the_diagram_says_its_point_line_and_marks_to_those_who_do_not_see_it():
    diagram = build(own_answer="different", crossover=CROSSOVER)
    assert (diagram.point.images, diagram.line, diagram.crossover) == (600, 1_000, 600)
    assert diagram.similarity == "similar"  # of the textbook's case
    for words in (
        "600 images",
        "line is at 1,000",
        "Recommended is Case 3",
        "8 images of each class",
    ):
        assert words in diagram.description
    assert [cell.case for cell in diagram.cells if cell.is_recommended] == [3]
    assert [cell.case for cell in diagram.cells if cell.is_chosen] == [4]


def test_one_result_alone_is_the_best_and_equal_ones_are_all():
    assert rank_accuracies({}) == {}
    assert rank_accuracies({"1": 0.4}) == {"1": 1.0}
    assert rank_accuracies({"1": 0.4, "3": 0.4}) == {"1": 1.0, "3": 1.0}


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
