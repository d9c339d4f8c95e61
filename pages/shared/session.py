"""What one browser session has chosen so far; the only module that touches session_state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

import streamlit as st

from transfer_core import networks
from transfer_core.cases import Initialise, TransferCase
from transfer_core.dataset import Change

if TYPE_CHECKING:  # brings torch
    from transfer_core.timing.time_budget import RunPlan

DIVIDING_LINES = [
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    1_000_000,
]
WORKSPACE_KEY = "workspace"
ARRANGED_KEY = "pages_arranged"
WANTED_PAGE_KEY = "page_wanted"
BASKETS_KEY = "baskets"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The choices along the journey; each rests on those before it."""

    data_id: str | None = None
    network: str = networks.DEFAULT_NETWORK
    answer: Literal["estimate", "similar", "different"] = "estimate"
    line: int | None = None  # images; None is the network's own
    case: TransferCase | None = None  # None follows the advice
    cut: str | None = None  # of case 2; None follows the measurement
    initialise: Initialise = "pretrained"  # of case 4, as the advice has it
    fit: RunPlan | None = None  # settings that end in time, filled in on Train
    proposal: RunPlan | None = None  # what ends in time on another network
    fits: int = 0  # counted, so that the settings are filled in anew after each
    run_id: str | None = None
    chosen_run_ids: tuple[str, ...] = ()  # chosen on the page Runs, and compared
    deleted: tuple[str, ...] = ()  # the runs deleted last, to undo it
    upload_count: int = 0  # counted, so that each upload gets an empty uploader after it
    start_key: str = field(default_factory=lambda: uuid4().hex)  # one run per click
    owner: str = field(default_factory=lambda: uuid4().hex)  # shares the queue fairly


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change to a data set that waits until a new version is made."""

    change: Change
    file: bytes | None = None  # of an image that is added


def workspace() -> Workspace:
    """This session's choices."""
    return st.session_state.setdefault(WORKSPACE_KEY, Workspace())


def change(**choices) -> None:
    """Change choices; a new data set or network empties all that rested on the one before."""
    before = workspace()
    if choices.get("data_id", before.data_id) != before.data_id:
        before = Workspace(
            network=before.network,
            upload_count=before.upload_count,
            owner=before.owner,
            chosen_run_ids=before.chosen_run_ids,
            deleted=before.deleted,
        )
    if choices.get("network", before.network) != before.network:
        before = replace(
            before, line=None, case=None, cut=None, run_id=None, fit=None, proposal=None
        )
    st.session_state[WORKSPACE_KEY] = replace(before, **choices)


def get_current_id(name: Literal["data", "run"]) -> str | None:
    """The id of the data set or run: from the address, else this session's own.

    The address is brought up to date, so that a refresh, a second tab and a
    shared link show the same.
    """
    own = workspace().data_id if name == "data" else workspace().run_id
    found = st.query_params.get(name) or own
    if found and found != own:
        change(**{f"{name}_id": found})
        if name == "data":
            change(**_read_choices_from_url())
    if found and st.query_params.get(name) != found:
        st.query_params[name] = found
    return found


def get_chosen_runs() -> tuple[str, ...]:
    """Ids of the runs that are looked at together: from the address, else this session's own."""
    found = st.query_params.get("runs")
    return tuple(filter(None, found.split(","))) if found else workspace().chosen_run_ids


def choose_runs(run_ids: Iterable[str]) -> None:
    """Look at these runs together, here and in the address."""
    chosen = tuple(run_ids)
    change(chosen_run_ids=chosen)
    if not chosen:
        st.query_params.pop("runs", None)
    elif st.query_params.get("runs") != ",".join(chosen):
        st.query_params["runs"] = ",".join(chosen)


def source() -> networks.SourceNetwork:
    """The source network that this session has chosen.

    Raises:
        NetworkError: If it has been removed meanwhile.
    """
    return networks.get_network(workspace().network)


