"""The process that decodes what comes from outside: `python -m transfer_core.images.child`.

It reads requests from its standard input, answers each by one message on its standard output,
marks on its error output which image it is at, and ends with its input. It limits itself: to some
processor time for each image, to some memory, to few open files and to writing none. Whatever
happens to it, its parent goes on.
"""

import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from functools import partial
from typing import BinaryIO

from transfer_core.errors import ImageError
from transfer_core.images.cleaning import MEGABYTE, clean_image, decode_outside_image
from transfer_core.images.decoding import get_limits
from transfer_core.images.limits import ImageLimits
from transfer_core.images.stripping import join_pieces
from transfer_core.images.transform import Transform, fit_image

try:
    import resource
except ImportError:  # Windows: the parent's clock alone limits this process
    resource = None

OPEN_FILES = 32  # at a time
SPARE_MEGABYTES = 16  # that libraries take which are loaded later
MAX_PIECES = 100  # of a file in an answer
TURN_SECONDS = 0.2  # after which no further image of a request is begun
Answer = tuple[dict[str, object], bytes]  # told as JSON, and bytes that follow it


def main() -> None:
    """Answer requests until the input ends."""
    requests = sys.stdin.buffer
    answers, marks = _take_outputs()
    limits = get_limits()
    _limit_process(limits)
    while header := requests.read(4):
        request = json.loads(requests.read(int.from_bytes(header)))
        files = [requests.read(size) for size in request["sizes"]]
        work = partial(_WORK[request["work"]], limits=limits, **request["options"])
        done, began = [], time.monotonic()
        for data in files:
            os.write(marks, b".")
            done.append(_answer(partial(work, data), limits))
            if time.monotonic() - began > TURN_SECONDS:
                break  # the parent asks for the others again, after whoever waits
        _write(answers, done)


def _take_outputs() -> tuple[BinaryIO, int]:
    """The outputs for answers and for a mark at the start of each image.

    Nothing else may write to them, such as the warnings of libraries.
    """
    outputs = os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    return os.fdopen(outputs[0], "wb"), outputs[1]


def _answer(work: Callable[[], Answer], limits: ImageLimits) -> Answer:
    _start_clock(limits.seconds)
    try:
        return work()
    except ImageError as error:
        return {"error": (error.problem, error.found, error.remedy)}, b""
    finally:
        _start_clock(0)


def _write(output: BinaryIO, answers: Sequence[Answer]) -> None:
    told = [told | {"size": len(content)} for told, content in answers]
    text = json.dumps(told).encode()
    output.write(len(text).to_bytes(4) + text)
    output.writelines(content for _, content in answers)
    output.flush()


def _clean(data: bytes, limits: ImageLimits) -> Answer:
    info, pieces = clean_image(data, limits)
    if len(pieces) > MAX_PIECES:
        pieces = (join_pieces(pieces, data),)
    added = b"".join(piece for piece in pieces if isinstance(piece, bytes))
    spans = [len(piece) if isinstance(piece, bytes) else piece for piece in pieces]
    return {"info": astuple(info), "pieces": spans}, added


def _fit(data: bytes, limits: ImageLimits, *, transform: Mapping[str, object]) -> Answer:
    wanted = Transform(**transform)
    image = decode_outside_image(data, wanted.min_decoded_side, limits)
    return {}, fit_image(image, wanted).tobytes()


def _shrink(data: bytes, limits: ImageLimits, *, side: int, quality: int) -> Answer:
    image = decode_outside_image(data, side, limits)
    image.thumbnail((side, side))
    image.info = {}
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return {}, buffer.getvalue()


_WORK = {"clean": _clean, "fit": _fit, "shrink": _shrink}


def _limit_process(limits: ImageLimits) -> None:
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    own, held = _measure_memory()
    # Not the addresses (RLIMIT_AS): those of libraries come and go, and are hardly ever touched.
    most = own + (limits.memory - SPARE_MEGABYTES) * MEGABYTE - held
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _measure_memory() -> tuple[int, int]:
    """Bytes that the process has asked for, and bytes that it holds with its programs."""
    try:
        with open("/proc/self/statm", "rb") as file:
            pages = [int(number) for number in file.read().split()]
    except OSError:  # not Linux
        return 0, 0
    return pages[5] * resource.getpagesize(), pages[1] * resource.getpagesize()


def _start_clock(seconds: float) -> None:
    """Let the process end after some processor time; 0 stops the clock."""
    if resource is not None:
        signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    main()
