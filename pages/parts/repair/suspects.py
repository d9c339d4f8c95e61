"""Training images whose label is suspect, as cards to relabel or to set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.repair.image_cards import make_grid, paginate, show_card
from pages.shared import caches, session
from pages.shared.basket import PendingChange, put_in_basket
from pages.shared.layout import escape_markdown, require_weights, show_errors
from pages.shared.progress import show_progress
from transfer_core.dataset import Change, DataSet, format_count
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
        st.success("No training image looks like another class.", icon=":material/task_alt:")
        return
    st.caption(
        f"{format_count(len(suspects), 'training image')} that a new layer on "
        f"{escape_markdown(source.title)}, trained without them, takes for another class. The most "
        "doubtful come first. Some labels are right and the image is only hard: look before you "
        "change one."
    )
    shown = paginate(list(suspects), "suspects")
    _offer_to_take_all(data, shown)
    for place, suspect in zip(make_grid(len(shown)), shown, strict=True):
        with place:
            own = data.classes[data.records[suspect.image].label]
            suggested = data.classes[suspect.suggested]
            caption = (
                f"**{escape_markdown(own)}** ({suspect.own_probability:.0%}), looks like "
                f"**{escape_markdown(suggested)}** ({suspect.probability:.0%})"
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
        f"Take all {len(shown)} suggestions of this page",
        icon=":material/done_all:",
        key="repair_take_all",
        on_click=put_in_basket,
        args=(data.id, *changes),
    )
