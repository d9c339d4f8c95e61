"""Back up the data folder while it is in use: a dated copy that is there whole or not at all.

The databases are copied first, then the files, so that what a database names was on the disk
before its files were copied. A run that goes on meanwhile is copied as a crash would leave it, and
goes on from there after a restore.
"""

import os
import re
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from transfer_core import dataset
from transfer_core.errors import StorageError
from transfer_core.languages import _
from transfer_core.runs import RunDirectory
from transfer_core.system import CACHE_FOLDERS, UNFINISHED_SUFFIX, flush_to_disk

MAX_ROUNDS = 5  # in which the files of a folder are copied until they stay as they are
_NAME = "%Y-%m-%dT%H%M%S.%fZ"
_BACKUP = re.compile(r"\d{4}-\d\d-\d\dT\d{6}\.\d{6}Z")
_LEFT_OUT = {*CACHE_FOLDERS, "uploads", "logs", "engines"}  # made anew, or of one process
_DATABASE = re.compile(r".+\.db(-wal|-shm)?")

State = tuple[int, int]  # of a file: bytes, and nanoseconds since 1970 when it was changed


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made."""

    folder: Path
    files: int  # without the databases
    copied: int  # files that the last backup did not have
    copied_bytes: int
    damaged: tuple[str, ...]  # of the data sets and runs with copied files, such as "runs/ID"


def back_up(home: Path, target: Path, keep: int | None = None) -> Backup:
    """Copy the data folder into a new folder of `target`, named after the time (UTC).

    A file with the size and the time that it has in the last backup is linked to that one, and
    takes no space again. Data sets and runs with copied files are compared with their hashes.

    Args:
        home: The data folder.
        target: The folder of the backups; made if it does not exist.
        keep: Backups to keep, at least 1; None keeps all. If anything is damaged, all are kept.

    Raises:
        StorageError: If there is nothing to back up, or `target` lies in the data folder.
    """
    home, target = home.resolve(), target.resolve()
    if not (home / "runs.db").is_file() or target.is_relative_to(home):
        raise StorageError(
            _("This folder cannot be backed up there."),
            found=f"{home} -> {target}",
            remedy=_("Name the data folder by TRANSFER_HOME, and a backup folder outside it."),
        )
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    dataset.remove_abandoned_folders(target)
    older = sorted(path for path in target.iterdir() if _BACKUP.fullmatch(path.name))
    with dataset.create_unfinished_folder(target) as folder:
        for database in sorted(home.glob("*.db")):
            _copy_database(database, folder / database.name)
        copying = _Copying(home, older[-1] if older else None, folder)
        copying.copy_folder(Path())
        damaged = tuple(sorted(str(each) for each in copying.find_damaged()))
        final = target / datetime.now(UTC).strftime(_NAME)
        dataset.publish(folder, final, lambda: True)
    if keep and not damaged:
        for old in older[: max(0, len(older) + 1 - keep)]:  # the new one counts
            shutil.rmtree(old)
    sizes = copying.copied.values()
    return Backup(final, len(copying.states), len(sizes), sum(sizes), damaged)


def _copy_database(database: Path, copy: Path) -> None:
    """Copy a database as it is at one moment, whoever writes to it, and read the copy whole."""
    with (
        closing(sqlite3.connect(database, timeout=60)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
        found = target.execute("PRAGMA integrity_check(1)").fetchone()[0]
    flush_to_disk(copy)
    if found != "ok":
        raise sqlite3.DatabaseError(f"{database.name}: {found}")


class _Copying:
    """Copies files; each is named by its path below the data folder.

    Args:
        home: The data folder.
        last: The backup before; None if this is the first.
        folder: The new backup.
    """

    def __init__(self, home: Path, last: Path | None, folder: Path) -> None:
        self._home, self._last, self._folder = home, last, folder
        self._twins: dict[tuple[int, int, State], Path] = {}  # files that have several names
        self.states: dict[Path, State] = {}  # of all files
        self.copied: dict[Path, int] = {}  # bytes of those that the last backup did not have

    def copy_folder(self, name: Path) -> None:
        """Copy a folder; links are followed.

        Its folders come before its files, as a run writes its result before it removes its
        checkpoints. Files that are new or have changed meanwhile are copied (again).
        """
        for each, _status in self._list(name, stat.S_ISDIR):
            (self._folder / each).mkdir()
            self.copy_folder(each)
        for _round in range(MAX_ROUNDS):
            found = self._list(name, stat.S_ISREG)
            changed = [(f, s) for f, s in found if self.states.get(f) != _get_state(s)]
            for file, status in changed:
                with suppress(FileNotFoundError):  # it was removed meanwhile
                    self._copy_file(file, status)
            if not changed:
                break

    def find_damaged(self) -> Iterator[Path]:
        """The data sets and runs with copied files that do not match their hashes."""
        checks = {"data": self._is_data_set_damaged, "runs": self._is_run_damaged}
        for place in {Path(*file.parts[:2]) for file in self.copied}:
            check = checks.get(place.parts[0])
            if check and check(place) and (self._home / place).is_dir():  # not deleted meanwhile
                yield place

    def _list(
        self, name: Path, is_kind: Callable[[int], bool]
    ) -> Iterator[tuple[Path, os.stat_result]]:
        with suppress(FileNotFoundError):
            for entry in sorted(os.listdir(self._home / name)):
                file = name / entry
                with suppress(FileNotFoundError):
                    status = (self._home / file).stat()
                    if is_kind(status.st_mode) and not _is_left_out(file):
                        yield file, status

    def _copy_file(self, file: Path, status: os.stat_result) -> None:
        source, copy = self._home / file, self._folder / file
        copy.unlink(missing_ok=True)  # of an earlier round
        if not self._link_last(file, status) and not self._link_twin(file, status):
            with source.open("rb") as reader, copy.open("xb") as writer:
                status = os.fstat(reader.fileno())
                shutil.copyfileobj(reader, writer)
                writer.flush()
                os.fsync(writer.fileno())
            copy.chmod(stat.S_IMODE(status.st_mode))
            os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
            self.copied[file] = status.st_size
        self.states[file] = _get_state(status)

    def _link_last(self, file: Path, status: os.stat_result) -> bool:
        """Link a file to that of the last backup, if it has not changed since."""
        with suppress(FileNotFoundError):
            if self._last and _get_state((self._last / file).stat()) == _get_state(status):
                return _link(self._last / file, self._folder / file)
        return False

    def _link_twin(self, file: Path, status: os.stat_result) -> bool:
        """Link a file to the copy of the same file under another name; versions share images."""
        if status.st_nlink == 1:
            return False
        twin = self._twins.setdefault((status.st_dev, status.st_ino, _get_state(status)), file)
        return twin != file and _link(self._folder / twin, self._folder / file)

    def _is_data_set_damaged(self, place: Path) -> bool:
        data_id = place.name
        return dataset.exists(self._folder, data_id) and not dataset.is_whole(self._folder, data_id)

    def _is_run_damaged(self, place: Path) -> bool:
        run = RunDirectory(self._folder / place)
        return any(run.is_damaged(file) for file in run.path.glob("*") if file.is_file())


def _is_left_out(file: Path) -> bool:
    is_at_top = len(file.parts) == 1
    if is_at_top and (file.name in _LEFT_OUT or _DATABASE.fullmatch(file.name)):
        return True
    is_unfinished = file.name.startswith(dataset.UNFINISHED_PREFIX)
    return is_unfinished or file.suffix in (UNFINISHED_SUFFIX, ".lock")


def _get_state(status: os.stat_result) -> State:
    return status.st_size, status.st_mtime_ns


def _link(file: Path, name: Path) -> bool:
    """Give a file a second name; False where the disk has no such links."""
    try:
        os.link(file, name)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True
