"""Images from outside, as uploads and archives hold them: none is decoded in this process.

Children do that, within limits; see `transfer_core.images.child`. An image that a child does not
survive, or not in time, is an `ImageError` like any other, and the next one goes on.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from threading import Lock
from typing import TYPE_CHECKING, Literal

from transfer_core.errors import ImageError
from transfer_core.images.children import (
    Answer,
    Child,
    ChildEndedError,
    get_pool,
    make_broken_error,
)
from transfer_core.images.decoding import (
    FORMATS,
    ImageInfo,
    get_limits,
    make_too_large_error,
    make_too_much_memory_error,
)
from transfer_core.images.stripping import join_pieces
from transfer_core.images.transform import Transform
from transfer_core.system import WorkStopped, group_into_tasks

if TYPE_CHECKING:
    import numpy as np

YIELD_SECONDS = 0.001  # between two turns, for threads that wait for one
SHRUNK_QUALITY = 88  # of a JPEG for the eye


@dataclass(frozen=True, slots=True)
class CleanImage:
    """An image file that was decoded once, with what is kept of it."""

    info: ImageInfo
    data: bytes  # an image file of nothing but the pixels: JPEG, PNG or WebP


class ImageCleaner:
    """Cleans many image files, from several threads at once; a context manager.

    Leaving the context ends the work that is under way, and its children, at once.
    """

    def __init__(self, kind: Literal["many", "one"] = "many") -> None:
        self._kind, self._busy = kind, set()
        self._lock, self._closed = Lock(), False
        self.seconds = 0.0  # by the clock that children have worked, one beside the other

    def __enter__(self) -> "ImageCleaner":
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._closed = True
            for child in self._busy:
                child.kill()

    def clean(self, files: Sequence[bytes]) -> list[CleanImage | ImageError]:
        """Decode image files, and return what is kept of each, or why it cannot be used.

        Raises:
            WorkStopped: If the context was left.
        """
        results = []
        for data, answer in zip(files, self.ask("clean", files, {}), strict=True):
            results.append(answer if isinstance(answer, ImageError) else _read_clean(answer, data))
        return results

    def ask(
        self, work: str, files: Sequence[bytes], options: Mapping[str, object]
    ) -> list[Answer | ImageError]:
        """The answers of children to some files; a child that ends is replaced.

        Raises:
            WorkStopped: If the context was left.
        """
        answers: list[Answer | ImageError] = []
        # Of images that no child is asked about: too large ones, and those that ended one.
        known = {n: make_too_large_error(len(f)) for n, f in enumerate(files) if _is_too_large(f)}
        kills = Counter()  # of children at an image, by something else
        while (first := len(answers)) < len(files):
            if first in known:
                answers.append(known[first])
                continue
            part = files[first : min((n for n in known if n > first), default=len(files))]
            with get_pool(self._kind).borrow() as child, self._mark_busy(child):
                try:
                    answers += [_read_error(a) or a for a in child.ask(work, part, options)]
                except ChildEndedError:
                    number, reason = child.explain_end()
                    number += first
                    kills[number] += reason is None
                    if reason or kills[number] > 1:
                        known[number] = reason or make_too_much_memory_error()
            time.sleep(YIELD_SECONDS if len(answers) < len(files) else 0)
        return answers

    @contextmanager
    def _mark_busy(self, child: Child) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise WorkStopped
            self._busy.add(child)
        began = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._busy.remove(child)
                self.seconds += time.monotonic() - began


def clean_image(data: bytes) -> CleanImage:
    """Decode an image file from outside to its end, and return what is kept of it.

    Raises:
        ImageError: If the image cannot be used.
    """
    return clean_images((data,))[0]


def clean_images(files: Sequence[bytes]) -> list[CleanImage]:
    """Decode image files from outside, and return what is kept of each.

    Raises:
        ImageError: If one of them cannot be used.
    """
    results: list[CleanImage] = []
    with ImageCleaner("many" if len(files) > 1 else "one") as cleaner:
        for task in group_into_tasks(files, len):
            for result in cleaner.clean(task):
                if isinstance(result, ImageError):
                    raise result
                results.append(result)
    return results


def prepare_image(data: bytes, transform: Transform) -> "np.ndarray":
    """Decode an image file from outside to network input, uint8 (H, W, 3) as `apply_transform`.

    Raises:
        ImageError: If the image cannot be used.
    """
    import numpy as np

    side = transform.size
    content = _ask_for_one(data, "fit", {"transform": asdict(transform)})
    return np.frombuffer(content, np.uint8).reshape(side, side, 3)


def shrink_image(data: bytes, side: int, quality: int = SHRUNK_QUALITY) -> bytes:
    """Decode an image file from outside, and encode it again as a small JPEG.

    Args:
        data: The file.
        side: Pixels of the longer side at most.
        quality: Of the JPEG.

    Raises:
        ImageError: If the image cannot be used.
    """
    return _ask_for_one(data, "shrink", {"side": side, "quality": quality})


def _is_too_large(data: bytes) -> bool:
    return len(data) > get_limits().megabytes << 20


def _ask_for_one(data: bytes, work: str, options: Mapping[str, object]) -> bytes:
    with ImageCleaner("one") as cleaner:
        (answer,) = cleaner.ask(work, (data,), options)
    if isinstance(answer, ImageError):
        raise answer
    return answer.content


def _read_error(answer: Answer) -> ImageError | None:
    """The error that a child tells of; what it tells is not trusted either."""
    if "error" not in answer.told:
        return None
    try:
        problem, found, remedy = map(str, answer.told["error"])
    except (TypeError, ValueError):
        return make_broken_error("an answer without sense")
    return ImageError(problem, found=found, remedy=remedy)


def _read_clean(answer: Answer, data: bytes) -> CleanImage | ImageError:
    """What is kept of an image: spans of its file, and bytes that the child made."""
    try:
        kind, width, height, frames = answer.told["info"]
        info = ImageInfo(FORMATS[FORMATS.index(kind)], int(width), int(height), bool(frames))
        if answer.told["pieces"] == [[0, len(data)]]:
            return CleanImage(info, data)
        pieces, position, total = [], 0, 0
        for piece in answer.told["pieces"]:
            if isinstance(piece, int):
                pieces.append(answer.content[position : position + piece])
                position, length = position + piece, piece
            else:
                start, end = piece
                pieces.append((start, end))
                length = end - start
            total += max(0, length)
        if not 0 < total <= get_limits().megabytes << 20:
            raise ValueError(f"{total} bytes")
        return CleanImage(info, join_pieces(tuple(pieces), data))
    except (LookupError, TypeError, ValueError):
        return make_broken_error("an answer without sense")
