"""Where a student is in the lesson: a chapter and a part, in the session and in the address."""

import streamlit as st

from pages.parts.learn import progress
from pages.parts.learn.chapter import Chapter
from pages.shared import session
from transfer_core.languages import _

FIRST_PLACE = "1.1"
PLACE_KEY = "part"  # also its name in the address


def find_place(chapters: tuple[Chapter, ...]) -> tuple[Chapter, int]:
    """The chapter and the number of the part: from the address, else where the student was.

    The beginning is not written into the address unless it was asked for, so that what the
    browser kept can lead on from it.
    """
    places = list_places(chapters)
    session.read_widget_from_url(PLACE_KEY, places, None)
    place = st.session_state[PLACE_KEY] or progress.get_progress().place
    if place not in places:
        place = FIRST_PLACE
    if st.session_state[PLACE_KEY] or place != FIRST_PLACE:
        open_place(place)
    chapter, part = map(int, place.split("."))
    return chapters[chapter - 1], part


def list_places(chapters: tuple[Chapter, ...]) -> list[str]:
    """All parts in order, as the address names them: "1.1" and so on."""
    return [
        f"{number}.{part}"
        for number, chapter in enumerate(chapters, start=1)
        for part in range(1, len(chapter.parts) + 1)
    ]


def open_place(place: str) -> None:
    """Go to a part, such as "2.1"."""
    session.set_widgets(**{PLACE_KEY: place})
    session.write_widget_to_url(PLACE_KEY)
    if progress.get_progress().place != place:
        progress.change_progress(place=place)


def choose_chapter(chapters: tuple[Chapter, ...], current: Chapter) -> None:
    """Draw the chapters, ticked where every check was answered right; a click opens one."""
    right = set(progress.get_progress().right)

    def format_chapter(number: int) -> str:
        chapter = chapters[number - 1]
        checks = {check.id for part in chapter.parts for check in part.checks}
        return f"{number} {chapter.title}{' ✓' if checks and checks <= right else ''}"

    st.session_state["learn_chapter"] = chapters.index(current) + 1
    st.segmented_control(
        _("Chapter"),
        range(1, len(chapters) + 1),
        format_func=format_chapter,
        required=True,
        key="learn_chapter",
        label_visibility="collapsed",
        on_change=lambda: open_place(f"{st.session_state['learn_chapter']}.1"),
    )


def go_on(chapters: tuple[Chapter, ...]) -> None:
    """Go to the next part."""
    _move(chapters, 1)


def go_back(chapters: tuple[Chapter, ...]) -> None:
    """Go to the part before."""
    _move(chapters, -1)


def _move(chapters: tuple[Chapter, ...], step: int) -> None:
    places = list_places(chapters)
    chapter, part = find_place(chapters)
    place = places.index(f"{chapters.index(chapter) + 1}.{part}") + step
    if 0 <= place < len(places):
        open_place(places[place])
