"""Record classes with the camera, and make a data set of them."""

import tempfile
from pathlib import Path

import streamlit as st

from pages.parts.data.recordings import (
    Recordings,
    explain_unfair_test,
    explain_what_is_missing,
    get_recordings,
)
from pages.shared import session
from pages.shared.camera import make_camera_component, translate_camera_words
from pages.shared.language import translate_words
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.progress import show_progress
from transfer_core import dataset
from transfer_core.dataset import MIN_BURSTS, RecordedClass
from transfer_core.errors import TransferError
from transfer_core.languages import N_, _
from transfer_core.system import TEMPORARY_PREFIX, get_home

COMPONENT_KEY = "data_recorder"
WORDS = {  # of the script; {name}, {n} and {left} are filled in there
    "class": N_("Class {n}"),
    "className": N_("Name of the class"),
    "unnamed": N_("this class"),
    "remove": N_("Remove"),
    "removeClass": N_("Remove {name}"),
    "undo": N_("Undo last recording"),
    "undoClass": N_("Undo the last recording of {name}"),
    "image": N_("{n} image"),
    "images": N_("{n} images"),
    "recording": N_("Recording …"),
    "hold": N_("Hold to record"),
    "holdClass": N_("Record {name}: hold, or press once to start and once to stop"),
    "delete": N_("Delete this image"),
    "deleteImage": N_("Delete image {n} of {name}"),
    "burst": N_("Recording {n}"),
    "deleted": N_("An image of {name} was deleted. {left} left."),
    "undone": N_("The last recording of {name} was deleted. {left} left."),
    "sees": N_("What the camera sees"),
    "add": N_("Add a class"),
    "clear": N_("Delete all"),
    "added": N_("A class was added."),
    "removed": N_("A class was removed."),
    "sure": N_("Delete everything that was recorded?"),
    "cleared": N_("Everything that was recorded is deleted."),
}
_COMPONENT = make_camera_component("transfer_lab_recorder", Path(__file__).with_suffix(".js"))


@st.fragment
def offer_recorder() -> None:
    """Draw the recorder; what is recorded stays in the session, also on other pages."""
    recordings = get_recordings()
    key = f"data_record_{recordings.saved_seq}"  # a new one folds it when a data set was made
    if key not in st.session_state:
        # Not by `expanded`: that would draw the recorder anew when the first frame arrives.
        is_unsaved = bool(recordings.frames) and not recordings.is_saved
        st.session_state[key] = is_unsaved or session.get_requested("way") == "record"
    box = st.expander(
        _("Record classes with the webcam"),
        icon=":material/videocam:",
        key=key,
        on_change="rerun",  # a folded recorder lets go of the camera
    )
    if box.open:
        with box:
            _draw_recorder(recordings)


def _draw_recorder(recordings: Recordings) -> None:
    st.caption(
        _(
            "Record each class {count} times or more, each time a little differently: whole "
            "recordings are kept for the test.",
            count=MIN_BURSTS,
        )
    )
    data = {
        "classes": recordings.classes,
        "seq": recordings.seq,
        "missing": recordings.missing,
        "saved": recordings.is_saved,
        "cameraWords": translate_camera_words(),
        "words": translate_words(WORDS),
    }
    _COMPONENT(key=COMPONENT_KEY, data=data, on_recorded_change=_take_in)
    classes = recordings.list_classes()
    lacking = explain_what_is_missing(recordings)
    unfair = "" if lacking else explain_unfair_test(classes)
    if unfair:
        st.warning(escape_markdown(unfair), icon=":material/balance:")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("Make the data set"),
            type="primary",
            icon=":material/photo_library:",
            key="data_record_make",
            disabled=bool(lacking),
            help=lacking or None,
            on_click=_ask_for_data_set,
        )
        st.caption(escape_markdown(lacking or _describe(classes)))
    if recordings.is_asked_for and not lacking:
        _make_data_set(classes)


def _take_in() -> None:
    get_recordings().take_in(st.session_state[COMPONENT_KEY].get("recorded"))


def _ask_for_data_set() -> None:
    # Kept until it is made: a late message of the browser begins the page anew meanwhile.
    get_recordings().is_asked_for = True


def _describe(classes: list[RecordedClass]) -> str:
    counts = [f"{each.name}: {sum(map(len, each.bursts))}" for each in classes]
    return _("{counts} images", counts=", ".join(counts))


def _make_data_set(classes: list[RecordedClass]) -> None:
    """Write the recordings into the store and make them this session's data set."""
    names = ", ".join(each.name for each in classes)
    recordings = get_recordings()
    with (
        show_errors(),
        show_progress() as report,
        tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX) as folder,
    ):
        file = Path(folder) / "recordings.zip"
        try:
            dataset.write_recordings(classes, file)
            data = dataset.ingest(file, home=get_home(), name=f"Webcam: {names}", progress=report)
            session.take_in(data.id)
        except TransferError:
            recordings.is_asked_for = False
            raise
    recordings.is_asked_for = False
    recordings.saved_seq = recordings.seq
    session.open_data_set(data.id)
    st.rerun()
