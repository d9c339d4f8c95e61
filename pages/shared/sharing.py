"""Share a run or a data set by a link, to look at only; the link can be withdrawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit, urlunsplit

import streamlit as st

from pages.server import is_answered_to, list_public_names, list_urls
from pages.shared import session
from pages.shared.layout import build_page_url
from transfer_core.languages import N_, _
from transfer_core.system import LOCAL_HOSTS

if TYPE_CHECKING:
    from transfer_core.runs import RunRecord

NOT_YOURS = N_("Not your run: shared with you, to look at.")


def offer_sharing(kind: Literal["data", "run"], targets: Sequence[str]) -> None:
    """Draw the button behind which a link to this page is made.

    Args:
        kind: What is shared.
        targets: Public ids of data sets or ids of runs, all of the workspace's own.
    """
    with st.popover(_("Share"), icon=":material/share:"):
        show_link(kind, targets)


def show_link(kind: Literal["data", "run"], targets: Sequence[str], **query: str) -> None:
    """Draw the link to this page with the button that withdraws it, or the one that makes it.

    Args:
        kind: What is shared.
        targets: Public ids of data sets or ids of runs, all of the workspace's own.
        query: More parts of the address.
    """
    belongings = session.get_belongings()
    workspaces, own = belongings.workspaces, belongings.workspace
    key = f"share_{kind}_{'_'.join(targets)}"
    if links := workspaces.links.list(own, targets):
        link = links[-1]
        url = build_link(share=link.token, **query)
        st.code(url, language=None, wrap_lines=True)
        warn_of_local_link(url)
        st.button(
            _("Withdraw the link"),
            icon=":material/link_off:",
            key=f"{key}_withdraw",
            on_click=workspaces.links.withdraw,
            args=(own, link.token),
        )
        return
    st.caption(_("Whoever has the link can look, and change nothing."))
    st.button(
        _("Make a link"),
        icon=":material/link:",
        key=key,
        on_click=belongings.share,
        args=(kind, targets),
    )


def build_link(**query: str) -> str:
    """The address of this page with a query; on a shared server one that others can open."""
    url = build_page_url(**query)
    parts, shared = urlsplit(url), urlsplit(list_urls()[0])
    if parts.hostname not in LOCAL_HOSTS or shared.hostname in LOCAL_HOSTS:
        return url  # a local address works as the person has it, whatever the server believes
    if not is_answered_to(shared.netloc):
        return url  # behind a proxy, whose address the server does not know
    return urlunsplit(parts._replace(scheme=shared.scheme, netloc=shared.netloc))


def warn_of_local_link(url: str) -> None:
    """Say of a link that others cannot open that it is one, and how they could."""
    if urlsplit(url).hostname not in LOCAL_HOSTS:
        return
    if names := list_public_names():
        remedy = _("Open this page under the name that others use: `{name}`.", name=names[0])
    else:
        remedy = _(
            "If the server runs on it, start it with `transfer-lab --share`, and open the address "
            "that it prints. If not, open this page under the server's own name."
        )
    problem = _("This address opens on this computer only.")
    st.warning(f"{problem} {remedy}", icon=":material/wifi_off:")


def show_shared_note(record: RunRecord) -> None:
    """Say of a run of somebody else that it is not one's own."""
    if not session.is_own_run(record):
        st.caption(f":material/visibility: {_(NOT_YOURS)}")


def require_own_run(record: RunRecord) -> None:
    """End a page that changes a run, or gives it away, if the run is somebody else's."""
    if session.is_own_run(record):
        return
    st.info(_(NOT_YOURS), icon=":material/visibility:")
    st.page_link(
        "pages/results.py",
        label=_("See its result"),
        icon=":material/fact_check:",
        query_params={"run": record.id},
    )
    st.stop()
