"""What a person recorded with the camera, kept in the session until a data set is made of it."""

import base64
import binascii
import re
from dataclasses import dataclass, field

import streamlit as st

from transfer_core.dataset import (
    MIN_BURSTS,
    MIN_CLASS_FRAMES,
    RecordedClass,
    make_folder_name,
    needs_cutting,
)
from transfer_core.languages import _

RECORDINGS_KEY = "recordings"
MAX_CLASSES = 20
MAX_FRAMES = 2_000  # of all classes, about 40 MB
MAX_FRAME_BYTES = 500_000
MAX_NAME_LENGTH = 60  # characters
_ID = re.compile(r"[0-9a-z]{1,20}")


@dataclass
class Recordings:
    """Classes, their bursts of frames, and the frames' files, as the browser sent them."""

    classes: list[dict] = field(default_factory=list)  # {"id", "name", "bursts": ids of frames}
    frames: dict[str, bytes] = field(default_factory=dict)  # image files by id
    seq: int = 0  # number of the last message that was taken in
    saved_seq: int = -1  # number of the message after which a data set was made
    is_asked_for: bool = False  # whether a data set is to be made

    @property
    def is_saved(self) -> bool:
        """Whether a data set was made of what there is now."""
        return self.saved_seq == self.seq

    @property
    def missing(self) -> list[str]:
        """Frames that the browser has and has not sent yet."""
        return [frame for frame in self._list_frames() if frame not in self.frames]

    def take_in(self, message: object) -> None:
        """Take in a message of the browser; what is malformed or too much is left out."""
        if not isinstance(message, dict) or not isinstance(message.get("seq"), int):
            return
        self.seq, self.classes = message["seq"], _read_classes(message.get("classes"))
        wanted = set(self._list_frames())
        sent = message.get("frames")
        for frame, text in sent.items() if isinstance(sent, dict) else ():
            if frame in wanted and (file := _decode_frame(text)):
                self.frames[frame] = file
        self.frames = {frame: file for frame, file in self.frames.items() if frame in wanted}

    def list_classes(self) -> list[RecordedClass]:
        """The classes of which anything was recorded."""
        recorded = []
        for each in self.classes:
            bursts = [[self.frames[f] for f in b if f in self.frames] for b in each["bursts"]]
            if any(bursts):
                files = tuple(tuple(burst) for burst in bursts if burst)
                recorded.append(RecordedClass(make_folder_name(each["name"]), files))
        return recorded

    def _list_frames(self) -> list[str]:
        return [frame for each in self.classes for burst in each["bursts"] for frame in burst]


def get_recordings() -> Recordings:
    """The recordings of this session."""
    return st.session_state.setdefault(RECORDINGS_KEY, Recordings())


def explain_what_is_missing(recordings: Recordings) -> str:
    """What is still to be done before a data set can be made; empty if nothing is."""
    classes = recordings.list_classes()
    if not classes:
        return _("Turn the camera on and record two classes.")
    short = [each.name for each in classes if sum(map(len, each.bursts)) < MIN_CLASS_FRAMES]
    if short:
        return _(
            "Record at least {count} images of {names}.",
            count=MIN_CLASS_FRAMES,
            names=_(" and of ").join(short),
        )
    if len(classes) < 2:
        return _("Record a second class, so that there are two to tell apart.")
    names = [each.name.casefold() for each in classes]
    if len(set(names)) < len(names):
        return _("Give each class a name of its own.")
    return _("The last images are on their way.") if recordings.missing else ""


def explain_unfair_test(classes: list[RecordedClass]) -> str:
    """Why the test of these recordings would look too good; empty if it is fair."""
    cut = [each.name for each in classes if needs_cutting(map(len, each.bursts))]
    if not cut:
        return ""
    return _(
        "Good for a first try. The test will be too easy, though: there are fewer than "
        "{count} recordings of {names}, so it shows other moments of the same.",
        count=MIN_BURSTS,
        names=_(" and of ").join(cut),
    )


def _read_classes(values: object) -> list[dict]:
    classes, left = [], MAX_FRAMES
    for each in values[:MAX_CLASSES] if isinstance(values, list) else ():
        if not isinstance(each, dict) or not isinstance(each.get("bursts"), list):
            continue
        bursts = []
        for burst in each["bursts"]:
            ids = [f for f in burst if _is_id(f)][:left] if isinstance(burst, list) else []
            left -= len(ids)
            bursts += [ids] if ids else []
        name = str(each.get("name", ""))[:MAX_NAME_LENGTH]
        if _is_id(each.get("id")):
            classes.append({"id": each["id"], "name": name, "bursts": bursts})
    return classes


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(_ID.fullmatch(value))


def _decode_frame(text: object) -> bytes | None:
    if not isinstance(text, str) or len(text) > MAX_FRAME_BYTES * 4 / 3:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
