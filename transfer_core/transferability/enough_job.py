"""Measure how many images are enough in the background; every page that asks sees the points."""

import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from transfer_core.errors import BusyError, TransferError
from transfer_core.features import get_cache_folder
from transfer_core.languages import _
from transfer_core.system import TrainingTurn, load_json, mark_training, save_json
from transfer_core.transferability.enough_images import (
    DRAWS,
    NEW_LAYER,
    CurvePoint,
    Draw,
    measure_new_layer,
    plan_draws,
)
from transfer_core.transferability.enough_training import EnoughImages, train_draws

CACHE_VERSION = 1  # of stored points; raised when what is measured changes

_training = threading.Lock()  # one measurement of a process trains at a time


class EnoughJob:
    """The points of one data set and network, and the thread that adds to them.

    Points are kept on disk, so that what was trained once is never trained again.

    Args:
        images: From `load_enough_images`.
        home: The data folder.
    """

    def __init__(self, images: EnoughImages, home: Path) -> None:
        self.images = images
        self.draws = plan_draws(images.labels, images.groups)
        self.error: TransferError | None = None
        self._home, self._file = home, _get_file(images, home)
        self._points = {point.place: point for point in _read_points(self._file)}
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._asked: tuple[tuple[str, Draw], ...] = ()
        self._turn: TrainingTurn | None = None

    @property
    def points(self) -> tuple[CurvePoint, ...]:
        """What is measured so far."""
        with self._lock:
            return tuple(self._points.values())

    @property
    def is_running(self) -> bool:
        """Whether it trains now."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop and has not done so yet."""
        return self.is_running and self._stop.is_set()

    @property
    def is_waiting(self) -> bool:
        """Whether another training of this process has its turn first."""
        return self.is_running and self._turn is not None and self._turn.is_waiting

    @property
    def progress(self) -> tuple[int, int]:
        """Trainings that are done and trainings in all, of those asked for last."""
        points = {point.place for point in self.points}
        done = sum((key, d.number, d.images_per_class) in points for key, d in self._asked)
        return done, len(self._asked)

    def list_missing(self, keys: Sequence[str], count: int) -> tuple[tuple[str, Draw], ...]:
        """Return the trainings on the first so many draws that are not done, in their order."""
        known = {point.place for point in self.points}
        return tuple(
            (key, draw)
            for draw in self.draws
            for key in keys
            if draw.number < count and (key, draw.number, draw.images_per_class) not in known
        )

    def start(self, keys: Sequence[str], count: int = DRAWS) -> None:
        """Train what is missing of the first so many draws in the background.

        Args:
            keys: `NEW_LAYER`, which takes seconds, and `WHOLE_NETWORK_KEYS`.
            count: Draws of each size.

        Raises:
            BusyError: If another data set or network is being measured.
        """
        if self.is_running:
            return
        if not _training.acquire(blocking=False):
            raise BusyError(
                _("Another measurement of this kind is running on this computer."),
                found=_("one is trained at a time"),
                remedy=_("Try again when it has ended, or stop it."),
            )
        self._asked, self.error = self.list_missing(keys, count), None
        self._stop.clear()
        self._thread = threading.Thread(target=self._train, name="enough", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop after the current batch; what is measured stays."""
        self._stop.set()

    def wait(self) -> None:
        """Wait until it has ended."""
        if self._thread:
            self._thread.join()

    def _train(self) -> None:
        try:
            alone = [draw for key, draw in self._asked if key == NEW_LAYER]
            others = [(key, draw) for key, draw in self._asked if key != NEW_LAYER]
            for point in measure_new_layer(self.images.embeddings, self.images.labels, alone):
                self._add(point)
                if self._stop.is_set():
                    return
            self._train_in_turn(others)
        except TransferError as error:
            self.error = error
        finally:
            _training.release()

    def _train_in_turn(self, jobs: list[tuple[str, Draw]]) -> None:
        """Train whole networks; before each one the other trainings of this process have a turn."""
        trainings = train_draws(self.images, self._home, jobs, self._stop.is_set)
        while jobs and not self._stop.is_set():
            with TrainingTurn() as self._turn:
                self._turn.wait(self._stop.is_set)
                with mark_training():
                    point = next(trainings, None)
            if point is None:
                return
            self._add(point)

    def _add(self, point: CurvePoint) -> None:
        with self._lock:
            self._points[point.place] = point
            points = [asdict(point) for point in self._points.values()]
            save_json(self._home, self._file, points)


def _get_file(images: EnoughImages, home: Path) -> Path:
    source, data_id = images.source, images.data_set.id
    folder = get_cache_folder(home, data_id, source, source.transform.key, images.chosen)
    mirrored = "mirrored" if images.mirror else "unmirrored"
    return folder / f"enough_images_{CACHE_VERSION}_{mirrored}.json"


def _read_points(file: Path) -> list[CurvePoint]:
    return [CurvePoint(**values) for values in load_json(file) or ()]
