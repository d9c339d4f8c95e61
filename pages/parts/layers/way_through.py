"""The image on its way through the network, and the stage that is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from pages.shared import caches, session
from pages.shared.caches import LookedAt
from pages.shared.network_drawing import make_drawing, show_network
from pages.shared.picture_buttons import (
    PictureChoice,
    encode_picture,
    encode_png,
    show_picture_buttons,
)
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.figures import NetworkDrawing, build_source_drawing, render_mosaic
from transfer_core.languages import N_, _
from transfer_core.runs import find_last_event
from transfer_core.training import Ended

if TYPE_CHECKING:
    from transfer_core.inspection import ForwardPass

STAGE_KEY = "layers_stage"  # of the slider; in the address too
SLAB_KEY = "layers_slab"  # the slab that was clicked last
PICTURE_PIXELS = 96
MAP_PIXELS = 46  # side of one map in a picture of several
DRAWING_PIXELS = 150  # height
MAX_CLASSES = 3  # named at the end
MOMENTS = {"before": N_("Before training"), "after": N_("After training")}


def choose_stage(passes: dict[LookedAt, ForwardPass], pixels: np.ndarray) -> str:
    """Draw the way through the network; return the name of the stage that is looked at.

    Args:
        passes: The forward pass of each network that is shown; the last is drawn stage by stage.
        pixels: The image as the network sees it, uint8 (H, W, 3).
    """
    *__, (looked_at, shown) = passes.items()
    titles = {stage.name: stage.title for stage in shown.stages}
    names = list(titles)
    session.read_widget_from_url(STAGE_KEY, names, names[0])
    if st.session_state[STAGE_KEY] not in names:
        session.set_widgets(**{STAGE_KEY: names[0]})
    _show_drawing(looked_at, names, pixels)
    show_picture_buttons(
        [
            PictureChoice(
                stage.name,
                encode_picture(render_mosaic(stage, MAP_PIXELS)),
                _(stage.title),
                _(stage.sees),
                True,
            )
            for stage in shown.stages
        ],
        _("What each stage makes of the image"),
        st.session_state[STAGE_KEY],
        key="layers_way_through",
        choose=lambda clicked: session.set_widgets(**{STAGE_KEY: clicked}),
        layout="row",
        side=PICTURE_PIXELS,
        ends=[list_likely_classes(each, forward) for each, forward in passes.items()],
    )
    stage = st.select_slider(
        _("How deep do you look?"),
        names,
        format_func=lambda each: _(titles[each]),
        key=STAGE_KEY,
        width="stretch",
    )
    session.write_widget_to_url(STAGE_KEY)
    return stage


def list_likely_classes(
    looked_at: LookedAt, forward: ForwardPass
) -> tuple[str, list[tuple[str, float]]]:
    """What the network says at the end: a title, and the likeliest classes with their shares."""
    classes = caches.list_classes_at_the_end(looked_at)
    if not classes:
        return _("It gives features, no classes"), []
    likely = np.argsort(-forward.probabilities)[:MAX_CLASSES]
    title = _(MOMENTS[looked_at.moment]) if looked_at.run_id else _("It says")
    return title, [(classes[n].replace("_", " "), float(forward.probabilities[n])) for n in likely]


def _show_drawing(looked_at: LookedAt, names: list[str], pixels: np.ndarray) -> None:
    """Draw the network as slabs; a click on a slab looks at its last stage."""
    drawing = _make_drawing(looked_at)
    stage = st.session_state[STAGE_KEY]
    places = {name: n for n, slab in enumerate(drawing.slabs) for name in slab.stages}
    clicked = show_network(
        drawing,
        key="layers_network_drawing",
        image=encode_png(pixels),
        selectable=True,
        selected=places.get(stage),
        height=DRAWING_PIXELS,
    )
    if clicked is None or clicked == st.session_state.get(SLAB_KEY):
        return
    session.set_widgets(**{SLAB_KEY: clicked})
    inside = [name for name in drawing.slabs[clicked].stages if name in names]
    if inside and stage not in inside:
        session.set_widgets(**{STAGE_KEY: inside[-1]})
        st.rerun()


def _make_drawing(looked_at: LookedAt) -> NetworkDrawing:
    source = caches.get_source_of(looked_at)
    if looked_at.run_id is None:
        any_case = plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind)
        return build_source_drawing(source, caches.describe_layers(source.name, any_case, 2))
    strategy = caches.get_engine().get(looked_at.run_id).config.strategy
    ended = find_last_event(caches.get_run_log(looked_at.run_id).events(), Ended)
    changes = ended.changes if ended else None
    return make_drawing(source, strategy, caches.list_classes_at_the_end(looked_at), changes)
