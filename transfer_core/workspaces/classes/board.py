"""The board of a class: who does what, and what came out, beside what was expected."""

import csv
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock

from transfer_core import dataset
from transfer_core.runs import (
    ACTIVE_STATES,
    RunHead,
    RunLog,
    RunRecord,
    RunStore,
    UnreadableRun,
    find_last_event,
    list_occupations,
    list_run_heads,
    make_unknown_run_error,
    sum_device_seconds,
)
from transfer_core.training import EpochEnded
from transfer_core.workspaces.belongings import Belongings
from transfer_core.workspaces.classes.records import Class, Guess, Member, Task
from transfer_core.workspaces.classes.store import open_classes


@dataclass(frozen=True, slots=True)
class ClassRun:
    """A run that was started in a class."""

    student: str  # the nickname
    number: int  # of the student in the class, counted from 1
    record: RunRecord
    data_name: str
    live_accuracy: float | None  # on the validation images, while it trains
    guess: float | None  # of the student, for the task of the run, before the run
    device_seconds: float  # that it kept devices busy until now, all attempts; see `runs`


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A student and the run that the board shows: the one that goes on, else the newest."""

    student: str
    number: int  # in the class, counted from 1
    run: ClassRun | None
    runs: tuple[ClassRun, ...]  # all, oldest first


def is_of_class(head: RunHead, member: Member, class_: Class) -> bool:
    """Whether a run was started by a member while the class was open and the member in it."""
    if head.owner != member.workspace or head.created < member.joined:
        return False
    ends = [each for each in (member.left, class_.closed) if each is not None]
    return all(head.created <= end for end in ends)


def get_class_run(teacher: Belongings, class_id: str, run_id: str) -> str:
    """Return the id of a run that was started in a class that the workspace has opened.

    Raises:
        WorkspaceError: If the class is not its own.
        RunError: If the run is not of this class; the answer is that for an unknown run.
    """
    classes = open_classes(teacher.home)
    class_ = classes.get_taught(teacher.workspace, class_id)
    members = {member.workspace: member for member in classes.list_members(class_id)}
    for head in list_run_heads(teacher.runs, members):
        if head.id == run_id and is_of_class(head, members[head.owner], class_):
            return run_id
    raise make_unknown_run_error(run_id)


class ClassBoard:
    """Reads the runs of a class again and again; of what has not changed it reads the state only.

    Args:
        home: The data folder.
    """

    def __init__(self, home: Path) -> None:
        self._home, self._store, self._lock = home, RunStore(home), Lock()
        self._records: dict[str, RunRecord | UnreadableRun] = {}
        self._logs: dict[str, RunLog] = {}
        self._device_seconds: dict[str, float] = {}  # of runs that are over
        self._data_names: dict[str, str] = {}

    def read(self, class_: Class) -> tuple[tuple[BoardRow, ...], tuple[ClassRun, ...]]:
        """Return a row for each student, in the order of joining, and all runs, oldest first."""
        classes = open_classes(self._home)
        members, guesses = classes.list_members(class_.id), classes.list_guesses(class_.id)
        by_owner = {m.workspace: (number, m) for number, m in enumerate(members, 1)}
        heads = [
            head
            for head in list_run_heads(self._store, by_owner)
            if head.deleted is None and is_of_class(head, by_owner[head.owner][1], class_)
        ]
        with self._lock:
            read = [self._read_run(head, *by_owner[head.owner], guesses) for head in heads]
            there = {head.id for head in heads}
            self._records = {key: each for key, each in self._records.items() if key in there}
        runs = [run for run in read if run is not None]
        rows = []
        for number, member in by_owner.values():
            own = tuple(run for run in runs if run.number == number)
            going_on = tuple(run for run in own if run.record.state in ACTIVE_STATES)
            shown = next(iter(going_on or own[::-1]), None)
            rows.append(BoardRow(member.nickname, number, shown, own))
        return tuple(rows), tuple(runs)

    def _read_run(
        self, head: RunHead, number: int, member: Member, guesses: Sequence[Guess]
    ) -> ClassRun | None:
        record = self._records.get(head.id)
        if record is None or record.state is not head.state:
            record = self._records[head.id] = self._store.read(head.id)
            self._device_seconds.pop(head.id, None)
        if not isinstance(record, RunRecord):
            return None
        made = (each.guess for each in guesses if each.is_for(head.owner, head.created))
        data_name, live = self._find_data_name(record.config.data_id), self._read_live(head)
        seconds = self._count_device_seconds(record)
        return ClassRun(member.nickname, number, record, data_name, live, next(made, None), seconds)

    def _count_device_seconds(self, record: RunRecord) -> float:
        if (known := self._device_seconds.get(record.id)) is not None:
            return known
        occupations = list_occupations(self._store, record.id)
        seconds = sum_device_seconds(record, occupations, time.time())
        if record.state.is_final:
            self._device_seconds[record.id] = seconds
        return seconds

    def _read_live(self, head: RunHead) -> float | None:
        if head.state not in ACTIVE_STATES:
            self._logs.pop(head.id, None)
            return None
        log = self._logs.setdefault(head.id, RunLog(self._store, head.id))
        epoch = find_last_event(log.events(), EpochEnded)
        return epoch.validation_accuracy if epoch else None

    def _find_data_name(self, data_id: str) -> str:
        if data_id not in self._data_names:
            known = {each.id: each.name for each in dataset.list_data_sets(self._home)}
            self._data_names = {data_id: ""} | self._data_names | known
        return self._data_names[data_id]


def name_student(run: ClassRun | BoardRow, *, hidden: bool, word: str) -> str:
    """The nickname, or if names are hidden a word with the student's number."""
    return f"{word} {run.number}" if hidden else run.student


def select_results(runs: Sequence[ClassRun], task: Task | None = None) -> tuple[ClassRun, ...]:
    """The runs with a test accuracy on one data set, to be compared.

    It is that of the task; without a result on that, the one that most of the runs are on.
    """
    done = [run for run in runs if run.record.result]
    on = [run.record.config.data_id for run in done]
    of_task = task and task.data_id
    chosen = of_task if of_task in on else max(on, key=on.count, default=None)
    return tuple(run for run in done if run.record.config.data_id == chosen)


CSV_COLUMNS = (
    "student",
    "started",
    "data_set",
    "network",
    "way",
    "case",
    "state",
    "guess",
    "expected_low",
    "expected_high",
    "test_accuracy",
    "interval_low",
    "interval_high",
    "seconds",
    "device_seconds",
)


def write_results_csv(runs: Sequence[ClassRun], *, hidden: bool, word: str) -> str:
    """All runs of a class for a spreadsheet, one line each; accuracies in [0, 1].

    Args:
        runs: Of the class.
        hidden: Whether names are hidden.
        word: Stands before a student's number then.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for run in runs:
        student = name_student(run, hidden=hidden, word=word)
        writer.writerow(map(_write_cell, (student, *_list_cells(run))))
    return text.getvalue()


def _list_cells(run: ClassRun) -> tuple[object, ...]:
    record, strategy = run.record, run.record.config.strategy
    told, result = record.expectation, record.result
    return (
        datetime.fromtimestamp(record.created).isoformat(" ", "seconds"),
        run.data_name,
        record.config.network,
        strategy.title,
        strategy.textbook_case and strategy.textbook_case.value,
        record.state.value,
        run.guess,
        told and told.low,
        told and told.high,
        result and result.accuracy,
        result and result.low,
        result and result.high,
        record.seconds,
        run.device_seconds,
    )


def _write_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    return dataset.escape_csv_cell(str(value))
