"""Ways to a spoiled data set: one of the mystery sets, or a flaw in the images that are open."""

import random
import secrets

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.progress import show_progress
from transfer_core import dataset
from transfer_core.dataset import FLAW_KINDS, FLAWS, MYSTERY_SETS, DataSet
from transfer_core.languages import N_, _
from transfer_core.system import get_home

SURPRISE, SURPRISE_TITLE = "surprise", N_("Surprise me")


def offer_mystery_sets(*, is_first: bool) -> None:
    """Draw a card for each mystery set, whose button makes and opens it.

    Args:
        is_first: Whether no other button of the page comes before.
    """
    asked = None
    for place, (letter, each) in zip(st.columns(4), MYSTERY_SETS.items(), strict=True):
        with place.container(border=True):
            st.image(
                caches.render_sample_preview(each.sample),
                caption=_(each.title),
                alt=_("Some images: {title}", title=_(each.title)),
                width="stretch",
            )
            kind = "primary" if is_first and letter == "A" else "secondary"
            if st.button(
                _("Open set {letter}", letter=letter), key=f"sabotage_set_{letter}", type=kind
            ):
                asked = letter
    if asked:
        with show_errors(), show_progress() as report:
            made = dataset.make_mystery_set(get_home(), asked, progress=report)
        _open(made)


def offer_flaw(data: DataSet) -> None:
    """Offer to put a flaw into the data set that is open."""
    with st.container(border=True):
        st.markdown(_("**Put a flaw into {data}**", data=escape_markdown(data.name)))
        chosen = st.selectbox(
            _("Which flaw"),
            [SURPRISE, *FLAW_KINDS],
            key="sabotage_kind",
            format_func=lambda kind: _(FLAWS[kind].title if kind in FLAWS else SURPRISE_TITLE),
        )
        if chosen in FLAWS:
            st.caption(_(FLAWS[chosen].harm))
        spoil = st.button(_("Spoil a copy"), icon=":material/bug_report:", key="sabotage_spoil")
        st.caption(_("Your images stay as they are: the flaw goes into a new version."))
    if not spoil:
        return
    kind = random.choice(FLAW_KINDS) if chosen == SURPRISE else chosen
    with show_errors(), show_progress() as report:
        made = dataset.spoil(
            get_home(),
            data,
            kind,
            secrets.randbelow(10_000),
            name=f"{data.name}, spoiled",
            progress=report,
        )
    _open(made)


def _open(data: DataSet) -> None:
    with show_errors():
        session.take_in(data.id)
    session.open_data_set(data.id)
    st.rerun()
