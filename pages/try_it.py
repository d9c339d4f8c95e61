"""Try it: drop, photograph or name images, and see what the trained network says of them.

With `test=1` in the address, it is the page of a tester: what others try is kept for the owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.try_it.image_sources import collect_images
from pages.parts.try_it.outside_tries import show_outside_tries
from pages.parts.try_it.prediction import Trial, show_prediction
from pages.parts.try_it.testing import invite_to_test, show_test_link
from pages.shared import caches, session
from pages.shared.basket import list_pending
from pages.shared.bundle_upload import upload_bundle
from pages.shared.layout import (
    escape_markdown,
    show_errors,
    show_figure,
    show_page_title,
)
from pages.shared.progress import show_progress
from pages.shared.sharing import show_shared_note
from transfer_core.errors import DataSetError
from transfer_core.figures import describe_distances, plot_distances
from transfer_core.languages import _
from transfer_core.runs import RunRecord

if TYPE_CHECKING:
    from transfer_core.inspection import OutOfDistributionDetector


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Try it"), "pages/try_it.py")
    run_id = session.get_current_id("run")
    if not run_id:
        show_ways_to_a_network()
        return
    with show_errors():
        record = session.find_run(run_id)
        trained = caches.load_trained_network(run_id)
    st.subheader(escape_markdown(record.name), anchor=False)
    show_shared_note(record)
    st.caption(
        _(
            "It knows {classes:,} classes and is right on {share:.0%} of its test images. An image "
            "of anything else is called one of these classes too.",
            classes=len(trained.classes),
            share=record.result.accuracy,
        )
    )
    is_test = session.get_requested("test") is not None
    if is_test:
        invite_to_test()
    if tries := collect_images(run_id):
        detector = load_detector(run_id)
        is_own = session.is_own_run(record)
        knows = detector is not None
        trial = Trial(run_id, record.config.data_id, trained, knows, is_test, is_own)
        show_tries(trial, tries, detector)
    else:
        st.info(
            _("Drop an image or use the camera, to see what the network says."),
            icon=":material/info:",
        )
    if not is_test and session.is_own_run(record):
        show_outside_tries(record, trained.classes)
        show_test_link(record)
        show_way_to_repair(record)


def show_ways_to_a_network() -> None:
    """Say where a trained network comes from: from a run, or from a bundle that someone sent."""
    words = _("Train something first, choose a run, or open a network that someone sent you.")
    st.info(words, icon=":material/info:")
    st.page_link("pages/runs.py", label=_("See runs"), icon=":material/arrow_forward:")
    upload_bundle("pages/try_it.py", expanded=True)


def load_detector(run_id: str) -> OutOfDistributionDetector | None:
    """The detector of unknown images; None if the training images are not here."""
    try:
        with show_progress() as report:
            return caches.load_known_images(run_id, report)
    except DataSetError as error:
        st.caption(
            _(
                "Whether it knows an image cannot be said: {problem}",
                problem=escape_markdown(error.problem),
            )
        )
        return None


def show_tries(
    trial: Trial, tries: list[tuple[str, bytes]], detector: OutOfDistributionDetector | None
) -> None:
    """Draw each image with its prediction, then all of them by their distance."""
    distances = {}
    for number, (name, file) in enumerate(tries, start=1):
        distance = show_prediction(trial, number, name, file)
        if distance is not None:
            distances[str(number)] = distance
    if not distances or detector is None:
        return
    st.subheader(_("Does it know these images?"), anchor=False)
    show_figure(
        plot_distances(detector, distances),
        describe_distances(detector, distances),
        key="try_distances",
    )
    st.caption(
        _(
            "The distance is measured between what the last layer sees of an image and of the "
            "nearest training image. One in twenty images of the known kinds lies beyond the line "
            "too. Images of quite other kinds are mostly found, such as a brain scan among "
            "insects; kinds that are close to the known ones are often missed. It is a warning, "
            "not a proof."
        )
    )


def show_way_to_repair(record: RunRecord) -> None:
    """Link to Repair if changes wait there."""
    if list_pending(record.config.data_id):
        st.page_link(
            "pages/repair.py",
            label=_("See what waits, and make a new version of the data set"),
            icon=":material/healing:",
            query_params=session.make_query(run=record.id, data=record.config.data_id),
        )


draw()
