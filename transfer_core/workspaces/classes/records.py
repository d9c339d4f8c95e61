"""What is kept of a class, of its members and its task; their codes and names."""

import math
import secrets
from dataclasses import dataclass

CODE_LETTERS = "ACDEFGHJKMNPQRTVWXY3479"  # none that is taken for another when read from a wall
CODE_LENGTH = 6
DAYS_KEPT = 30  # days from the end of a class until what was made in it is deleted
MAX_DAYS_KEPT = 365
MAX_MEMBERS = 100
MAX_NAME_LENGTH = 40  # characters of a nickname, or the name of a class
_DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Task:
    """A data set and a configuration that a teacher hands to all."""

    token: str  # of the link that shows the data set
    name: str  # of the data set
    network: str  # its name
    option: str | None  # the way to train, a key of `cases.list_strategies`; None: they decide
    given: float  # seconds since 1970
    data_id: str | None = (
        None  # of the data set in the store; None if handed out by an older version
    )


@dataclass(frozen=True, slots=True)
class Class:
    """A teacher's room."""

    id: str
    code: str  # to join it
    name: str
    teacher: str  # id of the workspace that opened it
    created: float  # seconds since 1970
    closed: float | None  # None: open
    delete_after_days: int
    names_hidden: bool
    task: Task | None

    @property
    def deleted_at(self) -> float | None:
        """When what was made in it is deleted, in seconds since 1970; None while it is open."""
        return None if self.closed is None else self.closed + self.delete_after_days * _DAY


@dataclass(frozen=True, slots=True)
class Member:
    """A workspace that has joined a class."""

    class_id: str
    workspace: str  # its id
    nickname: str
    joined: float  # seconds since 1970
    left: float | None  # when it joined another class


@dataclass(frozen=True, slots=True)
class Guess:
    """What a student guessed for the test accuracy of a task; it stands with the runs of it."""

    workspace: str  # the student's id
    task: float  # when it was given, in seconds since 1970
    guess: float  # in [0, 1]
    guessed: float  # when
    ended: float | None  # when the next task was given

    def is_for(self, owner: str, created: float) -> bool:
        """Whether a run was started by this student after guessing, for this task."""
        ended = math.inf if self.ended is None else self.ended
        return owner == self.workspace and self.guessed <= created < ended


def make_code() -> str:
    """A random code that is easy to read out."""
    return "".join(secrets.choice(CODE_LETTERS) for __ in range(CODE_LENGTH))


def clean_name(name: str) -> str:
    """A name as one short line, without characters that cannot be seen."""
    seen = "".join(each if each.isprintable() else " " for each in name)
    return " ".join(seen.split())[:MAX_NAME_LENGTH].strip()
