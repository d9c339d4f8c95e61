"""Changes to a data set that wait in the session until a new version is made of them."""

from dataclasses import dataclass

import streamlit as st

from transfer_core.dataset import Change

BASKETS_KEY = "baskets"


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change that waits."""

    change: Change
    file: bytes | None = None  # content of an image that is added


def list_pending(data_id: str) -> tuple[PendingChange, ...]:
    """The changes to a data set that wait, oldest first; at most one for each image."""
    return tuple(_get_basket(data_id).values())


def find_pending(data_id: str, path: str) -> PendingChange | None:
    """The change to an image that waits, if any."""
    return _get_basket(data_id).get(path)


def put_in_basket(data_id: str, *changes: PendingChange) -> None:
    """Let changes wait; a change replaces an earlier one to the same image."""
    baskets = st.session_state.setdefault(BASKETS_KEY, {})
    baskets[data_id] = _get_basket(data_id) | {each.change.path: each for each in changes}


def take_from_basket(data_id: str, *paths: str) -> None:
    """Take back the changes to these images; without paths, all changes."""
    pending = _get_basket(data_id)
    baskets = st.session_state.setdefault(BASKETS_KEY, {})
    baskets[data_id] = {path: pending[path] for path in pending if paths and path not in paths}


def _get_basket(data_id: str) -> dict[str, PendingChange]:
    return st.session_state.get(BASKETS_KEY, {}).get(data_id, {})
