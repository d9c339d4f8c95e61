"""The lesson's files: chapters and worksheets, in the order of their names."""

from dataclasses import replace
from pathlib import Path

from pages.parts.learn.chapter import Chapter, Rules, adopt_ids
from pages.parts.learn.chapter_file import read_chapter
from pages.parts.learn.facts import list_facts
from pages.parts.learn.worksheet import Worksheet, read_worksheet
from pages.shared.glossary import load_glossary, read_glossary
from pages.shared.lesson_files import LESSONS, find_lesson_file
from transfer_core.cases import list_strategies
from transfer_core.dataset import SAMPLES
from transfer_core.errors import LessonError
from transfer_core.languages import _
from transfer_core.networks import DEFAULT_NETWORK, get_network


def list_rules() -> Rules:
    """The names that the chapters may use."""
    source = get_network(DEFAULT_NETWORK)
    options = tuple(list_strategies(source.stage_names, source.kind))
    return Rules(tuple(SAMPLES), options, list_facts(), load_glossary())


def list_source_rules() -> Rules:
    """The names that the English chapters may use."""
    return replace(list_rules(), terms=read_glossary(LESSONS / "glossary.md"))


def load_chapters() -> tuple[Chapter, ...]:
    """All chapters, in the session's language where they are translated.

    Raises:
        LessonError: If a file breaks a rule of its format, or there is none.
    """
    rules, chapters = list_rules(), []
    for english in _list_files("chapters"):
        path = find_lesson_file(f"chapters/{english.name}", LESSONS)
        chapter = read_chapter(path, rules)
        if path != english:
            chapter = adopt_ids(chapter, read_chapter(english, list_source_rules()))
        chapters.append(chapter)
    return tuple(chapters)


def load_worksheets() -> tuple[Worksheet, ...]:
    """All worksheets, in the session's language where they are translated.

    Raises:
        LessonError: If a file breaks a rule of its format, or there is none.
    """
    return tuple(
        read_worksheet(find_lesson_file(f"worksheets/{english.name}", LESSONS))
        for english in _list_files("worksheets")
    )


def _list_files(folder: str) -> list[Path]:
    files = sorted((LESSONS / folder).glob("*.md"))
    if not files:
        raise LessonError(
            _("There is no lesson here."),
            found=_("no Markdown file in {folder}", folder=f"pages/lessons/{folder}"),
            remedy=_("Put one there; pages/lessons/README.md describes the format."),
        )
    return files
