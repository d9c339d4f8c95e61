"""A chapter of the lesson as plain data, and the names that it may use."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

DRAWINGS = {  # what `Show:` may name, and what it draws
    "network": "the network as it was learned",
    "case 1": "the surgery of case 1",
    "case 2": "the surgery of case 2",
    "case 3": "the surgery of case 3",
    "case 4": "the surgery of case 4",
    "filters": "the filters of the first layer",
    "samples": "pictures like those that the network knows, and others",
    "questions": "the two questions, and the four cases that they lead to",
    "crossover": "where training everything won, as measured",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a check."""

    text: str
    is_right: bool
    explanation: str  # Markdown; why it is right or wrong


@dataclass(frozen=True, slots=True)
class Check:
    """A question with answers to choose from, one of them right."""

    question: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Experiment:
    """Runs on a sample whose results a student predicts first."""

    sample: str
    options: tuple[str, ...]  # keys of `cases.list_strategies`
    epochs: int | None  # largest number where more than a new layer learns; None: as usual


@dataclass(frozen=True, slots=True)
class Part:
    """One screen: a live object, a text, and checks."""

    title: str
    text: str  # Markdown
    drawing: str | None = None  # one of DRAWINGS; None if there is an experiment
    experiment: Experiment | None = None
    afterwards: str = ""  # Markdown; shown when the experiment has ended
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter, one file."""

    name: str  # the file's, without its ending
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """The names that a chapter may use."""

    samples: Collection[str]
    options: Collection[str]  # keys of `cases.list_strategies`
    facts: Mapping[str, str]  # measured numbers, by the name that stands for them in braces
    terms: Collection[str]  # of the glossary, in lower case
    drawings: Collection[str] = field(default_factory=lambda: tuple(DRAWINGS))
