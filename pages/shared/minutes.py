"""How long a run takes on this computer: of each case, of the settings, and within a time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import literal, progress, show_problem
from pages.shared.strategy import Choice
from transfer_core import networks
from transfer_core.cases import Strategy, TransferCase, plan
from transfer_core.dataset import DataSet
from transfer_core.errors import SettingsError
from transfer_core.networks import SourceNetwork
from transfer_core.transferability.estimate import SimilarityEstimate

if TYPE_CHECKING:
    from transfer_core.timing.time_budget import Fit

MOST = 24 * 60  # minutes that can be asked for
TIMING = "Timing a few batches on this computer"


def minutes_per_case(data: DataSet, source: SourceNetwork, found: SimilarityEstimate) -> None:
    """A table of how long a run of each case takes, with the choices made so far."""
    from transfer_core.timing.forecast import in_words
    from transfer_core.transferability.advice import strategy_for

    work, rows = session.workspace(), []
    with st.spinner(TIMING), progress() as report:
        for case in TransferCase:
            strategy = strategy_for(case, source, found, cut=work.cut, initialise=work.initialise)
            told = caches.forecast(data.id, source, strategy, report)
            rows.append(
                {
                    "case": case.title,
                    "takes in all": told.in_words(),
                    "preparing": in_words(told.decoding + told.embedding),
                    "training": in_words(told.training + told.validation),
                    "testing": in_words(told.test),
                }
            )
    st.markdown("**How long would each case take?**")
    st.dataframe(rows, hide_index=True)
    st.caption(
        "Reckoned from a few batches that were timed on this computer. The least is for training "
        "that stops as early as it may, the most for all epochs; other work on this computer makes "
        "it longer."
    )


def how_long(data: DataSet, source: SourceNetwork, strategy: Strategy) -> None:
    """One line on how long a run would take."""
    with st.spinner(TIMING), progress() as report:
        told = caches.forecast(data.id, source, strategy, report)
    st.markdown(
        f":material/timer: As set here, the run takes **{told.in_words()}** on this computer: "
        f"{strategy.optimiser.epochs} epochs at most, {source.input_size} pixels a side."
    )


def fitted(strategy: Strategy) -> Strategy:
    """The strategy with the epochs that end in time, where that was asked for."""
    fit = _of(session.workspace().fit, strategy)
    if fit is None:
        return strategy
    epochs = fit.strategy.optimiser.epochs
    return replace(strategy, optimiser=replace(strategy.optimiser, epochs=epochs))


def fitted_size(strategy: Strategy, own: int) -> int:
    """The input size that ends in time where that was asked for, else the run's own."""
    fit = _of(session.workspace().fit, strategy)
    return fit.source.input_size if fit else own


def finish_within(data: DataSet, source: SourceNetwork, choice: Choice) -> None:
    """Ask for a time; fill in what ends in it, and propose a better network that does."""
    work = session.workspace()
    fit, proposal = (_of(each, choice.strategy) for each in (work.fit, work.proposal))
    with st.expander("Finish within so many minutes", icon=":material/timer:", expanded=bool(fit)):
        first, second, third = st.columns([1, 2, 1], vertical_alignment="bottom")
        minutes = first.number_input("Minutes", 1, MOST, 10, key="train_minutes")
        more = second.toggle("Also networks that are still to be downloaded", key="train_download")
        if third.button("Fit the run", icon=":material/timer:", key="train_fit"):
            fit, proposal = _search(minutes, data, source, choice, more)
            _fill_in(fit, proposal)
        if fit:
            _reasons("These settings are filled in below", fit)
            st.button(
                "Back to the case's own settings", icon=":material/undo:", key="train_unfit",
                on_click=_fill_in, args=(None, None),
            )  # fmt: skip
        if fit and not proposal:
            st.caption("Of the networks asked for, no more accurate one would end in time.")
        if proposal:
            what = (
                "A more accurate network would end in time too"
                if fit
                else "Another network would end in time"
            )
            _reasons(what, proposal)
            name = literal(proposal.source.title)
            st.button(
                f"Take {name} with these settings", icon=":material/check:", key="train_propose",
                on_click=partial(_take, proposal),
            )  # fmt: skip


def _search(
    minutes: int, data: DataSet, source: SourceNetwork, choice: Choice, more: bool
) -> tuple[Fit | None, Fit | None]:
    """What ends in time on this network, and what on the best one if that is another."""
    from transfer_core.system.home import home
    from transfer_core.timing.time_budget import fit_into

    caches.engine()  # leaves a core to the pages, in the measurement as in the run

    def usual(network: SourceNetwork) -> Strategy:
        if network.name == source.name:
            return choice.strategy
        start = session.workspace().initialise
        last = choice.case == TransferCase.LARGE_DIFFERENT
        return plan(choice.case, network.stage_names, initialise=start if last else None)

    here = tuple(each for each in networks.catalog() if more or each.weights != "download")
    found: list[Fit | None] = []
    problem = None
    with st.spinner(TIMING), progress() as report:
        for candidates in ((source,), here):
            try:
                found.append(
                    fit_into(
                        minutes, data, candidates, usual, home(), present=source, progress=report
                    )
                )
            except SettingsError as error:
                found.append(None)
                problem = error
    own, best = found
    if own is None and problem:
        show_problem(problem.problem, problem.found, problem.remedy)
    return own, best if best and best.source.name != source.name else None


def _fill_in(fit: Fit | None, proposal: Fit | None) -> None:
    session.change(fit=fit, proposal=proposal, fits=session.workspace().fits + 1)


def _take(proposal: Fit) -> None:
    session.change(network=proposal.source.name, case=proposal.strategy.case)
    _fill_in(proposal, None)


def _of(fit: Fit | None, strategy: Strategy) -> Fit | None:
    """A fit if it is one for this case and start."""
    asked = strategy.case, strategy.initialise
    return fit if fit and (fit.strategy.case, fit.strategy.initialise) == asked else None


def _reasons(title: str, fit: Fit) -> None:
    st.markdown(f"**{title}**\n" + "".join(f"\n- {literal(reason)}" for reason in fit.reasons))
