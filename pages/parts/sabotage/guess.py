"""The guess at what was done to a spoiled data set."""

import streamlit as st

from pages.shared.basket import list_pending
from pages.shared.guesses import keep_guess
from transfer_core.dataset import FLAW_KINDS, FLAWS, DataSet, Guess, SpoiledVersion
from transfer_core.languages import _, ngettext


def ask_for_guess(data: DataSet, flaw: SpoiledVersion) -> None:
    """Draw the form of the guess; giving it opens the key."""
    st.subheader(_("What was done to them?"), anchor=False)
    kind = st.radio(
        _("Your guess"),
        FLAW_KINDS,
        index=None,
        key="sabotage_guess",
        format_func=lambda kind: _(FLAWS[kind].title),
        captions=[_(FLAWS[kind].trace) for kind in FLAW_KINDS],
    )
    classes = []
    if kind and FLAWS[kind].concerns_classes:
        classes = st.multiselect(
            _("Which classes were spoiled"), list(data.classes), key="sabotage_classes"
        )
    repaired = list_repaired_paths(data, flaw)
    st.caption(
        ngettext(
            "Changed on Repair so far: {n:,} image.",
            "Changed on Repair so far: {n:,} images.",
            len(repaired),
        )
    )
    if st.button(
        _("Guess, and open the key"),
        type="primary",
        icon=":material/key:",
        key="sabotage_open",
        disabled=kind is None,
        help=_("Choose what you think was done.") if kind is None else None,
    ):
        keep_guess(flaw, Guess(kind, frozenset(classes), repaired))
        st.rerun()


def list_repaired_paths(data: DataSet, flaw: SpoiledVersion) -> frozenset[str]:
    """Paths of the images that were changed since the flaw, or whose change waits in this tab."""
    waiting = (pending.change for pending in list_pending(data.id))
    return frozenset(change.path for change in (*flaw.repairs, *waiting))
