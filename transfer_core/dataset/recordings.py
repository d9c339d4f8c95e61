"""Recordings from a camera: bursts of frames, whose names keep each burst together.

Neighbouring frames of one burst are near copies. Were some learned and others tested, the test
would only show that the network remembers. So the frames of a burst share a name, from which
the split and the cross-validation read that they belong together.

Many people record once, long. A class with fewer than three bursts is therefore cut in time:
60 % to learn from and twice 20 %, without the frames at the cuts. That is weaker than a burst of
its own for the test, since place, light and object are the same, and the data set says so.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase

from transfer_core.dataset.archive import Problem
from transfer_core.dataset.archive.entry_paths import is_junk
from transfer_core.dataset.layout import normalise_class_name
from transfer_core.dataset.types import SPLITS, DataSet
from transfer_core.dataset.wording import join_words
from transfer_core.errors import DataSetError
from transfer_core.languages import _
from transfer_core.system import hash_bytes

MIN_CLASS_FRAMES = 10  # different frames of a class, so that each part gets some
MIN_BURST_FRAMES = 5  # of a burst that counts as one: what is left of a cut holds three
MIN_BURSTS = 3  # of a class that is not cut: one for each part of the split
HELD_OUT_FRACTION = 0.2  # of a burst that is cut, for each of validation and test
GAP_FRACTION = 0.1  # of a burst that is cut, left out at each cut
MAX_GAP_FRAMES = 5  # about a second
SHARED_RECORDING = "same-recording"  # kind of the problem with bursts that were cut
MAX_NAME_BYTES = 120  # of a folder, UTF-8; less than the archive readers' limit
ZIP_TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # of every file, so that equal recordings give equal zips
# "cup/burst-03-frame-012.jpg"; "burst-03b" is the second block of a burst that was cut.
_FRAME_PATH = re.compile(r"((?:.*/)?burst-\d+([a-z]?))-frame-\d+\.\w+")


@dataclass(frozen=True, slots=True)
class RecordedClass:
    """A class and what was recorded of it."""

    name: str
    bursts: tuple[tuple[bytes, ...], ...]  # image files; each burst in the order of time


def find_burst(path: str) -> str | None:
    """The burst, or the block of one, that an image belongs to by its path; None without one."""
    match = _FRAME_PATH.fullmatch(path)
    return match[1] if match else None


def needs_cutting(burst_lengths: Iterable[int]) -> bool:
    """Whether a class has too few bursts to give each part of the split one of its own.

    Short bursts alone are not cut: `MIN_CLASS_FRAMES` make three of them at least.

    Args:
        burst_lengths: Frames of each burst.
    """
    return 0 < sum(length >= MIN_BURST_FRAMES for length in burst_lengths) < MIN_BURSTS


def write_recordings(classes: Sequence[RecordedClass], file: Path) -> None:
    """Write recordings as a zip that `ingest` reads, one folder for each class.

    A frame that equals an earlier one of its class to the byte is left out.

    Args:
        classes: The recordings.
        file: The zip to write.

    Raises:
        DataSetError: If there are fewer than two classes, two have one name, or one has too
            few different frames.
    """
    _check_names([each.name for each in classes])
    number = 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # images are compressed
        for each in classes:
            folder, bursts = make_folder_name(each.name), _drop_copies(each)
            cut = needs_cutting(map(len, bursts))
            for burst in bursts:
                number += 1  # over all classes, so that relabelled frames keep a name of their own
                for path, frame in _name_frames(f"{folder}/burst-{number:02}", burst, cut):
                    archive.writestr(zipfile.ZipInfo(path, ZIP_TIMESTAMP), frame)


def make_folder_name(name: str) -> str:
    """The name of a class as the name of one folder that no archive reader leaves out."""
    text = "".join(c if c.isprintable() and c not in "/\\:" else "-" for c in name)
    short = normalise_class_name(text).lstrip(".").encode()[:MAX_NAME_BYTES]
    folder = short.decode(errors="ignore").strip() or "unnamed"
    return f"class {folder}" if is_junk((folder,)) else folder


def cut_burst(frames: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Cut a burst in time into 60, 20 and 20 %, without the frames at the cuts.

    A burst too short to be cut is returned whole.
    """
    count = len(frames)
    if count < MIN_BURST_FRAMES:
        return [frames]
    gap = min(MAX_GAP_FRAMES, max(1, round(GAP_FRACTION * count)))
    held_out = max(1, round(HELD_OUT_FRACTION * (count - 2 * gap)))
    first = count - 2 * gap - 2 * held_out
    middle = first + gap
    return [frames[:first], frames[middle : middle + held_out], frames[count - held_out :]]


