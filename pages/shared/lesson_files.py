"""The lesson's Markdown files in the language of the session."""

from pathlib import Path

from transfer_core.languages import get_language

LESSONS = Path(__file__).parents[1] / "lessons"


def find_lesson_file(name: str, folder: Path = LESSONS) -> Path:
    """A file in the session's language, in the folder of that name; else the English one.

    Args:
        name: Of the file in the folder, such as "glossary.md" or "chapters/1_reuse.md".
        folder: Of the English files.
    """
    translated = folder / get_language() / name
    return translated if translated.is_file() else folder / name
