"""The embedding map of a run's test images, before and after training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import (
    clicked_by_mouse_only,
    explained,
    literal,
    progress,
    shown_errors,
)
from pages.shared.results_images import IMAGE, image_number, look_at, told
from transfer_core.dataset import DataSet
from transfer_core.figures.embedding import describe_embedding, embedding_map
from transfer_core.system.home import home

if TYPE_CHECKING:
    from transfer_core.inspection.embedding_map import EmbeddedImages
    from transfer_core.inspection.prediction import TestAnswers

WAYS = {"principal": "PCA: at once", "neighbours": "t-SNE: takes some seconds"}
CLICKED = "results_points"  # how the figures' keys begin


def show_embedding(data: DataSet, answers: TestAnswers, run_id: str) -> None:
    """Both maps side by side, and the image that is chosen in either."""
    way = st.segmented_control(
        "How to lay it out", list(WAYS), default="principal", required=True,
        format_func=WAYS.get, key="results_way",
        help="PCA shows the two directions in which the images differ most. t-SNE keeps neighbours "
        "together; its distances and the sizes of its clusters mean nothing.",
    )  # fmt: skip
    embedded = _embedded(run_id)
    places, chosen = st.columns(2), st.container(border=True)
    with chosen:
        position = _chosen_image(data, answers)
    for place, time in zip(places, ("before", "after"), strict=True):
        with place:
            _map(data, embedded, run_id, way, time, position)
    clicked_by_mouse_only(CLICKED)
    if embedded.scores:
        st.caption(
            "All kept layers stayed frozen, so their embedding is the same before and after: the "
            "second map shows what the new layer makes of it, its scores."
        )
    if len(embedded.positions) < len(answers.labels):
        st.caption(
            f"{len(embedded.positions):,} of the {len(answers.labels):,} test images, at random."
        )


def _embedded(run_id: str) -> EmbeddedImages:
    """Both embeddings, worked out once; a click elsewhere ends the work."""
    from transfer_core.inspection.embedding_map import embedded_test_images

    kept = caches.on_demand(run_id)
    if "embedded" not in kept:
        with shown_errors(), progress() as report:
            trained = caches.trained_network(run_id)
            kept["embedded"] = embedded_test_images(home(), trained, report)
    return kept["embedded"]


def _map(
    data: DataSet, embedded: EmbeddedImages, run_id: str, way: str, time: str, position: int
) -> None:
    from transfer_core.inspection import embedding_map as core

    kept, features = caches.on_demand(run_id), getattr(embedded, time)
    if (way, time) not in kept:
        lay_out = core.principal_plane if way == "principal" else core.neighbourhood_plane
        with st.spinner(f"Laying out the images, {time} training"):
            kept[way, time] = lay_out(features)
    if ("alike", time) not in kept:
        kept["alike", time] = core.alike_neighbours(features, embedded.labels)
    key = f"{CLICKED}_{time}"

    def choose() -> None:
        clicked = session.clicked(key)
        if clicked is not None:
            session.fill(**{IMAGE: int(clicked) + 1})

    explained(
        embedding_map(
            kept[way, time], embedded.labels, embedded.positions, data.classes,
            f"{time.capitalize()} training", position,
        ),
        describe_embedding(kept["alike", time], len(embedded.labels), len(data.classes)),
        key=key, on_select=choose, selection_mode="points",
    )  # fmt: skip


def _chosen_image(data: DataSet, answers: TestAnswers) -> int:
    """The image that was clicked, or is chosen by its number; returns its position."""
    picture, words = st.columns([1, 4], vertical_alignment="center")
    with words:
        position = image_number(answers)
        st.write(literal(f"Image {position + 1}: {told(data, answers, position)}"))
        st.button(
            f"Explain image {position + 1}", on_click=look_at, args=(position,),
            key="results_explain", icon=":material/visibility:",
        )  # fmt: skip
    with picture, shown_errors():
        image = int(answers.images[position])
        st.image(caches.tile(data.id, image), alt=told(data, answers, position), width="content")
    return position
