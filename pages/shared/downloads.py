"""Downloads that go from the disk to the browser a piece at a time.

`st.download_button` holds the whole file in memory, several times over while it is sent: the
server grew by 1.1 GB for a file of 200 MB. A route of its own does not grow it at all.
"""

from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from pages.shared import session
from pages.shared.workspace_cookie import find_workspace_of
from transfer_core import dataset
from transfer_core.errors import DataSetError, RunError, WorkspaceError
from transfer_core.languages import _
from transfer_core.system import get_home
from transfer_core.workspaces import Belongings

URL_PATH = "downloads"


def show_download_link(run_id: str, kind: str, file: Path) -> None:
    """Draw a button that downloads a prepared export of a run of the workspace's own."""
    size = file.stat().st_size
    size_text = (
        _("{size:,.1f} MB", size=size / 1e6)
        if size >= 1e5
        else _("{size:,.0f} kB", size=size / 1e3)
    )
    _show_link(_("Download ({size})", size=size_text), f"{run_id}/{kind}", type="primary")


def _send_export(request: Request) -> Response:
    from transfer_core.export import find_download  # imports torch

    try:
        run_id = _find_belongings(request).own_run(request.path_params["run"])
        file = find_download(get_home(), run_id, request.path_params["kind"])
    except (RunError, WorkspaceError):  # the answer to a forged id is that of an unknown one
        file = None
    if file is None:
        return PlainTextResponse("Nothing was prepared under this address.", status_code=404)
    return FileResponse(file, filename=file.name, headers={"X-Content-Type-Options": "nosniff"})


def show_images_link(data_id: str) -> None:
    """Draw a button that downloads all images of a data set as a zip, packed while it is sent."""
    _show_link(_("Download this version as a zip"), f"images/{session.find_public_id(data_id)}")


def _show_link(label: str, path: str, **options: str) -> None:
    """Draw the button; without cookies, by which a download is known to be its own, say so."""
    if session.is_of_tab_only():
        st.info(_("Downloads need cookies. Allow them for this page."), icon=":material/cookie:")
        return
    st.link_button(label, f"{URL_PATH}/{path}", icon=":material/download:", **options)


def _send_images(request: Request) -> Response:
    try:
        holding = _find_belongings(request).find_data_set(request.path_params["data"])
        data_set = dataset.load(get_home(), holding.data_id) if holding.is_own else None
    except (DataSetError, WorkspaceError):
        data_set = None
    if data_set is None:
        return PlainTextResponse("There is no such data set.", status_code=404)
    headers = {
        "Content-Disposition": 'attachment; filename="images.zip"',
        "X-Content-Type-Options": "nosniff",
    }
    pieces = dataset.stream_zip(get_home(), data_set)
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


def _find_belongings(request: Request) -> Belongings:
    """What belongs to the workspace whose cookie the browser sends.

    Raises:
        WorkspaceError: If it sends none.
    """
    workspace = find_workspace_of(request)
    if workspace is None:
        raise WorkspaceError("There is no workspace.", found="no cookie", remedy="Open a page.")
    return Belongings(get_home(), workspace)


IMAGES_ROUTE = Route(f"/{URL_PATH}/images/{{data}}", _send_images)
EXPORT_ROUTE = Route(f"/{URL_PATH}/{{run}}/{{kind}}", _send_export)
