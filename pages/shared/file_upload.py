"""An uploader for large files, which go straight to the server's disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.server.upload_route import TICKET_HEADER, URL_PATH
from pages.server.uploads import MEGABYTE, Upload, get_max_bytes, get_uploads
from pages.shared import session
from pages.shared.language import translate_words
from transfer_core.errors import TransferError
from transfer_core.languages import N_, _
from transfer_core.workspaces import check_space, measure_space

WORDS = {  # of the script; {name}, {done} and {total} are filled in there
    "choose": N_("Choose a file"),
    "drop": N_("or drop it here"),
    "cancel": N_("Cancel"),
    "sending": N_("{name}: {done} of {total} MB"),
    "ready": N_("{name} has arrived."),
    "stopped": N_("The upload was cancelled."),
    "failed": N_("The upload broke off. Please try again."),
}
_SCRIPT = Path(__file__).with_suffix(".js")
_COMPONENT = st.components.v2.component(
    "transfer_lab_file_upload",
    html='<div class="upload"></div>',
    css=_SCRIPT.with_suffix(".css").read_text(encoding="utf-8"),
    js=_SCRIPT.read_text(encoding="utf-8"),
)


def receive_file(label: str, *, key: str, ending: str) -> Upload | None:
    """Draw an uploader, and return the file that has come by it.

    The file stays until it is forgotten: a late message of the browser may begin the page anew
    while it is read.

    Args:
        label: What to upload.
        key: Of the component.
        ending: What such files usually end with, such as ".zip".
    """
    upload = get_uploads().take(_get_session(), key)
    _COMPONENT(
        key=key,
        data={
            "label": label,
            "ending": ending,
            "limit": _("{ending}, at most {size:,.0f} MB", ending=ending[1:], size=_get_limit()),
            "words": translate_words(WORDS),
            "address": URL_PATH,
            "header": TICKET_HEADER,
            "answer": None if upload else st.session_state.get(_make_answer_key(key)),
        },
        on_wanted_change=lambda: _answer(key),
        on_sent_change=_do_nothing,
    )
    if space := measure_space(session.get_belongings()):
        taken, limit = space.used / MEGABYTE, space.limit / MEGABYTE
        st.caption(_("You take {used:,.0f} of {limit:,.0f} MB here.", used=taken, limit=limit))
    return upload


def forget_file(key: str) -> None:
    """Remove the file that an uploader has brought."""
    get_uploads().drop(_get_session(), key)
    st.session_state.pop(_make_answer_key(key), None)


@contextmanager
def forget_afterwards(key: str) -> Iterator[None]:
    """Forget the file when it was read or refused; not if the page begins anew meanwhile."""
    try:
        yield
    except TransferError:
        forget_file(key)
        raise
    forget_file(key)


def _answer(key: str) -> None:
    """Give a ticket for the file that was chosen, or say why not."""
    wanted = st.session_state[key].get("wanted")
    if not isinstance(wanted, dict) or not isinstance(wanted.get("size"), int):
        return
    answer = {"number": wanted.get("number")}
    try:
        check_space(session.get_belongings(), max(0, wanted["size"]))
        name = str(wanted.get("name"))[:200]
        answer["ticket"] = get_uploads().expect(_get_session(), key, name, wanted["size"])
    except TransferError as error:
        answer["refused"] = f"{error.problem} {error.remedy}"
    st.session_state[_make_answer_key(key)] = answer


def _get_session() -> str:
    return get_script_run_ctx().session_id


def _get_limit() -> float:
    return get_max_bytes() / MEGABYTE


def _make_answer_key(key: str) -> str:
    return f"{key}_answer"


def _do_nothing() -> None:
    """A message only lets the page be drawn anew."""
