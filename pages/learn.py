"""Learn: the lesson in chapters, one live object a screen, and worksheets for teachers."""

import streamlit as st

from pages.parts.learn import progress
from pages.parts.learn.chapter import Chapter, Part
from pages.parts.learn.checks import show_check
from pages.parts.learn.drawings import show_drawing, show_options
from pages.parts.learn.experiments import show_experiment
from pages.parts.learn.library import load_chapters
from pages.parts.learn.places import (
    FIRST_PLACE,
    choose_chapter,
    find_place,
    go_back,
    go_on,
    open_place,
)
from pages.parts.learn.worksheet_cards import show_worksheets
from pages.shared.glossary import show_glossary, show_text
from pages.shared.layout import offer_next_page, show_errors, show_page_title
from transfer_core.languages import _


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Learn"), "pages/learn.py")
    lesson = st.container()
    with st.container():  # drawn below the lesson, but first: a reload may come at once
        progress.synchronise()
    with lesson:
        show_lesson()


def show_lesson() -> None:
    """Draw the part that the student is at, and what stands behind the lesson."""
    with show_errors():
        chapters = load_chapters()
    chapter, number = find_place(chapters)
    choose_chapter(chapters, chapter)
    show_part(chapters, chapter, number)
    show_more(chapters)


def show_part(chapters: tuple[Chapter, ...], chapter: Chapter, number: int) -> None:
    """Draw one part: the live object, the text, the experiment or the checks, the way on."""
    part = chapter.parts[number - 1]
    if part.drawing:
        show_drawing(part.drawing, f"learn_drawing_{part.id}")
    else:
        show_options(part.experiment, f"learn_drawing_{part.id}")
    words, work = st.columns([3, 2], gap="large")
    with words:
        st.subheader(part.title, anchor=False)
        show_text(part.text, key=f"learn_text_{part.id}")
    with work:
        is_done = show_work(part)
    with words:
        show_way_on(chapters, chapter, number, is_primary=is_done)


def show_work(part: Part) -> bool:
    """Draw the experiment, then the checks, which would give it away; returns if it has ended."""
    if part.experiment and not show_experiment(part.experiment, part.afterwards, part.id):
        return False
    for check in part.checks:
        show_check(check)
    return True


def show_way_on(
    chapters: tuple[Chapter, ...], chapter: Chapter, number: int, *, is_primary: bool
) -> None:
    """Draw the buttons to the part before and the one after; the last leads to own pictures."""
    place = (chapters.index(chapter), number)
    arrow, kind = ":material/arrow_forward:", "primary" if is_primary else "secondary"
    with st.container(horizontal=True, vertical_alignment="center"):
        if place != (0, 1):
            st.button(_("Back"), key="learn_back", on_click=go_back, args=(chapters,))
        if place != (len(chapters) - 1, len(chapter.parts)):
            st.button(
                _("Next"),
                type=kind,
                icon=arrow,
                key="learn_next",
                on_click=go_on,
                args=(chapters,),
            )
        else:
            offer_next_page(_("Go on: your own pictures"), "pages/data.py")
        st.caption(
            _(
                "Part {chapter}.{part} of {chapter}.{last}",
                chapter=place[0] + 1,
                part=number,
                last=len(chapter.parts),
            )
        )


def show_more(chapters: tuple[Chapter, ...]) -> None:
    """Draw what stands behind the lesson: progress, glossary, worksheets."""
    checks = {check.id for chapter in chapters for part in chapter.parts for check in part.checks}
    right = len(checks & set(progress.get_progress().right))
    st.divider()
    words = _("{right} of {checks} checks answered right", right=right, checks=len(checks))
    st.progress(right / len(checks), text=words)
    with st.container(horizontal=True):
        with st.popover(_("All words"), icon=":material/menu_book:"):
            show_glossary()
        with st.popover(_("For teachers: three lessons to print"), icon=":material/print:"):
            show_worksheets()
        with st.popover(_("Start over"), icon=":material/restart_alt:"):
            st.button(
                _("Forget my answers and guesses"),
                icon=":material/delete:",
                key="learn_start_over",
                on_click=start_over,
            )


def start_over() -> None:
    """Forget everything, and go to the beginning."""
    progress.start_over()
    open_place(FIRST_PLACE)


draw()
