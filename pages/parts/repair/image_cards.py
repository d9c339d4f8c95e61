"""Images as cards, each with the changes that can be made to it."""

import streamlit as st

from pages.shared import caches, session
from pages.shared.basket import PendingChange, find_pending, put_in_basket, take_from_basket
from pages.shared.layout import escape_markdown
from transfer_core.dataset import Change, DataSet, ImageRecord
from transfer_core.languages import _

GRID_COLUMNS = 4
ITEMS_PER_PAGE = 12  # images or groups
MAX_NAME_LENGTH = 20  # characters of a file's name that fit on a card


def make_grid(count: int):
    """Yield places for cards, row by row; on a phone one below the other."""
    for number in range(count):
        if number % GRID_COLUMNS == 0:
            columns = st.columns(GRID_COLUMNS)
        yield columns[number % GRID_COLUMNS].container(border=True, height="stretch")


def paginate(items: list, name: str) -> list:
    """The items on the page that was chosen; all of them if one page holds them."""
    pages = -(-len(items) // ITEMS_PER_PAGE)
    if pages <= 1:
        return items
    session.keep_in_url(f"repair_page_{name}", 1, range(1, pages + 1))
    chosen = st.number_input(
        _("Page, of {pages}", pages=pages),
        1,
        pages,
        key=f"repair_page_{name}",
        width=160,
        persist_state="session",
    )
    return items[(chosen - 1) * ITEMS_PER_PAGE : chosen * ITEMS_PER_PAGE]


def show_card(
    data: DataSet,
    index: int,
    caption: str,
    *,
    suggested_class: str | None = None,
    can_relabel: bool = True,
) -> None:
    """Draw an image with the buttons that relabel it or set it aside.

    Args:
        data: The data set.
        index: Index of the image in the data set's records.
        caption: Text below the image, as markdown.
        suggested_class: A class to offer by a button of its own.
        can_relabel: Whether to offer all other classes.
    """
    record = data.records[index]
    _show_image(caches.render_thumbnail(data.id, index), record, data)
    st.markdown(caption)
    waiting = find_pending(data.id, record.path)
    if waiting:
        _show_undo(data.id, waiting.change, index)
        return
    if suggested_class:
        relabel = Change("relabel", record.path, suggested_class)
        _show_change_button(data.id, relabel, _("It is {name}", name=suggested_class), index)
    own = data.classes[record.label]
    others = [name for name in data.classes if name not in (own, suggested_class)]
    if can_relabel and others:
        _choose_class(data, record, others, index)
    _show_change_button(data.id, Change("set aside", record.path), _("Set aside"), index)


def _choose_class(data: DataSet, record: ImageRecord, classes: list[str], index: int) -> None:
    chosen = st.selectbox(
        _("Another class"),
        classes,
        index=None,
        key=f"repair_class_{index}",
        placeholder=_("It is another class"),
        label_visibility="collapsed",
    )
    if chosen:
        put_in_basket(data.id, PendingChange(Change("relabel", record.path, chosen)))
        st.rerun()


def show_set_aside_card(data: DataSet, index: int) -> None:
    """Draw an image that was set aside, with the button that restores it."""
    record = caches.load_set_aside(data.id).records[index]
    _show_image(caches.render_thumbnail(data.id, index, from_set_aside=True), record, data)
    st.markdown(f"{escape_markdown(data.classes[record.label])}, {_(record.split)}")
    waiting = find_pending(data.id, record.path)
    if waiting:
        _show_undo(data.id, waiting.change, index)
    else:
        _show_change_button(data.id, Change("restore", record.path), _("Restore"), index)


def _show_image(image: bytes, record: ImageRecord, data: DataSet) -> None:
    name = record.path.rpartition("/")[2]
    half = MAX_NAME_LENGTH // 2
    short = name if len(name) <= MAX_NAME_LENGTH else f"{name[:half]}…{name[-half:]}"
    description = _(
        "Image {name} of the class {label}", name=name, label=data.classes[record.label]
    )
    st.image(image, caption=escape_markdown(short), alt=description, width="stretch")


def _show_undo(data_id: str, change: Change, index: int) -> None:
    words = {
        "relabel": _("Will be {name}", name=change.class_name),
        "set aside": _("Will be set aside"),
        "restore": _("Will be restored"),
    }
    st.markdown(f":material/pending: **{escape_markdown(words[change.action])}**")
    st.button(
        _("Take back"),
        key=f"repair_back_{index}",
        icon=":material/undo:",
        width="stretch",
        on_click=take_from_basket,
        args=(data_id, change.path),
    )


def _show_change_button(data_id: str, change: Change, label: str, index: int) -> None:
    icons = {"relabel": ":material/label:", "set aside": ":material/block:"}
    st.button(
        escape_markdown(label),
        key=f"repair_{change.action}_{index}",
        width="stretch",
        icon=icons.get(change.action, ":material/undo:"),
        on_click=put_in_basket,
        args=(data_id, PendingChange(change)),
    )
