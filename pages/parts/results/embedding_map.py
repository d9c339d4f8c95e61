"""The embedding map of a run's test images, before and after training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.results.test_images import (
    IMAGE_KEY,
    choose_image,
    describe_image,
    open_attribution,
)
from pages.shared import caches, session
from pages.shared.layout import disable_taps, escape_markdown, show_errors, show_figure
from pages.shared.progress import show_progress
from transfer_core.dataset import DataSet
from transfer_core.figures import describe_embedding_projection, plot_embedding_projection
from transfer_core.languages import N_, _
from transfer_core.system import get_home

if TYPE_CHECKING:
    from transfer_core.inspection import EmbeddedImages, TestPredictions

PROJECTIONS = {"principal": N_("PCA: at once"), "neighbours": N_("t-SNE: takes some seconds")}
PHASES = {"before": N_("Before training"), "after": N_("After training")}
MAP_KEY_PREFIX = "results_points"  # how the figures' keys begin


def show_embedding(data: DataSet, answers: TestPredictions, run_id: str) -> None:
    """Both maps side by side, and the image that is chosen in either."""
    session.keep_in_url("results_way", "principal", PROJECTIONS)
    way = st.segmented_control(
        _("How to lay it out"),
        list(PROJECTIONS),
        required=True,
        format_func=lambda name: _(PROJECTIONS[name]),
        key="results_way",
        help=_(
            "PCA shows the two directions in which the images differ most. t-SNE keeps neighbours "
            "together; its distances and the sizes of its clusters mean nothing."
        ),
    )
    embedded = _embed_test_images(run_id)
    places, chosen = st.columns(2), st.container(border=True)
    with chosen:
        position = _show_chosen_image(data, answers)
    for place, time in zip(places, ("before", "after"), strict=True):
        with place:
            _show_map(data, embedded, run_id, way, time, position)
    disable_taps(MAP_KEY_PREFIX)
    if embedded.after_is_logits:
        st.caption(
            _(
                "All kept layers stayed frozen, so their embedding is the same before and after: "
                "the second map shows what the new layer makes of it, its scores."
            )
        )
    if len(embedded.positions) < len(answers.labels):
        st.caption(
            _(
                "{shown:,} of the {images:,} test images, at random.",
                shown=len(embedded.positions),
                images=len(answers.labels),
            )
        )


def _embed_test_images(run_id: str) -> EmbeddedImages:
    """Both embeddings, computed once for all sessions; a click elsewhere ends the work."""
    from transfer_core.inspection import embed_test_images

    cache = caches.get_run_cache(run_id)
    if "embedded" not in cache:
        with show_errors(), show_progress() as report:
            trained = caches.load_trained_network(run_id)
            cache["embedded"] = embed_test_images(get_home(), trained, report)
    return cache["embedded"]


def _show_map(
    data: DataSet, embedded: EmbeddedImages, run_id: str, projection: str, phase: str, position: int
) -> None:
    points, neighbour_accuracy = _project(embedded, run_id, projection, phase)
    key = f"{MAP_KEY_PREFIX}_{phase}"

    def choose() -> None:
        clicked = session.get_clicked_point(key)
        if clicked is not None:
            session.set_widgets(**{IMAGE_KEY: int(clicked) + 1})

    show_figure(
        plot_embedding_projection(
            points,
            embedded.labels,
            embedded.positions,
            data.classes,
            _(PHASES[phase]),
            position,
        ),
        describe_embedding_projection(neighbour_accuracy, len(embedded.labels), len(data.classes)),
        key=key,
        on_select=choose,
        selection_mode="points",
    )


def _project(embedded: EmbeddedImages, run_id: str, projection: str, phase: str):
    """Points of the map and the accuracy of nearest neighbours, computed once for all sessions."""
    from transfer_core.inspection import embedding_map as core

    cache, features = caches.get_run_cache(run_id), getattr(embedded, phase)
    if (projection, phase) not in cache:
        project = core.project_with_pca if projection == "principal" else core.project_with_tsne
        with st.spinner(_("Laying out the images")):
            cache[projection, phase] = project(features)
    if ("neighbour accuracy", phase) not in cache:
        accuracy = core.measure_nearest_neighbour_accuracy(features, embedded.labels)
        cache["neighbour accuracy", phase] = accuracy
    return cache[projection, phase], cache["neighbour accuracy", phase]


def _show_chosen_image(data: DataSet, answers: TestPredictions) -> int:
    """The image that was clicked, or is chosen by its number; returns its position."""
    picture, words = st.columns([1, 4], vertical_alignment="center")
    with words:
        position = choose_image(answers)
        st.write(
            escape_markdown(
                _(
                    "Image {number}: {words}",
                    number=position + 1,
                    words=describe_image(data, answers, position),
                )
            )
        )
        st.button(
            _("Explain image {number}", number=position + 1),
            on_click=open_attribution,
            args=(position,),
            key="results_explain",
            icon=":material/visibility:",
        )
    with picture, show_errors():
        image = int(answers.images[position])
        st.image(
            caches.render_tile(data.id, image),
            alt=describe_image(data, answers, position),
            width="content",
        )
    return position
