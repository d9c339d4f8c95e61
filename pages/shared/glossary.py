"""The glossary that opens in place: a marked word is a button with its meaning behind it.

In a text, `[[stage]]` marks a term, and `[[layers|stage]]` shows another word for it. The terms
are in `pages/lessons/glossary.md` and, translated, in `pages/lessons/de/glossary.md`.
"""

import html
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st
from markdown import markdown

from pages.shared.lesson_files import find_lesson_file
from transfer_core.errors import LessonError
from transfer_core.languages import _

GLOSSARY = "glossary.md"
TERM = re.compile(r"\[\[([^\]|]+)(?:\|([^\]]+))?\]\]")
# The browser's own popovers: Enter and Space open them, Escape closes them, a screen reader is
# told. Where it can, the browser puts them beside their word; elsewhere in the middle.
STYLE = """<style>
.word { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: help;
  text-decoration: underline dotted 2px; text-underline-offset: 3px; }
.word:focus-visible { outline: 3px solid currentColor; outline-offset: 2px; border-radius: 2px; }
.word-card { max-width: min(22rem, 90vw); padding: 0.7rem 0.9rem; border-radius: 0.5rem;
  border: 1px solid currentColor; line-height: 1.45; font-size: 0.95rem; white-space: normal;
  color: CanvasText; background: Canvas; }
@supports (position-area: bottom) {
  .word-card { position: absolute; inset: auto; margin: 0.3rem 0; position-area: bottom span-right;
    position-try-fallbacks: flip-block, flip-inline, flip-block flip-inline; }
}
</style>"""


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the field, and what it means."""

    name: str
    names: tuple[str, ...]  # all words that lead to it, in lower case
    meaning: str  # one paragraph of plain text

    @property
    def slug(self) -> str:
        """The name as part of an id."""
        return re.sub(r"\W+", "-", self.name.lower())


def show_text(text: str, *, key: str) -> None:
    """Draw Markdown whose marked terms open their meaning in place.

    Args:
        text: Markdown; a term that the glossary does not have is shown as plain text.
        key: Of the text, unlike that of every other text on the page.
    """
    st.html(STYLE)
    st.html(render_text(text, load_glossary(), key))


def render_text(text: str, terms: dict[str, Term], key: str) -> str:
    """Turn Markdown into HTML; each marked term becomes a button with a popover.

    Args:
        text: Markdown.
        terms: From `load_glossary`.
        key: Begins the ids of the popovers.
    """
    used: dict[str, Term] = {}

    def put_button(match: re.Match) -> str:
        shown, name = match[1], (match[2] or match[1]).strip().lower()
        if name not in terms:
            return shown
        term = used.setdefault(name, terms[name])
        target = f"{key}-{term.slug}"
        return f'<button type="button" class="word" popovertarget="{target}">{shown}</button>'

    body = TERM.sub(put_button, render_markdown(text))
    cards = {
        term.slug: f'<div popover id="{key}-{term.slug}" class="word-card">'
        f"<strong>{html.escape(term.name)}</strong>: {html.escape(term.meaning)}</div>"
        for term in used.values()
    }
    return f'<div class="lesson-text">{body}{"".join(cards.values())}</div>'


def render_markdown(text: str) -> str:
    """Turn Markdown into HTML, with tables; `st.html` takes out what could do harm."""
    return markdown(text, extensions=["tables", "sane_lists"])


def load_glossary() -> dict[str, Term]:
    """All terms in the session's language, by every word that leads to them.

    Raises:
        LessonError: If the file breaks a rule of its format.
    """
    return read_glossary(find_lesson_file(GLOSSARY))


@cache
def read_glossary(path: Path) -> dict[str, Term]:
    """Read a glossary: a heading “## term” each, perhaps a line “Also: words”, and the meaning.

    Raises:
        LessonError: If a term has no meaning, or two terms have the same word.
    """
    terms: dict[str, Term] = {}
    blocks = re.split(r"(?m)^## ", path.read_text(encoding="utf-8"))
    line = 1 + blocks[0].count("\n")
    for block in blocks[1:]:
        name, __, below = block.partition("\n")
        also = re.search(r"(?m)^Also: (.+)$", below)
        meaning = " ".join(re.sub(r"(?m)^Also: .+$", "", below).split())
        words = [name, *(also[1].split(",") if also else ())]
        term = Term(name.strip(), tuple(word.strip().lower() for word in words), meaning)
        for word in term.names:
            if not meaning or word in terms:
                raise LessonError(
                    _("A term of the glossary has no meaning.")
                    if not meaning
                    else _("The glossary has “{word}” twice.", word=word),
                    found=_(
                        "{file}, line {number}: {text}",
                        file=path.name,
                        number=line,
                        text=f"## {name}",
                    ),
                    remedy=_("Write a sentence below it, or take one of the two away."),
                )
            terms[word] = term
        line += block.count("\n")
    return terms


def show_glossary() -> None:
    """Draw all terms, in the order of the alphabet."""
    terms = {term.name: term for term in load_glossary().values()}
    for name in sorted(terms, key=str.lower):
        st.markdown(f"**{name}**: {terms[name].meaning}")
