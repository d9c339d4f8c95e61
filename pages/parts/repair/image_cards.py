"""Images that may be wrong as cards, and the changes that wait until a version is made."""

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import escape_markdown
from pages.shared.session import PendingChange
from transfer_core.dataset import Change, DataSet, ImageRecord

GRID_COLUMNS = 4
ITEMS_PER_PAGE = 12  # images or groups
MAX_NAME_LENGTH = 20  # characters of a file's name that fit on a card


def make_grid(count: int):
    """Places for cards, row by row; on a phone one below the other."""
    for number in range(count):
        if number % GRID_COLUMNS == 0:
            columns = st.columns(GRID_COLUMNS)
        yield columns[number % GRID_COLUMNS].container(border=True, height="stretch")


def paginate(items: list, name: str) -> list:
    """The items of the page that the person chose, where they do not fit on one."""
    pages = -(-len(items) // ITEMS_PER_PAGE)
    if pages <= 1:
        return items
    chosen = st.number_input(
        f"Page, of {pages}",
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
    """An image with what may be done to it.

    Args:
        data: The data set.
        index: Of the image in its records.
        caption: Told below the image, as markdown.
        suggested_class: The class that it may be of.
        can_relabel: Whether its class is in question.
    """
    record = data.records[index]
    _show_image(caches.render_thumbnail(data.id, index), record, data)
    st.markdown(caption)
    waiting = _find_pending(data.id, record.path)
    if waiting:
        _show_undo(data.id, waiting.change, index)
        return
    own = data.classes[record.label]
    if suggested_class:
        _show_change_button(
            data.id,
            Change("relabel", record.path, suggested_class),
            f"It is {suggested_class}",
            index,
        )
    others = [name for name in data.classes if name not in (own, suggested_class)]
    if can_relabel and others:
        chosen = st.selectbox(
            "Another class",
            others,
            index=None,
            key=f"repair_class_{index}",
            placeholder="It is another class",
            label_visibility="collapsed",
        )
        if chosen:
            session.put_in_basket(data.id, PendingChange(Change("relabel", record.path, chosen)))
            st.rerun()
    _show_change_button(data.id, Change("set aside", record.path), "Set aside", index)


def show_set_aside_card(data: DataSet, index: int) -> None:
    """An image that was set aside, with the way back."""
    record = caches.load_set_aside(data.id).records[index]
    _show_image(caches.render_thumbnail(data.id, index, from_set_aside=True), record, data)
    st.markdown(f"{escape_markdown(data.classes[record.label])}, {record.split}")
    waiting = _find_pending(data.id, record.path)
    if waiting:
        _show_undo(data.id, waiting.change, index)
    else:
        _show_change_button(data.id, Change("restore", record.path), "Restore", index)


def show_basket(data: DataSet) -> bool:
    """The changes that wait, each with its undo; returns whether to make a version of them."""
    waiting = session.basket(data.id)
    if not waiting:
        st.info(
            "No change waits. What you choose below waits here, and can be taken back, until you "
            "make a new version of the data set.",
            icon=":material/shopping_basket:",
        )
        return False
    with st.container(border=True):
        count = f"{len(waiting)} changes wait" if len(waiting) > 1 else "One change waits"
        st.markdown(f":material/shopping_basket: **{count}** in this tab.")
        with st.expander("See them, take them back", expanded=len(waiting) <= 3):
            for number, pending in enumerate(waiting):
                words, undo = st.columns([4, 1], vertical_alignment="center")
                words.markdown(escape_markdown(pending.change.sentence()))
                undo.button(
                    "Take back",
                    key=f"repair_undo_{number}",
                    icon=":material/undo:",
                    on_click=session.take_from_basket,
                    args=(data.id, pending.change.path),
                )
        with st.container(horizontal=True):
            make = st.button(
                "Make a new version", type="primary", icon=":material/add:", key="repair_make"
            )
            st.button(
                "Take all back",
                icon=":material/undo:",
                key="repair_undo_all",
                on_click=session.take_from_basket,
                args=(data.id,),
            )
    return make


def _show_image(image: bytes, record: ImageRecord, data: DataSet) -> None:
    name = record.path.rpartition("/")[2]
    told = f"Image {name} of the class {data.classes[record.label]}"
    short = (
        name
        if len(name) <= MAX_NAME_LENGTH
        else f"{name[: MAX_NAME_LENGTH // 2]}…{name[-MAX_NAME_LENGTH // 2 :]}"
    )
    st.image(image, caption=escape_markdown(short), alt=told, width="stretch")


def _find_pending(data_id: str, path: str) -> PendingChange | None:
    return next((each for each in session.basket(data_id) if each.change.path == path), None)


def _show_undo(data_id: str, change: Change, index: int) -> None:
    words = {"relabel": f"Will be {change.class_name}", "set aside": "Will be set aside"}
    st.markdown(
        f":material/pending: **{escape_markdown(words.get(change.action, 'Will be restored'))}**"
    )
    st.button(
        "Take back",
        key=f"repair_back_{index}",
        icon=":material/undo:",
        width="stretch",
        on_click=session.take_from_basket,
        args=(data_id, change.path),
    )


def _show_change_button(data_id: str, change: Change, label: str, index: int) -> None:
    icons = {"relabel": ":material/label:", "set aside": ":material/block:"}
    st.button(
        escape_markdown(label),
        key=f"repair_{change.action}_{index}",
        width="stretch",
        icon=icons.get(change.action, ":material/undo:"),
        on_click=session.put_in_basket,
        args=(data_id, PendingChange(change)),
    )
