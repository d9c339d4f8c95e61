"""The decision diagram: a click on a cell chooses its option, and the line can be dragged."""

from dataclasses import asdict
from pathlib import Path

import streamlit as st

from pages.shared import session
from pages.shared.choice import Choice, choose_option
from pages.shared.journey import DIVIDING_LINES
from pages.shared.network_drawing import NETWORK_SVG_SCRIPT, make_drawing
from pages.shared.presenting import get_scale
from transfer_core.cases import DEFAULT_LINE, TEXTBOOK_SMALL_IMAGES, TransferCase
from transfer_core.dataset import DataSet
from transfer_core.figures import CaseMarks, Crossover, build_decision_diagram
from transfer_core.languages import _, get_language
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import SimilarityEstimate, load_calibration

DIAGRAM_KEY = "decide_diagram"
NUMBER_KEY = f"{DIAGRAM_KEY}_number"  # of the diagram's message that was read last
HEIGHT_PIXELS = 420  # on a wide screen
_FILE = Path(__file__)
_COMPONENT = st.components.v2.component(
    "transfer_lab_decision_diagram",
    html='<div class="decision-diagram"></div>',
    css=_FILE.with_suffix(".css").read_text(encoding="utf-8"),
    js=NETWORK_SVG_SCRIPT + _FILE.with_suffix(".js").read_text(encoding="utf-8"),
    isolate_styles=False,  # so that the page's own tools see the drawing
)


def show_diagram(
    data: DataSet,
    source: SourceNetwork,
    estimate: SimilarityEstimate,
    choice: Choice,
) -> None:
    """Draw the four cells with what each reaches, the data set as a point, and the line."""
    work, textbook, best = session.get_journey(), choice.textbook, choice.options.recommended
    options = {case: choice.options.find(key) for case, key in choice.cell_keys.items()}
    crossover = find_crossover(data, source)
    diagram = build_decision_diagram(
        textbook.size,
        estimate,
        CaseMarks.collect(
            textbook.case,
            best and best.strategy,
            choice.strategy,
            alternative=textbook.alternative,
        ),
        options,
        choice.results,
        own_answer=None if work.answer == "estimate" else work.answer,
        crossover=crossover,
    )
    given = asdict(diagram)
    for cell in given["cells"]:
        strategy = options[TransferCase(cell["case"])].strategy
        cell["drawing"] = asdict(make_drawing(source, strategy, data.classes))
    with st.container(key=DIAGRAM_KEY):
        _COMPONENT(
            key=f"{DIAGRAM_KEY}_svg",
            data={
                "diagram": given,
                "lines": DIVIDING_LINES,
                "height": HEIGHT_PIXELS,
                "scale": get_scale(),
                "number": st.session_state.get(NUMBER_KEY, 0),
                "words": list_words(),
                "locale": get_language(),
            },
            on_wish_change=lambda: _take_wish(choice),
        )
        legend = _("◆ your images, 80 % interval")
        if crossover is not None:
            legend += " · " + _("▸ from here training everything won on average")
        st.caption(legend, help=crossover and crossover.describe())


def list_words() -> dict[str, str]:
    """The words that are written into the drawing."""
    return {
        "case": _("Case {case}: {title}"),
        "recommended": _("★ recommended"),
        "textbook": _("textbook"),
        "maybe": _("textbook, {probability}%"),
        "chosen": _("✓ chosen"),
        "small": _("small"),
        "large": _("large"),
        "similar": _("similar to its photos"),
        "different": _("different from its photos"),
        "similar_short": _("similar"),
        "different_short": _("different"),
        "own": _("your images"),
        "million": _("1 million"),
        "handle": _("Small below this many images"),
        "line_small": _("{line} images: your {images} are small"),
        "line_large": _("{line} images: your {images} are large"),
    }


def find_crossover(data: DataSet, source: SourceNetwork) -> Crossover | None:
    """From how many images training everything won on average, with how often that was so."""
    calibration = load_calibration(source)
    if calibration.crossover is None:
        return None
    small = [each for each in calibration.measured if each.images < TEXTBOOK_SMALL_IMAGES]
    return Crossover(
        round(calibration.crossover),
        round(calibration.crossover) * len(data.classes),
        sum(each.fine_tuning_gain > 0 for each in small),
        len(small),
    )


def _take_wish(choice: Choice) -> None:
    """Take the line let go of and the cell clicked, and note the message that said so."""
    wish = st.session_state[f"{DIAGRAM_KEY}_svg"].get("wish") or {}
    st.session_state[NUMBER_KEY] = wish.get("number", 0)
    line, number = wish.get("line"), wish.get("cell")
    if line in DIVIDING_LINES:
        session.change(line=None if line == DEFAULT_LINE else line)
    if number in choice.cell_keys:  # a case is its number
        choose_option(choice.cell_keys[TransferCase(number)], choice.default.key)
