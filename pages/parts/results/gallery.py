"""Images of a data set as tiles, a page at a time, each with a button of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from pages.shared import caches
from pages.shared.layout import escape_markdown, show_errors
from transfer_core.dataset import DataSet
from transfer_core.languages import _

TILES_PER_PAGE = 12
TILE_WIDTH_PIXELS = 160


@dataclass(frozen=True, slots=True)
class Tile:
    """One image with its caption."""

    image: int  # index into the data set's records
    name: str  # such as "image 12"; completes the button's label
    words: str  # under the image


def show_gallery(
    data: DataSet,
    positions: Sequence[int],
    make_tile: Callable[[int], Tile],
    *,
    key: str,
    button: str,
    icon: str,
    on_click: Callable[[int], None],
) -> None:
    """Draw the images of some positions, in this order.

    Args:
        data: The data set with the images.
        positions: One number for each image, such as its position among the test images.
        make_tile: Makes the tile of a position; called only for tiles that are drawn.
        key: Prefix of the widgets' keys; no other gallery on the page may have it.
        button: Label of each image's button, with the field `name`.
        icon: Icon of the buttons.
        on_click: Called with the position of the pressed button, before the page is drawn.
    """
    pages = -(-len(positions) // TILES_PER_PAGE)
    place = st.container(horizontal=True, gap="small")
    page = st.pagination(pages, key=f"{key}_page") if pages > 1 else 1
    for position in positions[TILES_PER_PAGE * (page - 1) : TILES_PER_PAGE * page]:
        shown = make_tile(int(position))
        with place.container(width=TILE_WIDTH_PIXELS, gap="small"), show_errors():
            st.image(
                caches.render_tile(data.id, shown.image),
                alt=f"{shown.name}: {shown.words}",
                width="stretch",
            )
            st.button(
                _(button, name=shown.name),
                key=f"{key}_{position}",
                on_click=on_click,
                args=(int(position),),
                width="stretch",
                icon=icon,
            )
            st.caption(escape_markdown(shown.words))
