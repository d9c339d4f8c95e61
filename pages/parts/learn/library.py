"""The lesson's files: chapters and worksheets, in the order of their names."""

from pathlib import Path

from pages.parts.learn.chapter import Chapter, Rules
from pages.parts.learn.chapter_file import read_chapter
from pages.parts.learn.facts import list_facts
from pages.parts.learn.worksheet import Worksheet, read_worksheet
from pages.shared.glossary import load_glossary
from transfer_core.cases import list_strategies
from transfer_core.dataset import SAMPLES
from transfer_core.errors import LessonError
from transfer_core.networks import DEFAULT_NETWORK, get_network

LESSONS = Path(__file__).parents[2] / "lessons"


def list_rules() -> Rules:
    """The names that the chapters may use."""
    source = get_network(DEFAULT_NETWORK)
    options = tuple(list_strategies(source.stage_names, source.kind))
    return Rules(tuple(SAMPLES), options, list_facts(), load_glossary())


def load_chapters() -> tuple[Chapter, ...]:
    """All chapters.

    Raises:
        LessonError: If a file breaks a rule of its format, or there is none.
    """
    rules = list_rules()
    return tuple(read_chapter(path, rules) for path in _list_files("chapters"))


def load_worksheets() -> tuple[Worksheet, ...]:
    """All worksheets.

    Raises:
        LessonError: If a file breaks a rule of its format, or there is none.
    """
    return tuple(read_worksheet(path) for path in _list_files("worksheets"))


def _list_files(folder: str) -> list[Path]:
    files = sorted((LESSONS / folder).glob("*.md"))
    if not files:
        raise LessonError(
            "There is no lesson here.",
            found=f"no Markdown file in pages/lessons/{folder}",
            remedy="Put one there; pages/lessons/README.md describes the format.",
        )
    return files
