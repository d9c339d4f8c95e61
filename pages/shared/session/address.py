"""The page's address: the only module that reads `st.query_params`."""

from collections.abc import Iterable

import streamlit as st

ARRANGED_KEY = "pages_arranged"
WANTED_PAGE_KEY = "page_wanted"


def get_requested(name: str) -> str | None:
    """What a part of the address asks for, if it is there."""
    return st.query_params.get(name)


def take_request(name: str) -> str | None:
    """What a part of the address asks for once: the part is removed."""
    return st.query_params.pop(name, None)


def write_to_url(name: str, text: str | None) -> None:
    """Set a part of the address, or remove it; equal parts stay untouched."""
    if not text:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text


def empty_url() -> None:
    """Remove every part of the address."""
    st.query_params.clear()


# ------------------------------------------------------------------ Widgets


def read_widget_from_url(key: str, allowed: Iterable[object], default: object) -> None:
    """Give a widget without a value the one in the address, if it is allowed."""
    if key not in st.session_state:
        text = st.query_params.get(key)
        st.session_state[key] = next((v for v in allowed if str(v) == text), default)


def write_widget_to_url(key: str, default: object = None) -> None:
    """Write a widget's value, unless it is the default, into the address, to share and keep it."""
    write_to_url(key, None if st.session_state[key] == default else str(st.session_state[key]))


def keep_in_url(key: str, default: object, allowed: Iterable[object] | None = None) -> None:
    """Keep the value of a widget that is drawn next in the address, and take it from there.

    `bind="query-params"` would write the shown words, which are others in another language.

    Args:
        key: Of the widget and of the part of the address.
        default: The value that the address need not name.
        allowed: The values that the widget can have; None allows any text.
    """
    known = None if allowed is None else list(allowed)
    if known is not None and key in st.session_state and st.session_state[key] not in known:
        del st.session_state[key]
    text = st.query_params.get(key, default)
    read_widget_from_url(key, [text] if known is None else known, default)
    write_widget_to_url(key, default)


def keep_several_in_url(key: str, allowed: Iterable[object], default: Iterable = ()) -> None:
    """Keep the values of a widget with several in the address; see `keep_in_url`."""
    if key not in st.session_state:
        texts = st.query_params.get_all(key)
        known = [each for each in allowed if str(each) in texts]
        st.session_state[key] = known or list(default)
    texts = [str(each) for each in st.session_state[key]]
    if texts == [str(each) for each in default]:
        st.query_params.pop(key, None)
    elif texts != st.query_params.get_all(key):
        st.query_params[key] = texts


def drop_from_url(prefix: str) -> None:
    """Remove the parts of the address whose names begin so."""
    for name in [name for name in st.query_params if name.startswith(prefix)]:
        del st.query_params[name]


def set_widgets(**values: object) -> None:
    """Set widgets by their keys; from a callback, before they are drawn."""
    st.session_state.update(values)


def get_clicked_point(figure: str) -> object | None:
    """The customdata of the point that was clicked in the figure of this key, if any."""
    points = st.session_state[figure]["selection"]["points"]
    return points[0].get("customdata") if points else None


# ------------------------------------------------------------------ Arranging the pages


def ensure_pages_arranged(page: str) -> None:
    """Run `app.py` first if the first address on a fresh server names this page.

    Streamlit runs such a page without `app.py`, and lists files in place of pages.
    """
    if ARRANGED_KEY not in st.session_state:
        st.session_state[WANTED_PAGE_KEY] = page, st.query_params.to_dict()
        st.switch_page("app.py")


def mark_pages_arranged() -> None:
    """Note that the pages are arranged, and go to the page that was asked for, if any."""
    st.session_state[ARRANGED_KEY] = True
    if WANTED_PAGE_KEY in st.session_state:
        page, query = st.session_state.pop(WANTED_PAGE_KEY)
        st.switch_page(page, query_params=query)
