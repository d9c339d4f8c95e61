"""The test images of a run: mistakes, doubtful ones, those of a cell, and how to choose one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import session
from pages.shared.gallery import Tile, gallery
from pages.shared.layout import literal
from transfer_core.dataset import DataSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transfer_core.inspection.prediction import TestAnswers

LISTS = {
    "mistakes": "Mistakes, the surest first",
    "uncertain": "Most uncertain",
}
ALL = "Every class"
IMAGE = "results_image"  # key of the number of the image that is looked at, counted from 1
VIEW = "results_view"


def look_at(position: int) -> None:
    """Go to the attribution maps of a test image; a callback."""
    session.fill(**{VIEW: "maps", IMAGE: position + 1})


def image_number(answers: TestAnswers) -> int:
    """Let a test image be chosen by its number; returns its position."""
    count = len(answers.labels)
    session.from_address(IMAGE, range(1, count + 1), 1)
    number = st.number_input(
        "Test image, by its number", 1, count, key=IMAGE,
        help="The numbers stand on the buttons under the images in the galleries.",
    )  # fmt: skip
    session.into_address(IMAGE)
    return int(number) - 1


def told(data: DataSet, answers: TestAnswers, position: int) -> str:
    """What is said of a test image."""
    sure = answers.probabilities[position].max()
    actual = data.classes[answers.labels[position]]
    predicted = data.classes[answers.predicted[position]]
    if actual == predicted:
        return f"{actual}, found ({sure:.0%} sure)"
    return f"{actual}, taken for {predicted} ({sure:.0%} sure)"


def test_images(data: DataSet, answers: TestAnswers, positions: Sequence[int], *, key: str) -> None:
    """A gallery of test images, from each of which one goes on to its attribution maps."""

    def tile(position: int) -> Tile:
        words = told(data, answers, position)
        return Tile(int(answers.images[position]), f"image {position + 1}", words)

    gallery(
        data, positions, tile, key=key, button="Explain", icon=":material/visibility:",
        on_click=look_at,
    )  # fmt: skip


def show_images(data: DataSet, answers: TestAnswers) -> None:
    """Mistakes and doubtful images, of all classes or one."""
    from transfer_core.inspection.mistakes import mistakes, most_uncertain

    left, right = st.columns(2, vertical_alignment="bottom")
    which = left.segmented_control(
        "Which images", list(LISTS), default="mistakes", required=True, format_func=LISTS.get,
        key="results_list",
    )  # fmt: skip
    only = right.selectbox(
        "Of which class", [ALL, *data.classes], key="results_class",
        help="The true class, by the folder that the image lay in.",
    )  # fmt: skip
    positions = mistakes(answers) if which == "mistakes" else most_uncertain(answers)
    if only != ALL:
        positions = positions[answers.labels[positions] == data.classes.index(only)]
    if which == "mistakes":
        st.caption(
            f"{len(positions):,} of the {len(answers.labels):,} test images"
            f"{'' if only == ALL else f' ({literal(only)} only)'} were taken for another class. "
            "Where it was sure and wrong, look whether the image lies in the right folder."
        )
    else:
        st.caption(
            "All test images, those first where the likeliest class leads the second by least: "
            "the network wavers between the two."
        )
    if not len(positions):
        st.info("No such image: nothing was mistaken here.", icon=":material/task_alt:")
        return
    test_images(data, answers, positions, key=f"results_{which}")
