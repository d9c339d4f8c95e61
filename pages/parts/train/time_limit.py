"""How long a run takes on this computer: of each case, of the settings, and within a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_problem, show_progress
from pages.shared.strategy import Choice
from transfer_core import networks
from transfer_core.cases import Strategy, TransferCase, plan_strategy
from transfer_core.dataset import DataSet
from transfer_core.errors import BusyError, SettingsError
from transfer_core.networks import SourceNetwork
from transfer_core.networks.weights_location import get_weights_status
from transfer_core.transferability.estimate import SimilarityEstimate

if TYPE_CHECKING:
    from transfer_core.timing.time_budget import RunPlan

MAX_MINUTES = 24 * 60  # minutes that can be asked for
TIMING_MESSAGE = "Timing a few batches on this computer"


def show_time_per_case(data: DataSet, source: SourceNetwork, found: SimilarityEstimate) -> None:
    """A table of how long a run of each case takes, with the choices made so far."""
    from transfer_core.timing.forecast import describe_time_range
    from transfer_core.transferability.advice import choose_strategy

    work, rows = session.workspace(), []
    st.markdown("**How long would each case take?**")
    with _explain_busy(), st.spinner(TIMING_MESSAGE), show_progress() as report:
        for case in TransferCase:
            strategy = choose_strategy(
                case, source, found, cut=work.cut, initialise=work.initialise
            )
            told = caches.forecast(data.id, source, strategy, report)
            rows.append(
                {
                    "case": case.title,
                    "takes in all": told.describe(),
                    "preparing": describe_time_range(told.decoding + told.embedding),
                    "training": describe_time_range(told.training + told.validation),
                    "testing": describe_time_range(told.test),
                }
            )
    if len(rows) < len(TransferCase):
        return
    st.dataframe(rows, hide_index=True)
    st.caption(
        "Reckoned from a few batches that were timed on this computer. The least is for training "
        "that stops as early as it may, the most for all epochs; other work on this computer makes "
        "it longer."
    )


def show_run_time(data: DataSet, source: SourceNetwork, strategy: Strategy) -> None:
    """One line on how long a run would take."""
    told = None
    with _explain_busy(), st.spinner(TIMING_MESSAGE), show_progress() as report:
        told = caches.forecast(data.id, source, strategy, report)
    if told:
        st.markdown(
            f":material/timer: As set here, the run takes **{told.describe()}** on this computer: "
            f"{strategy.optimiser.epochs} epochs at most, {source.input_size} pixels a side."
        )


@contextmanager
def _explain_busy() -> Iterator[None]:
    """Show one sentence in place of times that cannot be measured now."""
    try:
        yield
    except BusyError as error:
        st.markdown(f":material/timer_off: {error.problem} {error.remedy}")


def apply_fitted_epochs(strategy: Strategy) -> Strategy:
    """The strategy with the epochs that end in time, where that was asked for."""
    fit = _match_fit(session.workspace().fit, strategy)
    if fit is None:
        return strategy
    epochs = fit.strategy.optimiser.epochs
    return replace(strategy, optimiser=replace(strategy.optimiser, epochs=epochs))


def choose_input_size(strategy: Strategy, default_size: int) -> int:
    """The input size that ends in time where that was asked for, else the run's own."""
    fit = _match_fit(session.workspace().fit, strategy)
    return fit.source.input_size if fit else default_size


def offer_time_limit(data: DataSet, source: SourceNetwork, choice: Choice) -> None:
    """Ask for a time; fill in what ends in it, and propose a better network that does."""
    work = session.workspace()
    fit, proposal = (_match_fit(each, choice.strategy) for each in (work.fit, work.proposal))
    with st.expander("Finish within so many minutes", icon=":material/timer:", expanded=bool(fit)):
        first, second, third = st.columns([1, 2, 1], vertical_alignment="bottom")
        minutes = first.number_input("Minutes", 1, MAX_MINUTES, 10, key="train_minutes")
        more = second.toggle("Also networks that are still to be downloaded", key="train_download")
        if third.button("Fit the run", icon=":material/timer:", key="train_fit"):
            fit, proposal = _find_fits(minutes, data, source, choice, more)
            _set_fit(fit, proposal)
        if fit:
            _show_reasons("These settings are filled in below", fit)
            st.button(
                "Back to the case's own settings",
                icon=":material/undo:",
                key="train_unfit",
                on_click=_set_fit,
                args=(None, None),
            )
        if fit and not proposal:
            st.caption("Of the networks asked for, no more accurate one would end in time.")
        if proposal:
            what = (
                "A more accurate network would end in time too"
                if fit
                else "Another network would end in time"
            )
            _show_reasons(what, proposal)
            name = escape_markdown(proposal.source.title)
            st.button(
                f"Take {name} with these settings",
                icon=":material/check:",
                key="train_propose",
                on_click=partial(_accept_proposal, proposal),
            )


def _find_fits(
    minutes: int, data: DataSet, source: SourceNetwork, choice: Choice, include_downloads: bool
) -> tuple[RunPlan | None, RunPlan | None]:
    """What ends in time on this network, and what on the best one if that is another."""
    from transfer_core.system.home import home
    from transfer_core.timing.time_budget import plan_run_within_budget

    caches.engine()  # leaves a core to the pages, in the measurement as in the run

    def plan_for(network: SourceNetwork) -> Strategy:
        if network.name == source.name:
            return choice.strategy
        start = session.workspace().initialise
        last = choice.case == TransferCase.LARGE_DIFFERENT
        return plan_strategy(choice.case, network.stage_names, initialise=start if last else None)

    here = tuple(
        each
        for each in networks.list_networks()
        if include_downloads or get_weights_status(each) != "download"
    )
    found: list[RunPlan | None] = []
    problem = None
    with st.spinner(TIMING_MESSAGE), show_progress() as report:
        for candidates in ((source,), here):
            try:
                found.append(
                    plan_run_within_budget(
                        minutes,
                        data,
                        candidates,
                        plan_for,
                        home(),
                        current_network=source,
                        progress=report,
                    )
                )
            except (SettingsError, BusyError) as error:
                found.append(None)
                problem = error
    own, best = found
    if own is None and problem:
        show_problem(problem.problem, problem.found, problem.remedy)
    return own, best if best and best.source.name != source.name else None


def _set_fit(fit: RunPlan | None, proposal: RunPlan | None) -> None:
    session.change(fit=fit, proposal=proposal, fits=session.workspace().fits + 1)


def _accept_proposal(proposal: RunPlan) -> None:
    session.change(network=proposal.source.name, case=proposal.strategy.case)
    _set_fit(proposal, None)


def _match_fit(fit: RunPlan | None, strategy: Strategy) -> RunPlan | None:
    """A fit if it is one for this case and start."""
    asked = strategy.case, strategy.initialise
    return fit if fit and (fit.strategy.case, fit.strategy.initialise) == asked else None


def _show_reasons(title: str, fit: RunPlan) -> None:
    st.markdown(
        f"**{title}**\n" + "".join(f"\n- {escape_markdown(reason)}" for reason in fit.reasons)
    )