def find_shared_recordings(paths_and_classes: Iterable[tuple[str, str]]) -> list[Problem]:
    """A problem if bursts of a class were cut, so that its parts share recordings; else nothing.

    Args:
        paths_and_classes: Path and class name of each image.
    """
    cut = set()
    for path, name in paths_and_classes:
        match = _FRAME_PATH.fullmatch(path)
        if match and match[2]:
            cut.add(name)
    if not cut:
        return []
    message = (
        "Its test images come from the same recordings as its training images, a moment apart, "
        "so the accuracy will look better than it is. A fair test needs three recordings or "
        "more, each a little different."
    )
    return [Problem(SHARED_RECORDING, join_words(tuple(sorted(cut))), message)]


def describe_shared_recordings(data_set: DataSet) -> tuple[str, ...]:
    """A warning if test images come from the recordings of training images, else nothing."""
    problems = (p for p in data_set.problems if p.kind == SHARED_RECORDING)
    return tuple(f"{problem.path}: {problem.message}" for problem in problems)


def describe_import(data_set: DataSet) -> str:
    """How the archive was read, in one sentence; recordings decide the shares of the split."""
    shares = ""
    if not data_set.shards and any(find_burst(record.path) for record in data_set.records):
        numbers = " / ".join(f"{len(data_set.indices(split)):,}" for split in SPLITS)
        shares = (
            _("parts of recordings: {numbers} images", numbers=numbers)
            if describe_shared_recordings(data_set)
            else _("whole recordings: {numbers} images", numbers=numbers)
        )
    leaks = sum(problem.kind == "leak" for problem in data_set.problems)
    return data_set.import_summary.describe(shares, leaks)


def _check_names(names: Sequence[str]) -> None:
    if len(names) < 2:
        raise DataSetError(
            _("There must be at least two classes to tell apart."),
            found=join_words(tuple(names)) or _("no class"),
            remedy=_("Record another class."),
        )
    keys = [make_folder_name(name).casefold() for name in names]
    twice = sorted({name for name, key in zip(names, keys, strict=True) if keys.count(key) > 1})
    if twice:
        raise DataSetError(
            _("Two classes have the same name."),
            found=join_words(tuple(twice)),
            remedy=_("Give each class a name of its own."),
        )


def _drop_copies(recorded: RecordedClass) -> list[list[bytes]]:
    """The bursts without frames that repeat an earlier one of the class."""
    seen: set[str] = set()
    bursts = []
    for burst in recorded.bursts:
        fresh = []
        for frame in burst:
            digest = hash_bytes(frame)
            if digest not in seen:
                seen.add(digest)
                fresh.append(frame)
        bursts += [fresh] if fresh else []
    if len(seen) < MIN_CLASS_FRAMES:
        raise DataSetError(
            _("There are too few different images of {name}.", name=recorded.name),
            found=_("{n} of at least {needed}", n=len(seen), needed=MIN_CLASS_FRAMES),
            remedy=_("Record more of it, and move it a little before the camera."),
        )
    return bursts


def _name_frames(stem: str, burst: Sequence[bytes], cut: bool) -> Iterator[tuple[str, bytes]]:
    """Frames with their paths; the blocks of a burst that is cut are told apart by letters."""
    blocks = cut_burst(burst) if cut else [burst]
    for letter, block in zip(ascii_lowercase, blocks, strict=False):
        name = f"{stem}{letter}" if len(blocks) > 1 else stem
        for number, frame in enumerate(block, start=1):
            yield f"{name}-frame-{number:03}.jpg", frame
