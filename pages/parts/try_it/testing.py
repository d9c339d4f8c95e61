"""Swap and test: the link for a tester, and what a tester says of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.sharing import show_link
from transfer_core.inspection import keep_try, remove_try
from transfer_core.languages import N_, _
from transfer_core.runs import RunRecord
from transfer_core.system import get_home

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transfer_core.inspection import OutsideTry, Prediction

SENT_KEY = "try_sent"  # by run and image, what this session has sent
NONE_OF_THEM = None  # what an image shows that is of no class
NONE_WORDS = N_("none of these")


def show_test_link(record: RunRecord) -> None:
    """Draw the link with which others try the network."""
    with st.expander(_("Let others test it"), icon=":material/swap_horiz:"):
        st.markdown(
            _(
                "A tester who opens this link tries to break your network. What they show it and "
                "judge comes back to this page."
            )
        )
        show_link("run", [record.id], test="1")
        st.caption(
            _(
                "It opens for whoever has it and reaches this computer. No names are kept. On "
                "another Transfer Lab: give away the bundle of Take away; what is tried there "
                "stays there."
            )
        )


def invite_to_test() -> None:
    """Tell a tester what to do, and what is kept."""
    st.markdown(
        _(
            "**Try to break it!** Show it pictures, and say of each answer whether it is right. A "
            "picture that you judge is kept for the network's owner, without your name."
        )
    )


def offer_verdict(run_id: str, classes: Sequence[str], file: bytes, answer: Prediction) -> None:
    """Let a tester say whether the answer to an image is right, and what it shows if not."""
    path = caches.get_added_path(file)
    sent = st.session_state.setdefault(SENT_KEY, {})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if kept := sent.get((run_id, path)):
            _show_verdict(run_id, path, kept)
            return
        likeliest = max(answer.probabilities, key=answer.probabilities.get)
        others = [*(name for name in classes if name != likeliest), NONE_OF_THEM]
        if st.button(_("That is right"), icon=":material/check:", key=f"try_right_{path}"):
            _send(run_id, path, file, answer, likeliest)
        number = st.selectbox(
            _("That is wrong: it is"),
            range(len(others)),
            index=None,
            format_func=lambda index: others[index] or _(NONE_WORDS),
            key=f"try_wrong_{path}",
            width=220,
            placeholder=_("Choose"),
        )
        if st.button(
            _("Send"),
            icon=":material/send:",
            key=f"try_send_{path}",
            disabled=number is None,
            help=_("Choose first what it is.") if number is None else None,
        ):
            _send(run_id, path, file, answer, others[number])


def _send(run_id: str, path: str, file: bytes, answer: Prediction, actual: str | None) -> None:
    predicted, share = max(answer.probabilities.items(), key=lambda item: item[1])
    with show_errors():
        kept = keep_try(
            get_home(),
            run_id,
            file,
            predicted=predicted,
            share=share,
            is_unknown=answer.is_out_of_distribution,
            actual=actual,
        )
    st.session_state[SENT_KEY][run_id, path] = kept
    st.rerun()


def _show_verdict(run_id: str, path: str, kept: OutsideTry) -> None:
    """Say that a judged image was kept; it can be taken back."""
    st.markdown(_(":material/check: Kept for its owner: **{name}**", name=describe_actual(kept)))

    def take_back() -> None:
        remove_try(get_home(), run_id, kept)
        del st.session_state[SENT_KEY][run_id, path]

    st.button(_("Take back"), icon=":material/undo:", key=f"try_unsend_{path}", on_click=take_back)


def describe_actual(told: OutsideTry) -> str:
    """What the image shows, as the tester says."""
    return _(NONE_WORDS) if told.actual is None else escape_markdown(told.actual)