def ensure_pages_arranged(page: str) -> None:
    """Arrange the pages first, where a fresh server's first address names this page.

    Streamlit runs such a page without `app.py`, and lists files in place of pages.
    """
    if ARRANGED_KEY not in st.session_state:
        st.session_state[WANTED_PAGE_KEY] = page, st.query_params.to_dict()
        st.switch_page("app.py")


def mark_pages_arranged() -> None:
    """The pages are arranged; on to the one that was asked for, if any."""
    st.session_state[ARRANGED_KEY] = True
    if WANTED_PAGE_KEY in st.session_state:
        page, query = st.session_state.pop(WANTED_PAGE_KEY)
        st.switch_page(page, query_params=query)


def write_choices_to_url() -> None:
    """Write the choices into the address, so that a refresh and a shared link keep them."""
    work, untouched = workspace(), Workspace()
    for name, values in _list_choices().items():
        value = getattr(work, name)
        text = next((text for text, each in values.items() if each == value), None)
        if value == getattr(untouched, name) or text is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != text:
            st.query_params[name] = text


def _read_choices_from_url() -> dict[str, object]:
    """The choices that the address names; what it names wrongly is left out."""
    network = st.query_params.get("network")
    return {
        name: values[st.query_params[name]]
        for name, values in _list_choices(network).items()
        if st.query_params.get(name) in values
    }


def _list_choices(network: str | None = None) -> dict[str, dict[str, object]]:
    """What each choice may be, by the text that stands for it in the address.

    Args:
        network: Whose stages may be cut after; None or an unknown one is this session's own.
    """
    known = {each.name: each for each in networks.list_networks()}
    stages = known[network if network in known else workspace().network].stage_names[:-1]
    return {
        "network": {name: name for name in known},
        "answer": {text: text for text in ("estimate", "similar", "different")},
        "line": {str(line): line for line in DIVIDING_LINES},
        "case": {str(case.value): case for case in TransferCase},
        "cut": {name: name for name in stages},
        "initialise": {text: text for text in ("random", "pretrained")},
    }


def make_key() -> str:
    """Marks one click, so that a double click starts one run."""
    return uuid4().hex


def basket(data_id: str) -> tuple[PendingChange, ...]:
    """The changes to a data set that wait, oldest first; an image has one at most."""
    return tuple(st.session_state.get(BASKETS_KEY, {}).get(data_id, {}).values())


def put_in_basket(data_id: str, *changes: PendingChange) -> None:
    """Let changes wait; for the same image the last one counts."""
    baskets = st.session_state.setdefault(BASKETS_KEY, {})
    kept = baskets.get(data_id, {})
    baskets[data_id] = kept | {each.change.path: each for each in changes}


def take_from_basket(data_id: str, *paths: str) -> None:
    """Take back the changes to these images; without any, all changes."""
    baskets = st.session_state.setdefault(BASKETS_KEY, {})
    kept = baskets.get(data_id, {})
    baskets[data_id] = {path: kept[path] for path in kept if paths and path not in paths}


def read_widget_from_url(key: str, allowed: Iterable[object], default: object) -> None:
    """Give a widget without a value the one that the address names, if that is allowed."""
    if key not in st.session_state:
        text = st.query_params.get(key)
        st.session_state[key] = next((v for v in allowed if str(v) == text), default)


def write_widget_to_url(key: str) -> None:
    """Write a widget's value into the address, so that a refresh and a shared link keep it."""
    text = str(st.session_state[key])
    if st.query_params.get(key) != text:
        st.query_params[key] = text


def set_widgets(**values: object) -> None:
    """Set widgets by their keys; from a callback, before they are drawn."""
    st.session_state.update(values)


def get_clicked_point(figure: str) -> object | None:
    """The customdata of the point that was clicked in the figure of this key, if any."""
    points = st.session_state[figure]["selection"]["points"]
    return points[0].get("customdata") if points else None
