"""The test images of a run: mistakes, doubtful ones, those of a cell, and how to choose one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.results.gallery import Tile, show_gallery
from pages.shared import session
from pages.shared.layout import escape_markdown
from transfer_core.dataset import DataSet
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transfer_core.inspection import TestPredictions

LIST_LABELS = {
    "mistakes": N_("Mistakes, the surest first"),
    "uncertain": N_("Most uncertain"),
}
ALL_CLASSES = ""  # among the names of classes
IMAGE_KEY = "results_image"  # key of the number of the image that is looked at, counted from 1
VIEW_KEY = "results_view"


def open_attribution(position: int) -> None:
    """Go to the attribution maps of a test image; a callback."""
    session.set_widgets(**{VIEW_KEY: "maps", IMAGE_KEY: position + 1})


def choose_image(answers: TestPredictions) -> int:
    """Let a test image be chosen by its number; returns its position."""
    count = len(answers.labels)
    session.read_widget_from_url(IMAGE_KEY, range(1, count + 1), 1)
    number = st.number_input(
        _("Test image, by its number"),
        1,
        count,
        key=IMAGE_KEY,
        help=_("The numbers stand on the buttons under the images in the galleries."),
    )
    session.write_widget_to_url(IMAGE_KEY)
    return int(number) - 1


def describe_image(data: DataSet, answers: TestPredictions, position: int) -> str:
    """Say the true class of a test image, the predicted class and its probability."""
    sure = answers.probabilities[position].max()
    actual = data.classes[answers.labels[position]]
    predicted = data.classes[answers.predicted[position]]
    if actual == predicted:
        return _("{actual}, found ({sure:.0%} sure)", actual=actual, sure=float(sure))
    return _(
        "{actual}, taken for {predicted} ({sure:.0%} sure)",
        actual=actual,
        predicted=predicted,
        sure=float(sure),
    )


def show_test_images(
    data: DataSet, answers: TestPredictions, positions: Sequence[int], *, key: str
) -> None:
    """Draw a gallery of test images; the button of each opens its attribution maps."""

    def make_tile(position: int) -> Tile:
        words = describe_image(data, answers, position)
        return Tile(int(answers.images[position]), _("image {number}", number=position + 1), words)

    show_gallery(
        data,
        positions,
        make_tile,
        key=key,
        button=N_("Explain {name}"),
        icon=":material/visibility:",
        on_click=open_attribution,
    )


def show_images(data: DataSet, answers: TestPredictions) -> None:
    """Draw mistakes or doubtful images, of all classes or one."""
    from transfer_core.inspection import find_misclassified, rank_by_uncertainty

    left, right = st.columns(2, vertical_alignment="bottom")
    session.keep_in_url("results_list", "mistakes", LIST_LABELS)
    session.keep_in_url("results_class", ALL_CLASSES, [ALL_CLASSES, *data.classes])
    which = left.segmented_control(
        _("Which images"),
        list(LIST_LABELS),
        required=True,
        format_func=lambda name: _(LIST_LABELS[name]),
        key="results_list",
    )
    only = right.selectbox(
        _("Of which class"),
        [ALL_CLASSES, *data.classes],
        format_func=lambda name: name or _("Every class"),
        key="results_class",
        help=_("The true class, by the folder that the image lay in."),
    )
    positions = find_misclassified(answers) if which == "mistakes" else rank_by_uncertainty(answers)
    if only != ALL_CLASSES:
        positions = positions[answers.labels[positions] == data.classes.index(only)]
    _explain(which, len(positions), len(answers.labels), only)
    if not len(positions):
        st.info(_("No such image: nothing was mistaken here."), icon=":material/task_alt:")
        return
    show_test_images(data, answers, positions, key=f"results_{which}")


def _explain(which: str, shown: int, images: int, of_class: str) -> None:
    """Say what the images of the list have in common."""
    if which != "mistakes":
        st.caption(
            _(
                "All test images, those first where the likeliest class leads the second by least: "
                "the network wavers between the two."
            )
        )
        return
    if of_class == ALL_CLASSES:
        taken = _(
            "{shown:,} of the {images:,} test images were taken for another class.",
            shown=shown,
            images=images,
        )
    else:
        taken = _(
            "{shown:,} of the {images:,} test images ({name} only) were taken for another class.",
            shown=shown,
            images=images,
            name=escape_markdown(of_class),
        )
    advice = _(
        "If the network was sure and wrong, look whether the image lies in the right folder."
    )
    st.caption(f"{taken} {advice}")
