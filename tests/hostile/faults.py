"""Faults of the disk, caused on purpose: the n-th write, fsync, rename or commit fails.

Either it fails alone, as on a full disk, or the process is dead from then on: nothing that would
change the disk happens any more, clean-up neither. A write that fails has written its first half.
"""

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import sqlalchemy as sa

CALLS = ("fsync", "replace", "rename", "link", "mkdir", "unlink", "remove", "rmdir", "truncate")
MAX_FAULTS = 400  # of one action; more mean that it never ends
# Of an action that takes long every third fault is tried; all are with FAULT_STEP=1.
STEP = int(os.environ.get("FAULT_STEP", "3"))


class Killed(BaseException):
    """The process has ended; no code that tidies up may stop it."""


class FaultyDisk:
    """Counts what changes the disk, and lets one call fail, or that one and all after it."""

    def __init__(self, fail_at: int, dies: bool) -> None:
        self._fail_at, self._dies, self._count = fail_at, dies, 0

    @property
    def has_failed(self) -> bool:
        """Whether there were so many calls that one failed."""
        return self._count >= self._fail_at

    def count(self) -> None:
        """Count one call; raise if it is its turn to fail."""
        self._count += 1
        if self._dies and self._count >= self._fail_at:
            raise Killed
        if self._count == self._fail_at:
            raise OSError(errno.ENOSPC, "No space left on device")

    def wrap(self, function: Callable) -> Callable:
        """The function, counted."""

        def counted(*given, **named):
            self.count()
            return function(*given, **named)

        return counted

    def open(self, file, mode="r", *given, **named):
        """`open`, whose files count what is written to them."""
        opened = _open(file, mode, *given, **named)
        return opened if mode in ("r", "rb", "rt") else _FaultyFile(opened, self)

    def before_statement(self, _connection, _cursor, statement, *_given) -> None:
        """Count what writes to the database."""
        if statement.lstrip()[:6].upper() in ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER "):
            self.count()

    def before_commit(self, _connection) -> None:
        """Count the end of a transaction."""
        self.count()


_open = io.open


class _FaultyFile:
    def __init__(self, file, disk: FaultyDisk) -> None:
        self._file, self._disk = file, disk

    def write(self, data) -> int:
        try:
            self._disk.count()
        except BaseException:
            self._file.write(data[: len(data) // 2])
            with suppress(ValueError):
                self._file.flush()
            raise
        return self._file.write(data)

    def writelines(self, lines) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_error) -> None:
        self._file.close()

    def __iter__(self):
        return iter(self._file)


@contextmanager
def cause_fault(number: int, *, dies: bool) -> Iterator[FaultyDisk]:
    """Let the n-th change of the disk fail inside the block, or all from there on."""
    disk = FaultyDisk(number, dies)
    listeners = ("before_cursor_execute", disk.before_statement), ("commit", disk.before_commit)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, disk.wrap(getattr(os, name)))
        for place in (io, builtins):
            patch.setattr(place, "open", disk.open)
        for event, listener in listeners:
            sa.event.listen(sa.Engine, event, listener)
        try:
            yield disk
        finally:
            for event, listener in listeners:
                sa.event.remove(sa.Engine, event, listener)


def cause_every_fault(
    prepare: Callable, act: Callable, check: Callable, *, dies: bool, step: int = 1
) -> int:
    """Try an action once for each of its faults; return their number.

    Args:
        prepare: Makes the state before; its value is given to the others.
        act: Changes the disk.
        check: Looks at the disk after each fault; told whether the action has ended well.
        dies: Whether the process is dead after the fault.
        step: Distance between the faults that are tried.
    """
    for number in range(1 + dies % step, MAX_FAULTS, step):
        state, ended_well = prepare(number), True
        with cause_fault(number, dies=dies) as disk:
            try:
                act(state)
            except Killed:
                ended_well = False
            except Exception:  # a full disk may be told in any way here
                ended_well = False
        check(state, ended_well)
        if not disk.has_failed:
            assert ended_well
            return number - 1
    raise AssertionError("the action never ends")
