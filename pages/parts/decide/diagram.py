"""The decision diagram; a click on a cell chooses the option that stands for its case."""

from pages.shared import session
from pages.shared.choice import Choice, choose_option
from pages.shared.layout import disable_taps, show_figure
from transfer_core.cases import TransferCase
from transfer_core.dataset import DataSet
from transfer_core.figures import CaseMarks, describe_decision, plot_decision_diagram
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import SimilarityEstimate, load_calibration

DIAGRAM_KEY_PREFIX = "decide_diagram"


def show_diagram(
    data: DataSet, source: SourceNetwork, estimate: SimilarityEstimate, choice: Choice
) -> None:
    """Draw the four cells with what each reaches, and the data set as a point."""
    work, textbook = session.get_workspace(), choice.textbook
    best = choice.options.recommended
    marks = CaseMarks.collect(textbook.case, best and best.strategy, choice.strategy)
    options = {case: choice.options.find(key) for case, key in choice.cell_keys.items()}
    crossover = find_crossover(data, source)
    own_answer = None if work.answer == "estimate" else work.answer
    # A new widget after every choice: a click while the page still runs would leave the old
    # selection, and the case would be chosen again.
    key = f"{DIAGRAM_KEY_PREFIX}_{choice.option.key}_{textbook.size.line}_{work.option_choices}"
    show_figure(
        plot_decision_diagram(textbook.size, estimate, marks, options, crossover=crossover),
        describe_decision(
            textbook.size, estimate, marks, options, own_answer=own_answer, crossover=crossover
        ),
        key=key,
        caption=False,
        on_select=lambda: _take_clicked(key, choice),
        selection_mode="points",
    )
    disable_taps(DIAGRAM_KEY_PREFIX)


def find_crossover(data: DataSet, source: SourceNetwork) -> int | None:
    """Images from which training everything began to win on the image sets measured."""
    per_class = load_calibration(source).crossover
    return None if per_class is None else round(per_class * len(data.classes))


def _take_clicked(key: str, choice: Choice) -> None:
    clicked = session.get_clicked_point(key)
    if clicked is not None:
        number = clicked[0] if isinstance(clicked, list) else clicked
        choose_option(choice.cell_keys[TransferCase(number)], choice.default.key)
