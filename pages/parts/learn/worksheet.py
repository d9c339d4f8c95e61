"""Worksheets as Markdown files, made into pages to print; `pages/lessons/README.md` tells how."""

import re
from dataclasses import dataclass
from pathlib import Path

import jinja2

from pages.parts.learn.text_lines import Line, number_lines, split_at_headings
from pages.shared.glossary import render_markdown
from transfer_core.languages import _, get_language

SECTIONS = ("Worksheet", "Exit ticket", "Teacher's key")
MINUTES = 45  # of a lesson
STEP = re.compile(r"\|\s*(\d+)\s*\|.*")  # a row of the teacher's plan begins with its minutes
WRITING_LINES = re.compile(r"<p>Lines: (\d+)</p>")
TEMPLATE = (Path(__file__).parent / "worksheet.html").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Worksheet:
    """One lesson of 45 minutes."""

    name: str  # the file's, without its ending
    title: str
    worksheet: str  # Markdown; a paragraph "Lines: 3" is room to write
    exit_ticket: str  # Markdown
    key: str  # Markdown; for the teacher: plan and answers


def read_worksheet(path: Path) -> Worksheet:
    """Read and check one file.

    Raises:
        LessonError: If it breaks a rule; names the file, the line and what to do.
    """
    (title, lines), *rest = split_at_headings(number_lines(path), "# ")
    if rest:
        raise rest[0][0].refuse(_("A worksheet has one title."), _("Use “## ” for its sections."))
    __, *blocks = split_at_headings(lines, "## ", has_head=True)
    names = [heading.text[3:].strip() for heading, __ in blocks]
    if tuple(names) != SECTIONS:
        raise title.refuse(
            _(
                "A worksheet has three sections; this one has: {names}.",
                names=", ".join(names) or "–",
            ),
            _(
                "Write these headings in this order: {names}.",
                names=", ".join(f"## {section}" for section in SECTIONS),
            ),
        )
    check_minutes(*blocks[-1])
    texts = ["\n".join(line.text for line in below).strip() for __, below in blocks]
    return Worksheet(path.stem, title.text[2:].strip(), *texts)


def check_minutes(heading: Line, lines: list[Line]) -> None:
    """Check that the steps of the teacher's plan fill the lesson.

    Raises:
        LessonError: If they do not.
    """
    steps = [int(found[1]) for line in lines if (found := STEP.fullmatch(line.text.strip()))]
    if sum(steps) != MINUTES:
        raise heading.refuse(
            _(
                "The steps of the plan last {found} minutes, not {wanted}.",
                found=sum(steps),
                wanted=MINUTES,
            ),
            _("Let each row of its table begin with the minutes of a step."),
        )


def render_worksheet(sheet: Worksheet) -> str:
    """The page for students, with the exit ticket on a sheet of its own."""
    return _render(sheet.title, sheet.worksheet, (_("Exit ticket"), sheet.exit_ticket))


def render_key(sheet: Worksheet) -> str:
    """The page for the teacher."""
    return _render(_("{lesson}: teacher's key", lesson=sheet.title), sheet.key)


def _render(title: str, text: str, ticket: tuple[str, str] | None = None) -> str:
    template = jinja2.Environment(autoescape=True).from_string(TEMPLATE)
    return template.render(
        title=title,
        body=_draw_lines(text),
        ticket=(ticket[0], _draw_lines(ticket[1])) if ticket else None,
        language=get_language(),
        name=_("Name:"),
        date=_("Date:"),
    )


def _draw_lines(text: str) -> str:
    """Markdown as HTML, with empty lines to write on."""
    line = '<div class="write"></div>'
    return WRITING_LINES.sub(lambda found: line * int(found[1]), render_markdown(text))
