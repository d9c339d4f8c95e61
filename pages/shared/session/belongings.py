"""Whose browser this is, and what belongs to it: every id of an address is looked up here."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin

import streamlit as st

from pages.shared.session.address import get_requested, take_request
from pages.shared.workspace_cookie import LINK_NAME, PROOF_NAME, make_proof, name_cookie
from transfer_core import networks
from transfer_core.errors import RunError
from transfer_core.languages import _
from transfer_core.system import get_home
from transfer_core.workspaces import (
    Belongings,
    Workspace,
    WorkspaceStore,
    open_workspaces,
    take_in_if_room,
)

if TYPE_CHECKING:
    from transfer_core.runs import RunRecord, RunState
    from transfer_core.workspaces import Holding

TAB_KEY = "workspace_of_tab"  # the secret of a browser that refuses cookies


def get_belongings() -> Belongings:
    """What belongs to this browser's workspace; ends the page if the workspace was emptied."""
    return Belongings(get_home(), find_workspace(open_workspaces(get_home())))


def find_workspace(workspaces: WorkspaceStore) -> Workspace:
    """The workspace of the browser's cookie; without cookies one that lasts as long as its tab."""
    if secret := read_cookie(workspaces):
        if known := workspaces.find(secret):
            return known
        st.info(_("This workspace is empty. Load this page again."), icon=":material/info:")
        st.stop()
    known = workspaces.find(st.session_state.get(TAB_KEY))
    if known is None:
        st.session_state[TAB_KEY] = workspaces.create()
        known = workspaces.find(st.session_state[TAB_KEY])
    return known


def read_cookie(workspaces: WorkspaceStore) -> str | None:
    """The secret that the browser sends, if any."""
    return st.context.cookies.get(name_cookie(workspaces))


def get_owner() -> str:
    """What the workspace's runs name as their owner; owners share the queue in turns."""
    return get_belongings().workspace.id


def get_secret() -> str:
    """The secret of this workspace, to open it elsewhere."""
    return read_cookie(open_workspaces(get_home())) or st.session_state[TAB_KEY]


def sign(text: str) -> str:
    """What shows in an address that this browser itself wrote a text into it."""
    return make_proof(get_secret(), text)


def is_of_tab_only() -> bool:
    """Whether the browser refuses cookies, so that its workspace ends with the tab."""
    return read_cookie(open_workspaces(get_home())) is None


def ask_before_leaving() -> None:
    """Ask before a link to another workspace takes the place of this one."""
    wanted = get_requested(LINK_NAME)
    if wanted is None:
        return
    own = get_secret()
    with st.container(border=True):
        st.markdown(
            _(
                "This link opens **another workspace** in this browser. Yours stays, but only its "
                "own link finds it again:"
            )
        )
        st.code(build_workspace_url(), language=None, wrap_lines=True)
        with st.container(horizontal=True):
            query = urlencode({LINK_NAME: wanted, PROOF_NAME: make_proof(own, wanted)})
            st.link_button(_("Open the other one"), f"?{query}")
            st.button(
                _("Stay here"), key="workspace_stay", on_click=take_request, args=(LINK_NAME,)
            )


def build_workspace_url() -> str:
    """The link that opens this workspace in another browser."""
    return f"{urljoin(st.context.url or '', './')}?{urlencode({LINK_NAME: get_secret()})}"


# ------------------------------------------------------------------ Runs


def list_runs(states: Collection[RunState] | None = None) -> tuple[RunRecord, ...]:
    """The workspace's own runs, newest first."""
    _start_engine()
    return get_belongings().list_runs(states)


def find_run(run_id: str) -> RunRecord:
    """A run of the workspace's own, or one that a link shows.

    Raises:
        RunError: If there is none.
    """
    _start_engine()
    return get_belongings().get_run(run_id)


def _start_engine() -> None:
    """Let the engine adopt the runs of engines that died."""
    from pages.shared import caches  # they want a server that runs, not one that starts

    caches.get_engine()


def find_shown_runs(run_ids: Collection[str]) -> dict[str, RunRecord]:
    """Those of some runs that the workspace may look at, by their ids."""
    shown = {}
    for run_id in run_ids:
        with suppress(RunError):
            shown[run_id] = find_run(run_id)
    return shown


def own_run(run_id: str) -> str:
    """The id of a run that the workspace may change; RunError for any other."""
    return get_belongings().own_run(run_id)


def is_own_run(record: RunRecord) -> bool:
    """Whether the workspace may change a run."""
    return get_belongings().is_own_run(record)


# ------------------------------------------------------------------ Data sets


def find_data_set(public_id: str) -> Holding:
    """What an id of an address names; DataSetError if it is nothing to this workspace."""
    return get_belongings().find_data_set(public_id)


def take_in(data_id: str) -> None:
    """Let the workspace hold a data set that was just read in or made; it needs room."""
    take_in_if_room(get_belongings(), data_id)


def find_public_id(data_id: str | None) -> str | None:
    """The id of a data set in addresses; None if the workspace does not hold it."""
    return get_belongings().find_public_id(data_id) if data_id else None


def list_names() -> dict[str, str]:
    """Names of the workspace's data sets by their ids, titles of all networks by their names."""
    titles = {each.name: each.title for each in networks.list_networks()}
    return titles | {each.id: each.name for each in get_belongings().list_data_sets()}
