"""Compare: the four cases side by side, and any runs; is the difference between them real?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.compare.case_grid import (
    CaseRuns,
    group_runs,
    list_cases,
    show_case_grid,
)
from pages.parts.compare.comparison import (
    RUN_LETTERS,
    show_outcomes,
    show_overlaid_curves,
    show_settings_table,
    show_significance,
)
from pages.parts.compare.four_cases import choose_effort, offer_four_cases
from pages.parts.compare.verdict import show_verdict
from pages.shared import caches, session
from pages.shared.choice import list_runs_of, resolve_choice
from pages.shared.layout import (
    escape_markdown,
    offer_next_page,
    show_errors,
    show_page_title,
    stop_unless,
)
from pages.shared.progress import show_progress
from pages.shared.sharing import show_link
from transfer_core.errors import TransferError
from transfer_core.inspection import find_simplest_equal
from transfer_core.languages import N_, _, ngettext
from transfer_core.networks import has_weights

if TYPE_CHECKING:
    from transfer_core.dataset import DataSet
    from transfer_core.networks import SourceNetwork
    from transfer_core.runs import RunRecord

GRID_STYLE = """<style>
.st-key-compare_verdict { padding: 0.4rem 0.9rem 0.6rem !important; }
.st-key-compare_verdict h3 { font-size: 1rem; padding: 0 !important; }
</style>"""


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Was the rule right?"), "pages/compare.py")
    with show_errors():
        records = {record.id: record for record in session.list_runs()}
        records |= session.find_shown_runs(session.get_chosen_runs())
    wanted = [run_id for run_id in session.get_chosen_runs() if run_id in records]
    group = find_cases({run_id: records[run_id] for run_id in wanted})
    if group:
        show_four_cases(group)
        session.keep_in_url("compare_details", False, (False, True))
        # Behind a switch, not an expander: it is long, and most never look.
        if st.toggle(_("Run by run: differences, curves, settings"), key="compare_details"):
            compare_any(records)
        return
    if len(records) == 1 and (
        query := session.make_query(data=next(iter(records.values())).config.data_id)
    ):
        label = _("Decide: train another case, or all four, on the same images")
        message = _("One run is here, and it takes two to compare.")
        stop_unless(False, message, "pages/decide.py", label, **query)
    stop_unless(len(records) > 1, _("Train at least two runs first."), "pages/start.py", _("Start"))
    compare_any(records)


def find_cases(chosen: Mapping[str, RunRecord]) -> CaseRuns | None:
    """The four cases to draw: of the chosen runs if they are such, else of the current images."""
    if chosen:
        used = {(each.config.data_id, each.config.network) for each in chosen.values()}
        if len(used) > 1 or len(list_cases(chosen)) < 2:
            return None
        ((data_id, network),) = used
        if session.find_public_id(data_id) is None:  # runs that are shared, to look at
            return None
        session.change(data_id=data_id)
        if network != session.get_network_name():
            session.change(network=network)
    data_id = session.get_journey().data_id if chosen else session.get_current_id("data")
    if data_id is None:
        return None
    try:
        data, source = caches.load_data_set(data_id), session.get_source()
    except TransferError:  # gone
        return None
    if not has_weights(source):
        return None
    return measure(data, source, list(chosen.values()))


def measure(data: DataSet, source: SourceNetwork, chosen: list[RunRecord]) -> CaseRuns:
    """Sort the runs into the cells of what both voices say."""
    minutes = session.get_journey().minutes
    with show_errors(), show_progress(cancel_page="pages/runs.py") as report:
        estimate = caches.estimate_similarity(data.id, source.name, report)
        options = caches.list_options(data.id, source.name, estimate, minutes, report)
    choice = resolve_choice(data, source, estimate, options, before_runs=True)
    return group_runs(data, source, choice, chosen or list_runs_of(data, source))


def show_four_cases(group: CaseRuns) -> None:
    """Draw the 2 x 2, the verdict, and what can be done next."""
    data, textbook = group.data, group.choice.textbook
    tested = len(data.indices("test"))
    st.markdown(
        _(
            "**{name}** · {network} · {images:,} images to learn from, {tested:,} to test · "
            "dashed: guessing",
            name=escape_markdown(data.name),
            network=escape_markdown(_(group.source.title)),
            images=textbook.size.images,
            tested=tested,
        )
    )
    st.html(GRID_STYLE)
    show_case_grid(group)
    show_verdict(group)
    best = max(group.results.values(), key=lambda each: each.accuracy, default=None)
    taken = find_simplest_equal(group.results, caches.compare_pair) if group.is_complete else None
    with st.container(horizontal=True, vertical_alignment="center"):
        if taken:
            label = (
                N_("Take the best: case {case}")
                if taken is best
                else N_("Take case {case}: as good, and quicker")
            )
            label = _(label, case=taken.case.value)
            offer_next_page(label, "pages/results.py", run=taken.runs[0])
        minutes, seeds = choose_effort()
        offer_four_cases(
            data,
            group.source,
            group.choice,
            minutes=minutes,
            seeds=seeds,
            primary=not group.is_complete,
            is_running=bool(group.unfinished),
        )


def compare_any(records: Mapping[str, RunRecord]) -> None:
    """Compare any runs, image by image."""
    chosen = choose_runs(records)
    message = _("Choose at least two runs, here or in the table.")
    stop_unless(len(chosen) > 1, message, "pages/runs.py", _("See runs"))
    runs = {letter: records[run_id] for letter, run_id in zip(RUN_LETTERS, chosen, strict=False)}
    names = session.list_names()
    show_outcomes(runs, names)
    st.header(_("Is the difference real?"), anchor=False)
    show_significance(runs)
    st.header(_("Curves"), anchor=False)
    with show_errors():
        show_overlaid_curves(runs)
    st.header(_("Settings"), anchor=False)
    show_settings_table(runs, names)
    if all(session.is_own_run(record) for record in runs.values()):
        st.header(_("Share this comparison"), anchor=False)
        show_link("run", chosen)


def choose_runs(records: Mapping[str, RunRecord]) -> list[str]:
    """Let runs be chosen, at first those of the address; returns their ids."""
    wanted = session.get_chosen_runs()
    known = [run_id for run_id in wanted if run_id in records][: len(RUN_LETTERS)]
    if missing := len([run_id for run_id in wanted if run_id not in records]):
        st.warning(
            ngettext(
                "{n} of the runs at this address is not here: deleted, or of another computer.",
                "{n} of the runs at this address are not here: deleted, or of another computer.",
                missing,
            ),
            icon=":material/link_off:",
        )
    chosen = st.multiselect(
        _("Runs to compare; the first is what the others are compared with"),
        list(records),
        known,
        format_func=lambda run_id: label_run(records[run_id]),
        max_selections=len(RUN_LETTERS),
        key=f"compare_runs_{','.join(known)}",
        placeholder=_("choose at least two"),
        select_all=False,
    )
    session.choose_runs(chosen)
    if chosen != known:
        st.rerun()
    return chosen


def label_run(record: RunRecord) -> str:
    """Name and date of a run, since several runs can have one name.

    Its state is left out: a chosen run whose label changes would no longer be chosen.
    """
    when = datetime.fromtimestamp(record.created).strftime("%Y-%m-%d %H:%M:%S")
    return f"{record.name}, {when}"


draw()
