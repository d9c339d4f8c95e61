"""A phase of the work of a server, and the loop that kills in it."""

import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.kills.server import Server
from benchmarks.kills.tally import Kill, Tally

TIMEOUT_SECONDS = 600.0  # many times what any work takes alone
LONG_AGO_SECONDS = 7200  # older than anything that is still being written


@dataclass
class Found:
    """What was found after a kill, and after the work was then brought to its end."""

    ending: str  # "finished before", "went on by itself" or "plainly marked"
    is_equal: bool
    faults: list[str] = field(default_factory=list)


class Phase(Protocol):
    """Work of a server that is killed at a random moment of it."""

    name: str
    targets: tuple[str, ...]  # "server", or a process of its own

    def prepare(self) -> None:
        """Do the work without a kill, to know its length and its result."""

    def begin(self) -> float:
        """Begin the work; return the seconds that it takes."""

    def find_worker(self) -> int | None:
        """The id of the server's process that does the work now."""

    def follow(self, target: str) -> Found:
        """See what the kill left, and bring the work to its end; the server is alive."""

    def count_lost(self) -> int:
        """How many results that were finished earlier are gone or changed."""


def try_kills(
    server: Server, phases: Sequence[Phase], count: int, seed: int, tally: Tally | None = None
) -> Tally:
    """Kill until there are so many kills, in each phase in turn; return what was found.

    Args:
        server: Is started here.
        phases: In which it is killed.
        count: Kills in all, with those in the tally.
        seed: Draws the moments.
        tally: Of earlier kills.
    """
    tally = tally or Tally()
    server.start()
    for phase in phases:
        phase.prepare()
    for number in range(len(tally.kills), count):
        phase, chance = phases[number % len(phases)], random.Random(f"{seed} {number}")
        target = phase.targets[number // len(phases) % len(phase.targets)]
        after = chance.uniform(0, phase.begin())
        time.sleep(after)
        while not _kill(server, phase, target):  # it was over
            phase.follow(target)
            after = chance.uniform(0, min(after, phase.begin()))
            time.sleep(after)
        found = phase.follow(target)
        whole, lost = _is_database_whole(server.home), sum(each.count_lost() for each in phases)
        faults = [*found.faults, *["the database is damaged"] * (not whole)]
        faults += [f"{lost} finished results are lost"] * bool(lost)
        faults += ["it differs from the work that nobody killed"] * (not found.is_equal)
        faults = [f"kill {number + 1}, {phase.name}: {fault}" for fault in faults]
        done = found.ending, found.is_equal, lost, whole, faults
        tally.add(Kill(phase.name, target, round(after, 3), *done))
        print(f"{number + 1:4} {tally.kills[-1]}", file=sys.stderr)
    server.kill()
    return tally


def _kill(server: Server, phase: Phase, target: str) -> bool:
    """Kill the server, or its process that works; return whether there was one."""
    if target != "server":
        worker = phase.find_worker()
        if worker:
            os.kill(worker, signal.SIGKILL)
        return worker is not None
    server.kill()
    _make_old(server.home)
    server.start()
    return True


def _make_old(home: Path) -> None:
    """Let what a killed server left look old, as it is when others come to sweep it."""
    old = time.time() - LONG_AGO_SECONDS
    for pattern in ("data/.unfinished-*", "runs/*/take_away/.*"):
        for folder in home.glob(pattern):
            for path in (*folder.rglob("*"), folder):
                os.utime(path, (old, old))


def _is_database_whole(home: Path) -> bool:
    for name in ("runs.db", "workspaces.db"):
        if (home / name).exists():
            with closing(sqlite3.connect(home / name)) as database:
                if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    return False
    return True
