"""The run directory: every file that a run leaves, by the name that readers use."""

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from transfer_core.runs.store.attempts import AttemptFiles
from transfer_core.runs.store.events import UNREADABLE, decode_values, encode_values
from transfer_core.runs.store.records import Failed, Outcome, RunState, validate_run_id
from transfer_core.system import (
    UNFINISHED_SUFFIX,
    check_seal,
    flush_to_disk,
    hash_file,
    hash_unchanged_file,
    seal,
    write_atomically,
)
from transfer_core.training import TestResult, is_readable_checkpoint

OUTCOME_BYTES = 2 << 20  # of the outcome, and what the database still has to record
MAX_CHECKPOINTS = 2  # the newest may be damaged, so the one before it stays
_LOG = logging.getLogger(__name__)


class RunDirectory(AttemptFiles):
    """The files of one run.

    Args:
        path: The folder, named as the run.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.events_file = path / "events.jsonl"  # reported events, one object a line
        self.checkpoints_folder = path / "checkpoints"
        self.stop_file = path / "STOP"  # exists once a stop was requested
        self.heartbeat_file = path / "heartbeat"  # touched every second while it is performed
        self.log_file = path / "run.log"  # tracebacks and what a job printed, for developers
        self.result_file = path / "result.json"  # written last, whole or not at all
        self.weights_file = path / "network.safetensors"  # the trained network
        self.baseline_file = path / "head_only.safetensors"  # the head that was trained alone
        self.test_logits_file = path / "test_logits.npy"  # float32 (N, C), in the data set's order
        self.detector_file = path / "known_images.npz"  # made when it is first needed
        self.tries_folder = path / "tries"  # images that others showed the network
        self.downloads_folder = path / "take_away"  # exports, a folder for each format
        self._changing_files = self.result_file, self.heartbeat_file, self.log_file, self.job_file

    @classmethod
    def locate(cls, home: Path, run_id: str) -> "RunDirectory":
        """Return the directory of a run under a data folder; it need not exist yet."""
        return cls(home / "runs" / validate_run_id(run_id))

    def prepare(self, config: str, attempt: int) -> None:
        """Make the folder and write the specification; remove half-written files.

        Space for the outcome is set aside.

        Args:
            config: The run's configuration as JSON.
            attempt: Counted from 1.
        """
        self.checkpoints_folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.path, self.checkpoints_folder):
            for left in folder.glob(f"*{UNFINISHED_SUFFIX}"):
                left.unlink()
        self.begin_attempt(json.loads(config), attempt)
        self._reserve(self.result_file, OUTCOME_BYTES)

    def refresh(self) -> None:
        """Look at the folder anew: a shared one may hide for half a minute what is new in it."""
        with suppress(OSError):
            os.listdir(self.path)

    @contextmanager
    def reserve_space(self, sizes: Mapping[Path, int]) -> Iterator[None]:
        """Set bytes of the disk aside for the last files, until the end of the block.

        `write` writes into them, so that the files also fit on a disk that others have filled
        meanwhile. Where the system or the disk has none to give, nothing is set aside.
        """
        for path, size in sizes.items():
            self._reserve(path, size)
        try:
            yield
        finally:
            for path in sizes:
                with suppress(OSError):
                    _locate_reserve(path).unlink(missing_ok=True)

    def _reserve(self, path: Path, size: int) -> None:
        if not hasattr(os, "posix_fallocate"):
            return
        reserve = _locate_reserve(path)
        try:
            with reserve.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            _LOG.warning("no space was set aside for %s: %s", path, error)
            with suppress(OSError):
                reserve.unlink(missing_ok=True)

    def write(self, path: Path, content: bytes | Callable[[BinaryIO], None]) -> None:
        """Write one of the files whole or not at all, as `write_atomically` does.

        Raises:
            StaleAttempt: See `check_attempt`.
        """
        self.check_attempt()
        reserve = _locate_reserve(path)
        write_atomically(path, content, reserve if reserve.exists() else None)

    def is_stopped(self) -> bool:
        """Return whether a person has asked to stop the run."""
        return self.stop_file.exists()

    def request_stop(self) -> None:
        """Ask the process that runs the loop to stop; works from any process."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.stop_file.touch()

    def save_checkpoint(self, epoch: int, write: Callable[[Path], None], suffix: str) -> Path:
        """Write a checkpoint, whole or not at all, and remove those that are too old.

        Args:
            epoch: Epochs trained so far.
            write: Writes the checkpoint to a path.
            suffix: Ending of the file name, such as ".safetensors".

        Returns:
            The path; its name carries the hash of its content.

        Raises:
            StaleAttempt: See `check_attempt`.
        """
        self.checkpoints_folder.mkdir(parents=True, exist_ok=True)
        part = self.checkpoints_folder / f"epoch-{epoch:06d}{suffix}{UNFINISHED_SUFFIX}"
        try:
            write(part)
            flush_to_disk(part)
            path = self.checkpoints_folder / f"epoch-{epoch:06d}-{hash_file(part)[:16]}{suffix}"
            self.check_attempt()
            part.replace(path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)  # half of it would take the space of the next one
        flush_to_disk(self.checkpoints_folder)
        for old in self._list_checkpoints()[MAX_CHECKPOINTS:]:
            old.unlink()
        return path

    def find_latest_checkpoint(self) -> Path | None:
        """Return the newest readable checkpoint whose content matches its hash, if there is one.

        It reads whole checkpoints; `find_resume_epoch` is the fast answer.
        """
        for path in self._list_checkpoints():
            hash_in_name = path.name.split(".")[0].rpartition("-")[2]
            if is_readable_checkpoint(path) and hash_in_name == hash_file(path)[:16]:
                return path
        return None

    def find_checkpoint_epoch(self) -> int | None:
        """Return the epoch in the name of the newest readable checkpoint; None without one."""
        readable = filter(is_readable_checkpoint, self._list_checkpoints())
        return next(map(get_checkpoint_epoch, readable), None)

    def find_resume_epoch(self, *, verify: bool = False) -> int | None:
        """Return the epoch after which the run can continue.

        Args:
            verify: Whether to compare the checkpoints with their hashes, which reads them whole.

        Returns:
            The epoch of the newest checkpoint; 0 if it is of the first epoch, or if there is only
            the head that was trained alone; None if there is neither.
        """
        if not verify:
            epoch = self.find_checkpoint_epoch()
        else:
            checkpoint = self.find_latest_checkpoint()
            epoch = None if checkpoint is None else get_checkpoint_epoch(checkpoint)
        return 0 if epoch is None and self.baseline_file.is_file() else epoch

    def remove_checkpoints(self) -> None:
        """Remove every checkpoint, when nobody will resume the run."""
        shutil.rmtree(self.checkpoints_folder, ignore_errors=True)

    def _list_checkpoints(self) -> list[Path]:
        """Whole checkpoints, the newest first; a run that goes on may remove some meanwhile."""
        found = []
        for path in self.checkpoints_folder.glob("epoch-*"):
            with suppress(FileNotFoundError):
                if path.suffix != UNFINISHED_SUFFIX:
                    found.append((path.name[:12], path.stat().st_mtime, path))
        return [path for *_order, path in sorted(found, reverse=True)]

    def write_outcome(self, outcome: Outcome) -> None:
        """Write the last file of a run, with the hashes of its other files.

        Raises:
            StaleAttempt: See `check_attempt`.
        """
        files = {
            path.name: hash_file(path)
            for path in sorted(self.path.iterdir())
            if path.is_file()
            and path.suffix != UNFINISHED_SUFFIX
            and path not in self._changing_files
        }
        content = {
            "state": outcome.state.value,
            "result": encode_values(outcome.result) if outcome.result else None,
            "error": encode_values(outcome.error) if outcome.error else None,
            "files": files,
        }
        self.write(self.result_file, json.dumps(seal(content), indent=1).encode())

    def read_outcome(self) -> Outcome | None:
        """Return how the run ended; None if its last file was never written or is damaged."""
        if not self.result_file.exists():
            return None
        try:
            content = self._read_result_file()
            result, error = content["result"], content["error"]
            return Outcome(
                RunState(content["state"]),
                decode_values(TestResult, result) if result else None,
                decode_values(Failed, error) if error else None,
            )
        except UNREADABLE as damage:
            _LOG.warning("%s is damaged and left out: %s", self.result_file, damage)
            return None

    def _read_result_file(self) -> dict[str, Any]:
        return check_seal(json.loads(self.result_file.read_bytes()))

    def is_damaged(self, file: Path) -> bool:
        """Whether a file of this folder is not the one that was there when the run ended.

        A file that was not there then is not known, and so not damaged.
        """
        if not self.result_file.is_file():
            return False
        try:
            expected = self._read_result_file()["files"].get(file.name)
        except UNREADABLE:  # it is damaged itself, so that nothing can be compared
            return True
        return expected not in (None, hash_unchanged_file(file))


def _locate_reserve(path: Path) -> Path:
    """The file that holds the space that is set aside for another."""
    return path.with_name(f"{path.name}.reserve{UNFINISHED_SUFFIX}")


def get_checkpoint_epoch(path: Path) -> int:
    """Return the epoch that a checkpoint's name says it was saved after."""
    return int(path.name.split("-")[1].split(".")[0])
