"""Attribution maps of one image, for several classes side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pages.shared.layout import escape_markdown, show_figure
from transfer_core.figures import describe_attribution, plot_attribution
from transfer_core.languages import _

if TYPE_CHECKING:
    import numpy as np

    from transfer_core.inspection import TrainedNetwork


def show_attribution_maps(
    trained: TrainedNetwork, pixels: np.ndarray, classes: Sequence[tuple[int, str]], *, key: str
) -> None:
    """Draw the image as the network sees it, and where the evidence for each class lies.

    Args:
        trained: The trained network.
        pixels: The image at the network's input size, uint8, shape (H, W, 3).
        classes: Index of each class, and the title of its map, with the field `name`.
        key: Prefix of the figures' keys.
    """
    from transfer_core.inspection import compute_attribution

    found = compute_attribution(
        trained.network, trained.source, pixels, [number for number, _ in classes]
    )
    size = pixels.shape[0]
    columns = st.columns([2, *[3] * len(classes)])
    with columns[0]:
        st.image(
            pixels,
            width="stretch",
            alt=_("The image"),
            caption=_("As the network sees it, {size} x {size} pixels", size=size),
        )
    for column, (number, title), evidence in zip(
        columns[1:], classes, found.upsample(size), strict=True
    ):
        name = trained.classes[number]
        with column:
            show_figure(
                plot_attribution(pixels, evidence, _(title, name=name)),
                describe_attribution(evidence, name),
                key=f"{key}_{number}",
            )
    st.caption(
        escape_markdown(found.describe())
        + " "
        + _(
            "Each map has its own scale: compare where the evidence lies, not how strong it is. "
            "It shows roughly what the network used, not why."
        )
    )
