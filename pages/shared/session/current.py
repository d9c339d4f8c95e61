"""The data set, the run and the choices that the session and the address agree on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pages.shared.journey import Journey, list_choice_values
from pages.shared.session.address import empty_url, get_requested, take_request, write_to_url
from pages.shared.session.belongings import find_data_set, find_public_id, get_belongings
from pages.shared.session.choices import change, get_journey, get_network_name, make_key
from transfer_core import networks
from transfer_core.errors import DataSetError
from transfer_core.system import get_home


def get_current_id(name: Literal["data", "run"]) -> str | None:
    """The id of the data set or run: from the address, else this session's own.

    The address is updated, so that a refresh and a second tab show the same. A run is anybody's
    until it is looked up; a data set belongs to the workspace.
    """
    if name == "data":
        return _get_current_data_id()
    own = get_journey().run_id
    current = get_requested(name) or own
    if current and current != own:
        change(run_id=current)
    if current:
        write_to_url(name, current)
    return current


def _get_current_data_id() -> str | None:
    """The id in the store of the data set that is open; what is nothing to us has none there."""
    asked, own = get_requested("data"), get_journey().data_id
    if not asked:
        write_to_url("data", public_id := find_public_id(own))
        return own if public_id else None
    try:
        holding = find_data_set(asked)
    except DataSetError:
        return f"?{asked}"  # never an id of the store, so that loading it says that it is unknown
    if not holding.is_own:
        return None
    if holding.data_id != own:
        change(data_id=holding.data_id)
        change(**_read_choices_from_url())
    return holding.data_id


def find_shown_data_id() -> str | None:
    """The id in the store of the data set of somebody else that the address shows, if it does."""
    asked = get_requested("data")
    if asked is None:
        return None
    try:
        holding = find_data_set(asked)
    except DataSetError:
        return None
    return None if holding.is_own else holding.data_id


def make_query(*, data: str | None = None, run: str | None = None) -> dict[str, str]:
    """The parts of an address that name a data set, by its id in the store, and a run."""
    parts = {"run": run, "data": find_public_id(data)}
    return {name: value for name, value in parts.items() if value}


def has_data_in_url() -> bool:
    """Whether the address names a data set."""
    return get_requested("data") is not None


def open_data_set(data_id: str) -> None:
    """Make a data set the current one, and leave nothing else in the address."""
    change(data_id=data_id)
    empty_url()
    write_to_url("data", find_public_id(data_id))


def leave_data_set(data_id: str) -> None:
    """Forget a data set that was deleted, if it is the current one."""
    if get_journey().data_id == data_id:
        change(data_id=None)
        empty_url()


def show_new_version(data_id: str, run_id: str | None) -> None:
    """Go on with a new version of the data set, and with the run whose mistakes it corrects."""
    change(data_id=data_id)
    write_to_url("data", find_public_id(data_id))
    if run_id:
        change(run_id=run_id)


def open_run(run_id: str) -> None:
    """Make a run that was just started the current one."""
    change(run_id=run_id, start_key=make_key())
    take_request("repeat")
    write_to_url("run", run_id)


def set_up_another_run(data_id: str) -> None:
    """Leave the current run, and keep its data set."""
    change(run_id=None, data_id=data_id)
    empty_url()


def leave_run_if_asked() -> None:
    """Leave the run shown last if the address asks for a new one, as links from Decide do."""
    if take_request("new"):
        change(run_id=None)


def get_repeated_run_id() -> str | None:
    """The id of the run that the address asks to repeat with changes."""
    return get_requested("repeat")


def repeat_run(data_id: str, network: str) -> None:
    """Take the data set and the network of the run that is repeated."""
    starting = networks.choose_starting_network(get_home(), data_id).name
    change(data_id=data_id, network=None if network == starting else network, run_id=None)
    take_request("run")
    write_to_url("data", find_public_id(data_id))


def get_chosen_runs() -> tuple[str, ...]:
    """Ids of the runs that are compared: from the address, else this session's own."""
    text = get_requested("runs")
    return tuple(filter(None, text.split(","))) if text else get_journey().chosen_run_ids


def choose_runs(run_ids: Iterable[str]) -> None:
    """Choose the runs to compare, here and in the address."""
    chosen = tuple(run_ids)
    change(chosen_run_ids=chosen)
    write_to_url("runs", ",".join(chosen))


# ------------------------------------------------------------------ Links that share


def open_shared_link() -> bool:
    """Let the workspace look at what a link in the address shows; the link leaves the address.

    Returns:
        Whether there was no link, or it still works.
    """
    token = take_request("share")
    if token is None:
        return True
    belongings = get_belongings()
    link = belongings.workspaces.links.visit(belongings.workspace, token)
    if link is None:
        return False
    if link.kind == "run" and len(link.targets) > 1:
        write_to_url("runs", ",".join(link.targets))
    else:
        write_to_url(link.kind, link.targets[0])
    return True


# ------------------------------------------------------------------ Choices in the address


def write_choices_to_url() -> None:
    """Write the choices into the address, so that a refresh and a shared link keep them."""
    work, untouched = get_journey(), Journey()
    for name, values in list_choice_values(get_network_name()).items():
        value = getattr(work, name)
        text = next((text for text, each in values.items() if each == value), None)
        write_to_url(name, None if value == getattr(untouched, name) else text)


def _read_choices_from_url() -> dict[str, object]:
    """The choices that the address holds; values that do not exist are left out."""
    network = get_requested("network")
    known = {each.name for each in networks.list_networks()}
    choices = list_choice_values(network if network in known else get_network_name())
    return {
        name: values[text]
        for name, values in choices.items()
        if (text := get_requested(name)) in values
    }
