"""The session's choices and the page's address; the only module that reads `st.query_params`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal
from uuid import uuid4

import streamlit as st

from pages.shared.workspace import Workspace, list_choice_values
from transfer_core import networks
from transfer_core.system import get_home

WORKSPACE_KEY = "workspace"
ARRANGED_KEY = "pages_arranged"
WANTED_PAGE_KEY = "page_wanted"


def get_workspace() -> Workspace:
    """This session's choices."""
    return st.session_state.setdefault(WORKSPACE_KEY, Workspace())


def change(**choices) -> None:
    """Change choices; a new data set or network resets the choices that rest on it."""
    before = get_workspace()
    if choices.get("data_id", before.data_id) != before.data_id:
        before = Workspace(
            network=before.network,
            minutes=before.minutes,
            upload_count=before.upload_count,
            owner=before.owner,
            chosen_run_ids=before.chosen_run_ids,
            deleted=before.deleted,
            present=before.present,
            language=before.language,
        )
    if choices.get("network", before.network) != before.network:
        before = replace(before, option=None, run_id=None, fit=None, proposal=None)
    st.session_state[WORKSPACE_KEY] = replace(before, **choices)


def get_network_name() -> str:
    """The network that this session has chosen, else the one that its data set starts with."""
    work = get_workspace()
    return work.network or networks.choose_starting_network(get_home(), work.data_id).name


def get_source() -> networks.SourceNetwork:
    """The source network of `get_network_name`.

    Raises:
        NetworkError: If it was removed meanwhile.
    """
    return networks.get_network(get_network_name())


def make_key() -> str:
    """A key for one click, so that a double click starts one run."""
    return uuid4().hex


# ------------------------------------------------------------------ The data set and the run shown


def get_current_id(name: Literal["data", "run"]) -> str | None:
    """The id of the data set or run: from the address, else this session's own.

    The address is updated, so that a refresh, a second tab and a shared link show the same.
    """
    own = get_workspace().data_id if name == "data" else get_workspace().run_id
    current = st.query_params.get(name) or own
    if current and current != own:
        change(**{f"{name}_id": current})
        if name == "data":
            change(**_read_choices_from_url())
    if current:
        write_to_url(name, current)
    return current


def has_data_in_url() -> bool:
    """Whether the address names a data set."""
    return "data" in st.query_params


def open_data_set(data_id: str, *, upload_count: int | None = None) -> None:
    """Make a data set the current one, and leave nothing else in the address."""
    change(data_id=data_id, upload_count=upload_count or get_workspace().upload_count)
    st.query_params.clear()
    st.query_params["data"] = data_id


def show_new_version(data_id: str, run_id: str | None) -> None:
    """Go on with a new version of the data set, and with the run whose mistakes it corrects."""
    change(data_id=data_id)
    st.query_params["data"] = data_id
    if run_id:
        change(run_id=run_id)


def get_requested(name: Literal["sample", "way", "present", "test"]) -> str | None:
    """What the address asks for: a sample, a way to bring images in, to present, or to test."""
    return st.query_params.get(name)


def open_run(run_id: str) -> None:
    """Make a run that was just started the current one."""
    change(run_id=run_id, start_key=make_key())
    st.query_params.pop("repeat", None)
    st.query_params["run"] = run_id


def set_up_another_run(data_id: str) -> None:
    """Leave the current run, and keep its data set."""
    change(run_id=None, data_id=data_id)
    st.query_params.clear()


def leave_run_if_asked() -> None:
    """Leave the run shown last if the address asks for a new one, as links from Decide do."""
    if st.query_params.pop("new", None):
        change(run_id=None)


def get_repeated_run_id() -> str | None:
    """The id of the run that the address asks to repeat with changes."""
    return st.query_params.get("repeat")


def repeat_run(data_id: str, network: str) -> None:
    """Take the data set and the network of the run that is repeated."""
    starting = networks.choose_starting_network(get_home(), data_id).name
    change(data_id=data_id, network=None if network == starting else network, run_id=None)
    st.query_params.pop("run", None)
    st.query_params["data"] = data_id


def get_chosen_runs() -> tuple[str, ...]:
    """Ids of the runs that are compared: from the address, else this session's own."""
    text = st.query_params.get("runs")
    return tuple(filter(None, text.split(","))) if text else get_workspace().chosen_run_ids


def choose_runs(run_ids: Iterable[str]) -> None:
    """Choose the runs to compare, here and in the address."""
    chosen = tuple(run_ids)
    change(chosen_run_ids=chosen)
    write_to_url("runs", ",".join(chosen))


# ------------------------------------------------------------------ Choices in the address


def write_choices_to_url() -> None:
    """Write the choices into the address, so that a refresh and a shared link keep them."""
    work, untouched = get_workspace(), Workspace()
    for name, values in list_choice_values(get_network_name()).items():
        value = getattr(work, name)
        text = next((text for text, each in values.items() if each == value), None)
        write_to_url(name, None if value == getattr(untouched, name) else text)


def _read_choices_from_url() -> dict[str, object]:
    """The choices that the address holds; values that do not exist are left out."""
    network = st.query_params.get("network")
    known = {each.name for each in networks.list_networks()}
    choices = list_choice_values(network if network in known else get_network_name())
    return {
        name: values[st.query_params[name]]
        for name, values in choices.items()
        if st.query_params.get(name) in values
    }


def write_to_url(name: str, text: str | None) -> None:
    """Set a part of the address, or remove it; equal parts stay untouched."""
    if not text:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text


# ------------------------------------------------------------------ Widgets


def read_widget_from_url(key: str, allowed: Iterable[object], default: object) -> None:
    """Give a widget without a value the one in the address, if it is allowed."""
    if key not in st.session_state:
        text = st.query_params.get(key)
        st.session_state[key] = next((v for v in allowed if str(v) == text), default)


def write_widget_to_url(key: str, default: object = None) -> None:
    """Write a widget's value, unless it is the default, into the address, to share and keep it."""
    write_to_url(key, None if st.session_state[key] == default else str(st.session_state[key]))


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
