"""Where a student is in the lesson: a chapter and a part, in the session and in the address."""

import re

import streamlit as st

from pages.parts.learn import progress
from pages.parts.learn.chapter import Chapter, Check, Part
from pages.shared import session


def make_part_id(chapter: Chapter, part: Part) -> str:
    """A part's id: it stays the same when others are put before it."""
    return f"{chapter.name}-{make_slug(part.title)}"


def list_checks(chapter: Chapter, part: Part) -> list[tuple[Check, str]]:
    """The checks of a part, each with its id."""
    part_id = make_part_id(chapter, part)
    return [(check, f"{part_id}-{make_slug(check.question)}") for check in part.checks]


def make_slug(title: str) -> str:
    """A title as part of an id."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def find_place(chapters: tuple[Chapter, ...]) -> tuple[Chapter, int]:
    """The chapter and the number of the part: from the address, else where the student was."""
    for text in (session.get_requested_part(), progress.get_progress().place):
        found = re.fullmatch(r"(\d+)\.(\d+)", text or "")
        if found and 1 <= int(found[1]) <= len(chapters):
            chapter = chapters[int(found[1]) - 1]
            if 1 <= int(found[2]) <= len(chapter.parts):
                open_place(int(found[1]), int(found[2]))
                return chapter, int(found[2])
    return chapters[0], 1


def open_place(chapter: int, part: int) -> None:
    """Go to a part of a chapter, both counted from 1."""
    place = f"{chapter}.{part}"
    session.show_part_in_url(place)
    if progress.get_progress().place != place:
        progress.change_progress(place=place)


def choose_chapter(chapters: tuple[Chapter, ...], current: Chapter) -> None:
    """Draw the chapters, ticked where every check was answered right; a click opens one."""
    right = set(progress.get_progress().right)

    def format_chapter(number: int) -> str:
        chapter = chapters[number - 1]
        checks = {key for part in chapter.parts for _, key in list_checks(chapter, part)}
        return f"{number} {chapter.title}{' ✓' if checks and checks <= right else ''}"

    st.session_state["learn_chapter"] = chapters.index(current) + 1
    st.segmented_control(
        "Chapter",
        range(1, len(chapters) + 1),
        format_func=format_chapter,
        required=True,
        key="learn_chapter",
        label_visibility="collapsed",
        on_change=lambda: open_place(st.session_state["learn_chapter"], 1),
    )


def go_on(chapters: tuple[Chapter, ...]) -> None:
    """Go to the next part."""
    _move(chapters, 1)


def go_back(chapters: tuple[Chapter, ...]) -> None:
    """Go to the part before."""
    _move(chapters, -1)


def _move(chapters: tuple[Chapter, ...], step: int) -> None:
    places = [
        (number, part)
        for number, chapter in enumerate(chapters, start=1)
        for part in range(1, len(chapter.parts) + 1)
    ]
    chapter, part = find_place(chapters)
    place = places.index((chapters.index(chapter) + 1, part)) + step
    if 0 <= place < len(places):
        open_place(*places[place])
