"""Texts that teachers edit: Markdown files, each with a copy for a language beside it."""

from pathlib import Path

from transfer_core.languages import get_language

LESSONS = Path(__file__).parents[1] / "lessons"


def read_lesson(name: str) -> str:
    """Return the text of a file in the reader's language, in English if there is no such copy.

    Args:
        name: Of the file in `pages/lessons`; the copy in German is `de/NAME`.
    """
    own = LESSONS / get_language() / name
    return (own if own.is_file() else LESSONS / name).read_text(encoding="utf-8")
