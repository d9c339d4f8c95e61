"""A class that joins and starts case 1 on the same sample at once.

    python -m benchmarks.class_room [--students 30]

Each student is a thread with a workspace of its own, which joins by the code, takes the task and
starts its run with a seed of its own, as the page Class does. There is no browser and no server.
Measured are the seconds from the first student's joining to the last result, how often each image
went through the network, and whether all runs are found again by whoever opens the store anew.
"""

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from benchmarks.report import Claim, Row, build_parser, write_report
from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.dataset import samples
from transfer_core.networks import DEFAULT_NETWORK, get_network
from transfer_core.runs import Engine, RunEvent, RunStore, launch_run, start_engine
from transfer_core.training import Preparing
from transfer_core.workspaces import (
    Belongings,
    Class,
    ClassBoard,
    hand_out,
    open_classes,
    open_workspaces,
    take_task,
)


def open_class(home: Path) -> tuple[Belongings, Class]:
    """A teacher's class to whom a sample is handed out with case 1."""
    path = samples.resolve_path("sample:plankton", home)
    data = dataset.ingest(path, home=home, name="Plankton")
    workspaces, classes = open_workspaces(home), open_classes(home)
    teacher = Belongings(home, workspaces.find(workspaces.create()))
    teacher.take_in(data.id)
    class_ = classes.open(teacher.workspace, "7b")
    hand_out(teacher, class_.id, data.id, data.name, DEFAULT_NETWORK, "1")
    return teacher, class_


def join_and_start(home: Path, engine: Engine, code: str, number: int) -> tuple[str, float]:
    """Do what a student does; returns the run and the seconds that it took to start it."""
    began, workspaces = time.monotonic(), open_workspaces(home)
    student = Belongings(home, workspaces.find(workspaces.create()))
    open_classes(home).join(student.workspace, code, f"student {number}")
    task, data_id = take_task(student)
    source = get_network(task.network)
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind)
    data = dataset.load(home, data_id)
    run = launch_run(engine, data, source, strategy, number, owner=student.workspace.id)
    return run, time.monotonic() - began


def count_passes(logs: Iterable[tuple[RunEvent, ...]]) -> float:
    """How often each image, or each view of it, went through the network, at most."""
    done: dict[tuple[str, int], int] = defaultdict(int)
    for log in logs:
        last = {}
        for entry in log:
            if isinstance(entry.event, Preparing) and entry.event.what.startswith("Embedding"):
                last[entry.event.what, entry.event.total] = entry.event.done
        for key, images in last.items():
            done[key] += images
    return max((images / total for (__, total), images in done.items()), default=0.0)


def main() -> None:
    """Let a class work, and count."""
    parser = build_parser(__doc__, "class_room")
    parser.add_argument("--students", type=int, default=30)
    chosen = parser.parse_args()
    students = chosen.students
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))  # as in the app's server
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        __, class_ = open_class(home)
        with start_engine(home, executor="process") as engine, ThreadPoolExecutor(students) as pool:
            began = time.monotonic()
            started = list(
                pool.map(
                    lambda number: join_and_start(home, engine, class_.code, number),
                    range(students),
                )
            )
            joined = time.monotonic() - began
            board, looks = ClassBoard(home), []
            for run, __ in started:
                while not engine.wait(run, 0.5).state.is_final:
                    look = time.monotonic()
                    board.read(class_)
                    looks.append(time.monotonic() - look)
            seconds = time.monotonic() - began
            logs = [engine.events(run) for run, __ in started]
        found = [run for run in RunStore(home).list() if run.result]
    row: Row = {
        "students": students,
        "all have joined and started, s": joined,
        "slowest student, s": max(each for __, each in started),
        "last result, s": seconds,
        "passes per image": count_passes(logs),
        "slowest look at the board, s": max(looks, default=0.0),
        "results lost": students - len(found),
    }
    claims = [
        Claim("all have joined and started, s", joined, at_most=10),
        Claim("last result, s", seconds, at_most=60),
        Claim("passes per image", row["passes per image"], at_most=1),
        Claim("results lost", row["results lost"], at_most=0),
    ]
    write_report("A class starts at once", [row], claims, [], [], chosen.page)


if __name__ == "__main__":
    main()
