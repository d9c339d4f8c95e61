"""The time limit on Train: settings and networks with which a run ends in time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches, session
from pages.shared.choice import Choice
from pages.shared.layout import escape_markdown, show_problem
from pages.shared.progress import show_timing
from transfer_core import networks
from transfer_core.cases import Strategy, TransferCase, plan_strategy
from transfer_core.dataset import DataSet
from transfer_core.errors import BusyError, SettingsError, TransferError
from transfer_core.networks import SourceNetwork, get_weights_status

if TYPE_CHECKING:
    from transfer_core.timing import RunPlan

MAX_MINUTES = 24 * 60  # minutes that can be asked for


def apply_fitted_epochs(strategy: Strategy) -> Strategy:
    """The strategy, with the epochs that end in time if a time limit was set."""
    fit = _match_fit(session.get_workspace().fit, strategy)
    if fit is None:
        return strategy
    epochs = fit.strategy.optimiser.epochs
    return replace(strategy, optimiser=replace(strategy.optimiser, epochs=epochs))


def choose_input_size(strategy: Strategy, default_size: int) -> int:
    """The input size that ends in time if a time limit was set, else the default."""
    fit = _match_fit(session.get_workspace().fit, strategy)
    return fit.source.input_size if fit else default_size


def offer_time_limit(data: DataSet, source: SourceNetwork, choice: Choice) -> None:
    """Ask for a time; fill in what ends in it, and propose a better network that does."""
    work = session.get_workspace()
    fit, proposal = (_match_fit(each, choice.strategy) for each in (work.fit, work.proposal))
    with st.expander("Finish within so many minutes", icon=":material/timer:", expanded=bool(fit)):
        first, second, third = st.columns([1, 2, 1], vertical_alignment="bottom")
        minutes = first.number_input("Minutes", 1, MAX_MINUTES, 10, key="train_minutes")
        more = second.toggle("Also networks that are still to be downloaded", key="train_download")
        if third.button("Fit the run", icon=":material/timer:", key="train_fit"):
            fit, proposal = _find_fits(minutes, data, source, choice, more)
            _set_fit(fit, proposal)
        if fit:
            _show_reasons("These settings are filled in", fit)
            st.button(
                "Back to the case's own settings",
                icon=":material/undo:",
                key="train_unfit",
                on_click=_set_fit,
                args=(None, None),
            )
        if proposal:
            _show_proposal(proposal, bool(fit))
        elif fit:
            st.caption("Of the networks asked for, no more accurate one would end in time.")


def _show_proposal(proposal: RunPlan, fits_here: bool) -> None:
    _show_reasons(
        "A more accurate network would end in time too"
        if fits_here
        else "Another network would end in time",
        proposal,
    )
    st.button(
        f"Take {escape_markdown(proposal.source.title)} with these settings",
        icon=":material/check:",
        key="train_propose",
        on_click=_accept_proposal,
        args=(proposal,),
    )


def _find_fits(
    minutes: int, data: DataSet, source: SourceNetwork, choice: Choice, include_downloads: bool
) -> tuple[RunPlan | None, RunPlan | None]:
    """The run on this network that ends in time, and the one on the best other network."""
    here = tuple(
        each
        for each in networks.list_networks()
        if include_downloads or get_weights_status(each) != "download"
    )
    own, problem = _find_fit(minutes, data, (source,), source, choice)
    best, _ = _find_fit(minutes, data, here, source, choice)
    if problem:
        show_problem(problem.problem, problem.found, problem.remedy)
    return own, best if best and best.source.name != source.name else None


def _find_fit(
    minutes: int,
    data: DataSet,
    candidates: tuple[SourceNetwork, ...],
    source: SourceNetwork,
    choice: Choice,
) -> tuple[RunPlan | None, TransferError | None]:
    """The best run on these networks that ends in time, or why there is none."""
    from transfer_core.system import get_home
    from transfer_core.timing import plan_run_within_budget

    def plan_for(network: SourceNetwork) -> Strategy:
        if network.name == source.name:
            return choice.strategy
        start = session.get_workspace().initialise
        last = choice.case == TransferCase.LARGE_DIFFERENT
        return plan_strategy(choice.case, network.stage_names, initialise=start if last else None)

    caches.get_engine()  # leaves a processor core to the pages, in the measurement as in the run
    fit, problem = None, None
    with show_timing() as report:
        try:
            fit = plan_run_within_budget(
                minutes,
                data,
                candidates,
                plan_for,
                get_home(),
                current_network=source,
                progress=report,
            )
        except (SettingsError, BusyError) as error:
            problem = error
    return fit, problem


def _set_fit(fit: RunPlan | None, proposal: RunPlan | None) -> None:
    session.change(fit=fit, proposal=proposal, fits=session.get_workspace().fits + 1)


def _accept_proposal(proposal: RunPlan) -> None:
    session.change(network=proposal.source.name, case=proposal.strategy.case)
    _set_fit(proposal, None)


def _match_fit(fit: RunPlan | None, strategy: Strategy) -> RunPlan | None:
    """The fit, if it is for this case and these initial weights."""
    wanted = strategy.case, strategy.initialise
    return fit if fit and (fit.strategy.case, fit.strategy.initialise) == wanted else None


def _show_reasons(title: str, fit: RunPlan) -> None:
    st.markdown(
        f"**{title}**\n" + "".join(f"\n- {escape_markdown(reason)}" for reason in fit.reasons)
    )
