"""The image on its way through the network, and the stage that is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from pages.shared import caches, session
from pages.shared.caches import LookedAt
from pages.shared.picture_buttons import PictureChoice, encode_picture, show_picture_buttons
from transfer_core.figures import render_mosaic

if TYPE_CHECKING:
    from transfer_core.inspection import ForwardPass

STAGE_KEY = "layers_stage"  # of the slider; in the address too
PICTURE_PIXELS = 96
MAP_PIXELS = 46  # side of one map in a picture of several
MAX_CLASSES = 4  # named at the end
MOMENTS = {"before": "Before training", "after": "After training"}


def choose_stage(passes: dict[LookedAt, ForwardPass], pixels: np.ndarray) -> str:
    """Draw the way through the network; return the name of the stage that is looked at.

    Args:
        passes: The forward pass of each network that is shown; the last is drawn stage by stage.
        pixels: The image as the network sees it, uint8 (H, W, 3).
    """
    *_, shown = passes.values()
    names = [stage.name for stage in shown.stages]
    session.read_widget_from_url(STAGE_KEY, names, names[0])
    if st.session_state[STAGE_KEY] not in names:
        session.set_widgets(**{STAGE_KEY: names[0]})
    choices = [
        PictureChoice(
            stage.name,
            encode_picture(render_mosaic(stage, MAP_PIXELS)),
            stage.title,
            stage.sees,
            True,
        )
        for stage in shown.stages
    ]
    entrance = PictureChoice(names[0] + " ", encode_picture(pixels), "The image", "as it goes in")
    show_picture_buttons(
        [entrance, *choices],
        "The image on its way through the network",
        st.session_state[STAGE_KEY],
        key="layers_way_through",
        choose=lambda clicked: session.set_widgets(**{STAGE_KEY: clicked.strip()}),
        layout="row",
        side=PICTURE_PIXELS,
        ends=[list_likely_classes(looked_at, each) for looked_at, each in passes.items()],
    )
    titles = {stage.name: stage.title for stage in shown.stages}
    stage = st.select_slider(
        "How deep do you look?", names, format_func=titles.get, key=STAGE_KEY, width="stretch"
    )
    session.write_widget_to_url(STAGE_KEY)
    return stage


def list_likely_classes(
    looked_at: LookedAt, forward: ForwardPass
) -> tuple[str, list[tuple[str, float]]]:
    """What the network says at the end: a title, and the likeliest classes with their shares."""
    classes = caches.list_classes_at_the_end(looked_at)
    if not classes:
        return "It gives features, no classes", []
    likely = np.argsort(-forward.probabilities)[:MAX_CLASSES]
    title = MOMENTS[looked_at.moment] if looked_at.run_id else "It says"
    return title, [(classes[n].replace("_", " "), float(forward.probabilities[n])) for n in likely]
