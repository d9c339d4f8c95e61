"""All four cases side by side: one button runs them with the same split and the same seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import session
from pages.shared.choice import list_runs_of
from pages.shared.launching import start_run
from pages.shared.layout import show_errors
from transfer_core.languages import N_, _
from transfer_core.system import get_home

if TYPE_CHECKING:
    from pages.shared.choice import Choice
    from transfer_core.dataset import DataSet
    from transfer_core.networks import SourceNetwork
    from transfer_core.runs import RunRecord
    from transfer_core.timing import CasePlan, PlannedRun

SEED_COUNTS = [1, 2, 3]
USUAL_MINUTES = 3.0  # of all runs together; a lesson has no more
FULL_LENGTH = N_("full length")
LENGTHS = {N_("3 min"): 3.0, N_("10 min"): 10.0, N_("30 min"): 30.0, FULL_LENGTH: None}


def offer_four_cases(
    data: DataSet,
    source: SourceNetwork,
    choice: Choice,
    *,
    minutes: float | None = USUAL_MINUTES,
    seeds: int = 1,
    primary: bool = False,
    is_running: bool = False,
) -> None:
    """Draw the button that runs every case; it tells first how long that takes.

    Runs with the same settings that are there already are not run again.

    Args:
        data: The images.
        source: The network.
        choice: What the cases are on these images.
        minutes: That all runs together may take; runs are shortened to fit. None: full length.
        seeds: How often each case is run.
        primary: Whether it is what to do next on the page.
        is_running: Whether runs of the cases go on; the button then waits.
    """
    plan, known = _plan(data, source, choice, minutes, seeds)
    if st.button(
        _label_button(plan, known, seeds, is_running),
        icon=":material/grid_view:",
        key="four_cases",
        type="primary" if primary else "secondary",
        help=describe_plan(plan, minutes),
        disabled=is_running,
    ):
        with show_errors():
            ids = _start(data, source, choice, plan, known, seeds)
        session.change(start_key=session.make_key(), chosen_run_ids=tuple(ids))
        st.switch_page("pages/compare.py", query_params={"runs": ",".join(ids)})


def describe_plan(plan: CasePlan, minutes: float | None) -> str:
    """Say what will be run, and what is shortened to end in time."""
    told = _(
        "Same images, same split, same seeds. Cases 1 and 2 take seconds. Case 4 starts from "
        "random weights; from pre-trained ones it is case 3, trained once for both."
    )
    if not plan.shortened:
        return told
    shorter = ", ".join(
        _(
            "case {case} ({epochs} of {usual} epochs)",
            case=run.key[0],
            epochs=run.strategy.optimiser.epochs,
            usual=run.usual_epochs,
        )
        for run in plan.shortened
    )
    return f"{told} " + _(
        "To end within {minutes:g} min, these are shortened: {cases}. A full run may end higher.",
        minutes=minutes,
        cases=shorter,
    )


def _plan(
    data: DataSet, source: SourceNetwork, choice: Choice, minutes: float | None, seeds: int
) -> tuple[CasePlan, dict[tuple[str, int], RunRecord]]:
    """What would be run, and the runs of it that are there, by option and seed."""
    from transfer_core.timing import plan_cases  # brings torch

    strategies = {key: choice.options.find(key).strategy for key in choice.case_keys.values()}
    plan = plan_cases(data, source, strategies, get_home(), minutes=minutes, seeds=seeds)
    wanted = {run.strategy: run.key for run in plan.runs}
    full = {strategies[key]: key for key in strategies}
    known: dict[tuple[str, int], RunRecord] = {}
    for record in list_runs_of(data, source):  # newest first
        strategy, seed = record.config.strategy, record.config.seed
        key = full.get(strategy) or wanted.get(strategy)
        if key and seed < seeds:
            known.setdefault((key, seed), record)
    return plan, known


def _list_missing(plan: CasePlan, known, seeds: int) -> list[tuple[PlannedRun, int]]:
    pairs = [(run, seed) for seed in range(seeds) for run in plan.runs]
    return [(run, seed) for run, seed in pairs if (run.key, seed) not in known]


def _label_button(plan: CasePlan, known, seeds: int, is_running: bool) -> str:
    """What the button does, and how long that takes as far as it is known."""
    from transfer_core.timing import TimeRange, describe_time_range

    if is_running:
        return _("Run all four cases: waits for the runs that go on")
    missing = [run for run, _ in _list_missing(plan, known, seeds)]
    if not missing or any(run.seconds is None for run in missing):
        return _("Run all four cases")
    total = sum((run.seconds for run in missing), TimeRange(0.0, 0.0))
    time = describe_time_range(total)
    if any(run.is_shortened for run in missing):
        return _("Run all four cases ({time}, shortened)", time=time)
    return _("Run all four cases ({time})", time=time)


def _start(data, source, choice: Choice, plan: CasePlan, known, seeds: int) -> list[str]:
    """Queue what is missing, the quick ones first; returns the ids of all runs."""
    base, ids = session.get_journey().start_key, {}
    for run, seed in _list_missing(plan, known, seeds):
        option = choice.options.find(run.key)
        ids[run.key, seed] = start_run(
            data,
            source,
            run.strategy,
            seed,
            key=f"{base} {run.key} {seed}",
            option=None if run.is_shortened else option,
        )
    ids |= {place: record.id for place, record in known.items()}
    return [ids[run.key, seed] for seed in range(seeds) for run in plan.runs]


def choose_effort() -> tuple[float | None, int]:
    """Let the length and the number of seeds be chosen; returns minutes (None: full) and seeds."""
    session.keep_in_url("compare_length", "3 min", LENGTHS)
    session.keep_in_url("compare_seeds", 1, SEED_COUNTS)
    with st.popover(_("Length, seeds"), icon=":material/tune:"):
        length = st.segmented_control(
            _("All runs together take at most"),
            list(LENGTHS),
            format_func=_,
            required=True,
            key="compare_length",
            persist_state="session",
            help=_("Cases 3 and 4 get fewer epochs if they would not end in time."),
        )
        seeds = st.segmented_control(
            _("Seeds: how often each case is run"),
            SEED_COUNTS,
            required=True,
            key="compare_seeds",
            persist_state="session",
            help=_(
                "Another seed draws other first weights and another order of the images. How far "
                "the results then spread is chance."
            ),
        )
    return LENGTHS[length], seeds
