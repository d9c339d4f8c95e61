"""Groups of images that look the same, side by side."""

import streamlit as st

from pages.parts.repair.image_cards import ITEMS_PER_PAGE, make_grid, paginate, show_card
from pages.shared import caches
from pages.shared.basket import PendingChange, put_in_basket
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.progress import show_progress
from transfer_core.dataset import (
    SPLITS,
    Change,
    DataSet,
    NearDuplicateGroup,
    count_copies,
)
from transfer_core.languages import N_, _, ngettext

HOW_FOUND = N_(
    "Each image is reduced to its coarse light and dark shapes (perceptual hash), and the shapes "
    "are compared: brightness, size or colour may differ. The first of each group does not count."
)


def show_near_duplicates(data: DataSet) -> None:
    """Draw every group, leaks across the split first."""
    with show_errors(), show_progress() as report:
        groups = caches.find_near_duplicates(data.id, report)
    if not groups:
        st.success(_("No two images look the same."), icon=":material/task_alt:")
        return
    leaks = sum(group.is_leak for group in groups)
    exact, near = count_copies(data, groups)
    copies = ngettext(
        "{n:,} exact copy, {near:,} more look almost alike",
        "{n:,} exact copies, {near:,} more look almost alike",
        exact,
        near=near,
    )
    st.markdown(f"**{copies}**", help=_(HOW_FOUND))
    st.caption(
        ngettext(
            "In {n:,} group; {leaks:,} of them stand in several parts of the split, so that the "
            "test asks for what was learned by heart. Those come first.",
            "In {n:,} groups; {leaks:,} of them stand in several parts of the split, so that the "
            "test asks for what was learned by heart. Those come first.",
            len(groups),
            leaks=leaks,
        )
        + " "
        + _("Look before you set aside: pictures of one kind can look alike.")
    )
    for group in paginate(list(groups), "duplicates"):
        with st.container(border=True):
            _show_group(data, group)


def _show_group(data: DataSet, group: NearDuplicateGroup) -> None:
    contents = {data.records[index].digest for index in group.images}
    leak = N_("in several parts of the split: a leak")
    if len(contents) == len(group.images):  # the last word is a person's
        leak = N_("in several parts of the split: a leak, if they are copies")
    notes = [_(leak)] * group.is_leak
    notes += [_("in several classes: one of them may be wrong")] * group.is_conflict
    st.markdown(
        _("**{n:,} images**", n=len(group.images)) + f" {escape_markdown('; '.join(notes))}"
    )
    _offer_to_keep_one(data, group)
    shown = group.images[:ITEMS_PER_PAGE]
    for place, index in zip(make_grid(len(shown)), shown, strict=True):
        record = data.records[index]
        with place:
            caption = f"{escape_markdown(data.classes[record.label])}, **{_(record.split)}**"
            show_card(data, index, caption, can_relabel=group.is_conflict)
    if len(group.images) > len(shown):
        st.caption(_("The first {shown} of {n:,}.", shown=len(shown), n=len(group.images)))


def _offer_to_keep_one(data: DataSet, group: NearDuplicateGroup) -> None:
    """Offer to set aside all images of a group but one, a test image if there is one."""
    records = [data.records[index] for index in group.images]
    kept = max(records, key=lambda record: SPLITS.index(record.split))
    others = [record for record in records if record is not kept]
    changes = [PendingChange(Change("set aside", record.path)) for record in others]
    st.button(
        _("Keep only one ({split})", split=_(kept.split)),
        icon=":material/filter_1:",
        key=f"repair_keep_{group.images[0]}",
        on_click=put_in_basket,
        args=(data.id, *changes),
    )
