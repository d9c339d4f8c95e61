"""Tries of others: what testers showed the network, for its owner to look at and learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.try_it.testing import NONE_WORDS, describe_actual
from pages.shared import caches
from pages.shared.basket import PendingChange, find_pending, put_in_basket
from pages.shared.layout import escape_markdown, show_errors
from transfer_core import dataset
from transfer_core.errors import DataSetError
from transfer_core.inspection import list_tries, read_try_image, remove_try
from transfer_core.languages import N_, _
from transfer_core.runs import RunRecord
from transfer_core.system import get_home

if TYPE_CHECKING:
    from transfer_core.inspection import OutsideTry

TRIES_PER_PAGE = 12
TILE_WIDTH_PIXELS = 190


def show_outside_tries(record: RunRecord, classes: Sequence[str]) -> None:
    """Draw what others tried, mistakes first; nothing if nobody has tried it."""
    with show_errors():
        tries = list_tries(get_home(), record.id)
    if not tries:
        return
    right = sum(each.is_right for each in tries)
    title = _("Tries of others: {right:,} of {tries:,} right", right=right, tries=len(tries))
    st.subheader(title, anchor=False)
    st.caption(
        _(
            "Testers chose these images to break it, so it is no measure of how good it is. An "
            "image of none of the classes counts as right if it was called unknown."
        )
    )
    ordered = sorted(tries, key=lambda each: each.is_right)  # stable: the newest first in each
    place, pages = st.container(horizontal=True, gap="small"), -(-len(ordered) // TRIES_PER_PAGE)
    page = st.pagination(pages, key="try_outside_page") if pages > 1 else 1
    can_learn = _has_data_set(record)
    for each in ordered[TRIES_PER_PAGE * (page - 1) : TRIES_PER_PAGE * page]:
        with place.container(width=TILE_WIDTH_PIXELS, gap="small", border=True):
            _show_try(record, each, can_learn and each.actual in classes)


def _has_data_set(record: RunRecord) -> bool:
    try:
        caches.load_data_set(record.config.data_id)
    except DataSetError:
        return False
    return True


def _show_try(record: RunRecord, told: OutsideTry, can_learn: bool) -> None:
    """Draw one try; its image can become a training image, or be removed."""
    with show_errors():
        file = read_try_image(get_home(), record.id, told)
    st.image(
        file,
        width="stretch",
        alt=_("Image that a tester calls {name}", name=told.actual or _(NONE_WORDS)),
    )
    icon = ":material/check:" if told.is_right else ":material/close:"
    if told.is_unknown:
        words = N_(
            "{icon} It said **{predicted}** ({share:.0%}), but called it unknown; it is "
            "**{actual}**."
        )
    else:
        words = N_("{icon} It said **{predicted}** ({share:.0%}); it is **{actual}**.")
    st.markdown(
        _(
            words,
            icon=icon,
            predicted=escape_markdown(told.predicted),
            share=told.share,
            actual=describe_actual(told),
        )
    )
    if can_learn:
        _offer_as_training_image(record.config.data_id, told, file)
    if st.button(
        _("Remove"), icon=":material/delete:", key=f"try_remove_{told.id}", width="stretch"
    ):
        remove_try(get_home(), record.id, told)
        st.rerun()


def _offer_as_training_image(data_id: str, told: OutsideTry, file: bytes) -> None:
    if find_pending(data_id, caches.get_added_path(file)):
        st.caption(_(":material/pending: Waits as a training image"))
    elif caches.has_file(data_id, file):
        st.caption(_("In the data set"))
    elif st.button(
        _("Keep as a training image"),
        icon=":material/add_photo_alternate:",
        key=f"try_learn_{told.id}",
        width="stretch",
    ):
        put_in_basket(data_id, PendingChange(dataset.make_addition(file, told.actual), file))
        st.rerun()
