"""The time limit on Train: settings and networks with which a run ends in time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.train.fit_search import find_fits
from pages.parts.train.setting_links import forget_settings
from pages.parts.train.settings_form import RunSettings
from pages.shared import session
from pages.shared.choice import Choice
from pages.shared.layout import escape_markdown
from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork
from transfer_core.settings import MAX_MINUTES

if TYPE_CHECKING:
    from transfer_core.timing import RunPlan


def fit_to_time_limit(defaults: RunSettings) -> RunSettings:
    """Return the defaults, with epochs and an input size that end in time if a limit is set."""
    fit = _match_fit(session.get_journey().fit, defaults.strategy)
    if fit is None:
        return defaults
    epochs = fit.strategy.optimiser.epochs
    optimiser = replace(defaults.strategy.optimiser, epochs=epochs)
    return replace(
        defaults,
        strategy=replace(defaults.strategy, optimiser=optimiser),
        source=defaults.source.with_input_size(fit.source.input_size),
    )


def offer_time_limit(data: DataSet, source: SourceNetwork, choice: Choice) -> None:
    """Ask for a time; fill in what ends in it, and propose a better network that does."""
    work = session.get_journey()
    fit, proposal = (_match_fit(each, choice.strategy) for each in (work.fit, work.proposal))
    with st.expander(
        _("Finish within a number of minutes"), icon=":material/timer:", expanded=bool(fit)
    ):
        first, second, third = st.columns([1, 2, 1], vertical_alignment="bottom")
        minutes = first.number_input(_("Minutes"), 1, MAX_MINUTES, 10, key="train_minutes")
        more = second.toggle(
            _("Also networks that are still to be downloaded"), key="train_download"
        )
        if third.button(_("Fit the run"), icon=":material/timer:", key="train_fit"):
            fit, proposal = find_fits(minutes, data, source, choice, more)
            _set_fit(fit, proposal)
        if fit:
            _show_reasons(_("These settings are filled in"), fit)
            st.button(
                _("Back to the usual settings"),
                icon=":material/undo:",
                key="train_unfit",
                on_click=_set_fit,
                args=(None, None),
            )
        if proposal:
            _show_proposal(proposal, bool(fit))
        elif fit:
            st.caption(_("Of the networks asked for, no more accurate one would end in time."))


def _show_proposal(proposal: RunPlan, fits_here: bool) -> None:
    _show_reasons(
        _("A more accurate network would end in time too")
        if fits_here
        else _("Another network would end in time"),
        proposal,
    )
    st.button(
        _("Take {network} with these settings", network=escape_markdown(proposal.source.title)),
        icon=":material/check:",
        key="train_propose",
        on_click=_accept_proposal,
        args=(proposal,),
    )


def _set_fit(fit: RunPlan | None, proposal: RunPlan | None) -> None:
    session.change(fit=fit, proposal=proposal, fits=session.get_journey().fits + 1)
    forget_settings()


def _accept_proposal(proposal: RunPlan) -> None:
    session.change(network=proposal.source.name, option=proposal.strategy.key)
    _set_fit(proposal, None)


def _match_fit(fit: RunPlan | None, strategy: Strategy) -> RunPlan | None:
    """The fit, if it is for this way to train."""
    return fit if fit and fit.strategy.key == strategy.key else None


def _show_reasons(title: str, fit: RunPlan) -> None:
    st.markdown(
        f"**{title}**\n" + "".join(f"\n- {escape_markdown(reason)}" for reason in fit.reasons)
    )
