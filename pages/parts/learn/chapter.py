"""A chapter of the lesson as plain data, and the names that it may use."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from transfer_core.errors import LessonError
from transfer_core.languages import _

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

    id: str  # of the English question; progress is kept by it
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

    id: str  # of the English title; it stays the same when other parts are put before it
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


def make_id(*titles: str) -> str:
    """A title, with those that it stands below, as an id."""
    return "-".join(re.sub(r"\W+", "-", title.lower()).strip("-") for title in titles)


def adopt_ids(translated: Chapter, original: Chapter) -> Chapter:
    """Give a translated chapter the ids of the original, so that progress counts in both.

    Raises:
        LessonError: If the parts, drawings, experiments or right answers differ.
    """
    if _list_structure(translated) != _list_structure(original):
        raise LessonError(
            _("A translated chapter differs from the English one."),
            found=_(
                "{file}: other parts, drawings, experiments or right answers",
                file=f"{translated.name}.md",
            ),
            remedy=_("Give both the same, in the same order, or take the translated file away."),
        )
    pairs = zip(translated.parts, original.parts, strict=True)
    return replace(translated, parts=tuple(_adopt_part_ids(*pair) for pair in pairs))


def _adopt_part_ids(translated: Part, original: Part) -> Part:
    pairs = zip(translated.checks, original.checks, strict=True)
    checks = tuple(replace(check, id=english.id) for check, english in pairs)
    return replace(translated, id=original.id, checks=checks)


def _list_structure(chapter: Chapter) -> list[tuple]:
    return [
        (
            part.drawing,
            part.experiment,
            [[answer.is_right for answer in check.answers] for check in part.checks],
        )
        for part in chapter.parts
    ]
