"""The 2 x 2 of the four cases: drawing, live curve and result of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import show_errors
from pages.shared.live_pace import draw_again
from pages.shared.network_drawing import make_drawing
from pages.shared.served_scripts import make_loader
from transfer_core.cases import TransferCase
from transfer_core.figures import CaseMarks, build_case_cell
from transfer_core.inspection import collect_case_results, list_usual_epochs
from transfer_core.languages import _

if TYPE_CHECKING:
    from pages.shared.choice import Choice
    from transfer_core.dataset import DataSet
    from transfer_core.inspection import CaseResult
    from transfer_core.networks import SourceNetwork
    from transfer_core.runs import RunRecord

TRAINED_STATES = {"trained", "random", "new"}  # of slabs whose weights learn
_COMPONENT = st.components.v2.component(
    "transfer_lab_case_grid",
    html='<div class="case-grid"></div>',
    css=Path(__file__).with_suffix(".css").read_text(encoding="utf-8"),
    js=make_loader("network_svg.js", "case_grid.js"),
    isolate_styles=False,
)


@dataclass(frozen=True)
class CaseRuns:
    """The runs of the four cases on one data set and network."""

    data: DataSet
    source: SourceNetwork
    choice: Choice
    cell_keys: dict[TransferCase, str]  # the option in each cell
    runs: dict[str, list[RunRecord]]  # of each option, by their seeds
    results: dict[str, CaseResult]

    @property
    def guess_key(self) -> str:
        """Of the guess which case will win."""
        return f"{self.data.id} {self.source.name}"

    @property
    def is_complete(self) -> bool:
        """Whether every cell has a result and nothing goes on."""
        return set(self.cell_keys.values()) <= self.results.keys() and not self.unfinished

    @property
    def unfinished(self) -> list[RunRecord]:
        """The runs that are not over."""
        return [run for runs in self.runs.values() for run in runs if not run.state.is_final]


def group_runs(
    data: DataSet, source: SourceNetwork, choice: Choice, records: Sequence[RunRecord]
) -> CaseRuns:
    """Sort runs into the four cells; case 2 takes the cut that was run, if only one was."""
    usual, runs = list_usual_epochs(choice.options), {}
    for record in sorted(records, key=lambda each: each.config.seed):
        if record.config.strategy.key in usual and record.config.strategy.textbook_case:
            runs.setdefault(record.config.strategy.key, []).append(record)
    results = collect_case_results(records, usual)
    cells = dict(choice.case_keys)
    for case, key in choice.case_keys.items():
        others = [each for each in runs if each[0] == key[0] and each != "4-pretrained"]
        if key not in runs and others:
            cells[case] = others[0]
    kept = {*cells.values(), "4-pretrained"}
    return CaseRuns(
        data, source, choice, cells, runs, {k: r for k, r in results.items() if k in kept}
    )


def show_case_grid(group: CaseRuns) -> None:
    """Draw the four cases; while a run goes on they are drawn again and again."""
    if group.unfinished:
        _watch(group)
    else:
        _draw(group)


@st.fragment
def _watch(group: CaseRuns) -> None:
    draw_again()
    with show_errors():
        fresh = [session.find_run(run.id) for runs in group.runs.values() for run in runs]
    before = {run.id for run in group.unfinished}
    if any(run.state.is_final for run in fresh if run.id in before):
        st.rerun()  # its result changes the page
    current = group_runs(group.data, group.source, group.choice, fresh)
    _draw(current)
    _show_progress(current)


def _show_progress(group: CaseRuns) -> None:
    """Draw how many runs are over, and the button that stops the others."""
    runs = [run for each in group.runs.values() for run in each]
    done = len(runs) - len(group.unfinished)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(
            done / len(runs), text=_("{done} of {all} runs are over", done=done, all=len(runs))
        )
        stop = st.button(_("Stop them all"), icon=":material/stop:", key="compare_stop")
    if stop:
        with show_errors():
            for run in group.unfinished[::-1]:  # those that wait first
                caches.get_engine().stop(session.own_run(run.id))


def _draw(group: CaseRuns) -> None:
    best_option = group.choice.options.recommended
    textbook = group.choice.textbook
    marks = CaseMarks.collect(
        textbook.case, best_option and best_option.strategy, alternative=textbook.alternative
    )
    best = max(group.results.values(), key=lambda each: each.accuracy, default=None)
    cells = []
    for case in TransferCase:
        option = group.choice.options.find(group.cell_keys[case])
        runs = [(run, caches.read_events(run)) for run in group.runs.get(option.key, ())]
        cut = _(group.source.format_titles((option.strategy.keep_through,)))
        cell = build_case_cell(option, runs, group.results, marks, best and best.key, cut=cut)
        drawing = make_drawing(group.source, option.strategy, group.data.classes)
        trained = sum(slab.weights for slab in drawing.slabs if slab.state in TRAINED_STATES)
        weights = _("{weights:,} weights learn", weights=trained)
        cells.append(
            asdict(cell)
            | {
                "marks": [
                    {"word": _(mark), "is_textbook": mark.startswith("textbook")}
                    for mark in cell.marks
                ],
                "drawing": asdict(drawing),
                "trained": weights,
                "description": f"{cell.description}, {weights}.",
            }
        )
    chance = max(group.data.counts("train")) / sum(group.data.counts("train"))
    with st.container(key="compare_grid"):
        _COMPONENT(
            key="compare_grid_cells",
            data={"cells": cells, "chance": chance, "words": list_words()},
        )


def list_words() -> dict[str, str]:
    """The words that are written into every cell."""
    return {
        "validation": _("% of validation images right"),
        "test": _("of test images right"),
        "epochs": _("{epochs} epochs"),
        "not_trained": _("not trained yet"),
    }


def list_cases(records: Mapping[str, RunRecord]) -> set[TransferCase]:
    """The cases of the textbook among some runs."""
    cases = {record.config.strategy.textbook_case for record in records.values()}
    return cases - {None}
