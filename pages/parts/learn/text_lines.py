"""Numbered lines of a text file, split at its headings; an error names file and line."""

from dataclasses import dataclass
from pathlib import Path

from transfer_core.errors import LessonError
from transfer_core.languages import _


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, so that an error can name it."""

    file: str
    number: int  # counted from 1
    text: str

    def refuse(self, problem: str, remedy: str) -> LessonError:
        """Make the error that names this line."""
        text = self.text.strip() or _("an empty line")
        found = _("{file}, line {number}: {text}", file=self.file, number=self.number, text=text)
        return LessonError(problem, found=found, remedy=remedy)


def number_lines(path: Path) -> list[Line]:
    """The lines of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Line(path.name, number, text) for number, text in enumerate(lines, start=1)]


def split_at_headings(
    lines: list[Line], mark: str, *, has_head: bool = False
) -> list[tuple[Line, list[Line]]]:
    """Split lines at headings: each heading with the lines below it.

    Args:
        lines: All lines.
        mark: How a heading begins, such as "## ".
        has_head: Whether the lines above the first heading come first; else there may be none.

    Raises:
        LessonError: If text stands above the first heading and may not.
    """
    blocks: list[tuple[Line, list[Line]]] = []
    head: list[Line] = []
    for line in lines:
        if line.text.startswith(mark):
            blocks.append((line, []))
        elif blocks:
            blocks[-1][1].append(line)
        else:
            head.append(line)
    first = Line(lines[0].file if lines else "the file", 1, lines[0].text if lines else "")
    if has_head:
        return [(first, head), *blocks]
    if not blocks or any(line.text.strip() for line in head):
        raise first.refuse(
            _("The file has no title."), _("Let its first line be “{mark}Title”.", mark=mark)
        )
    return blocks
