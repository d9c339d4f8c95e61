"""Training images whose label is suspect, as cards to relabel or to set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.repair.image_cards import make_grid, paginate, show_card
from pages.shared import caches, session
from pages.shared.basket import PendingChange, put_in_basket
from pages.shared.layout import escape_markdown, require_weights, show_errors
from pages.shared.progress import show_progress
from transfer_core.dataset import Change, DataSet
from transfer_core.languages import _, ngettext
from transfer_core.runs import RunRecord

if TYPE_CHECKING:
    from transfer_core.transferability import SuspectLabel


def show_suspects(record: RunRecord | None, data: DataSet) -> None:
    """Draw the training images that look like another class, the most doubtful first.

    Args:
        record: The run whose network judges them; None takes the session's network.
        data: The data set.
    """
    with show_errors():
        source = require_weights(record.config.source() if record else session.get_source())
        with show_progress() as report:
            suspects = caches.find_suspect_labels(data.id, source, report)
    if not suspects:
        st.success(_("No training image looks like another class."), icon=":material/task_alt:")
        return
    st.caption(
        ngettext(
            "{n:,} training image that a new layer on {network}, trained without it, takes for "
            "another class.",
            "{n:,} training images that a new layer on {network}, trained without them, takes for "
            "another class. The most doubtful come first.",
            len(suspects),
            network=escape_markdown(source.title),
        )
        + " "
        + _("Some labels are right and the image is only hard: look before you change one.")
    )
    shown = paginate(list(suspects), "suspects")
    _offer_to_take_all(data, shown)
    for place, suspect in zip(make_grid(len(shown)), shown, strict=True):
        with place:
            own = data.classes[data.records[suspect.image].label]
            suggested = data.classes[suspect.suggested]
            caption = _(
                "**{own}** ({own_share:.0%}), looks like **{other}** ({share:.0%})",
                own=escape_markdown(own),
                own_share=suspect.own_probability,
                other=escape_markdown(suggested),
                share=suspect.probability,
            )
            show_card(data, suspect.image, caption, suggested_class=suggested)


def _offer_to_take_all(data: DataSet, shown: list[SuspectLabel]) -> None:
    """Offer to relabel all images of this page as suggested; each can be taken back."""
    changes = [
        PendingChange(
            Change("relabel", data.records[each.image].path, data.classes[each.suggested])
        )
        for each in shown
    ]
    st.button(
        _("Take all {n} suggestions of this page", n=len(shown)),
        icon=":material/done_all:",
        key="repair_take_all",
        on_click=put_in_basket,
        args=(data.id, *changes),
    )
