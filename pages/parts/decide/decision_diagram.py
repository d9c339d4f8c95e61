"""The decision diagram: a click on a cell chooses its option, and the line can be dragged."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import streamlit as st

from pages.shared import session
from pages.shared.choice import Choice, choose_option
from pages.shared.network_drawing import NETWORK_SVG_SCRIPT, make_drawing
from pages.shared.workspace import DIVIDING_LINES
from transfer_core.cases import DEFAULT_LINE, TransferCase
from transfer_core.dataset import DataSet
from transfer_core.figures import (
    CaseMarks,
    build_decision_diagram,
)
from transfer_core.inspection import CaseResult
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
    results: Mapping[str, CaseResult],
) -> None:
    """Draw the four cells with what each reaches, the data set as a point, and the line."""
    work, textbook, best = session.get_workspace(), choice.textbook, choice.options.recommended
    options = {case: choice.options.find(key) for case, key in choice.cell_keys.items()}
    crossover = find_crossover(data, source)
    diagram = build_decision_diagram(
        textbook.size,
        estimate,
        CaseMarks.collect(textbook.case, best and best.strategy, choice.strategy),
        options,
        results,
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
                "number": st.session_state.get(NUMBER_KEY, 0),
            },
            on_wish_change=lambda: _take_wish(choice),
        )
        legend = "◆ your images, 80 % interval"
        if crossover is not None:
            legend += f" · ▸ from {crossover:,} images training everything won in our tests"
        st.caption(legend)


def find_crossover(data: DataSet, source: SourceNetwork) -> int | None:
    """Images from which training everything began to win on the image sets measured."""
    per_class = load_calibration(source).crossover
    return None if per_class is None else round(per_class * len(data.classes))


def _take_wish(choice: Choice) -> None:
    """Take the line let go of and the cell clicked, and note the message that said so."""
    wish = st.session_state[f"{DIAGRAM_KEY}_svg"].get("wish") or {}
    st.session_state[NUMBER_KEY] = wish.get("number", 0)
    line, number = wish.get("line"), wish.get("cell")
    if line in DIVIDING_LINES:
        session.change(line=None if line == DEFAULT_LINE else line)
    if number in choice.cell_keys:  # a case is its number
        choose_option(choice.cell_keys[TransferCase(number)], choice.default.key)
