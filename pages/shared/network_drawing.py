"""The network drawing: stages as slabs, with what surgery and training did to each."""

from __future__ import annotations

import base64
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.shared import caches
from pages.shared.language import translate_words
from pages.shared.presenting import get_scale
from pages.shared.served_scripts import FOLDER, make_loader
from transfer_core.figures import build_network_drawing
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transfer_core.cases import Strategy
    from transfer_core.figures import NetworkDrawing
    from transfer_core.networks import SourceNetwork
    from transfer_core.training import StageChange

HERE = Path(__file__).parent
# Any component that draws small networks puts this before its own script.
NETWORK_SVG_SCRIPT = (FOLDER / "network_svg.js").read_text(encoding="utf-8")
HEIGHT_PIXELS = 220  # of the slabs with their labels, on a wide screen
CUT_WORDS = {"cut": N_("cut"), "cut_away": N_("cut away")}
_HTML = """
<div class="nd-network">
  <div class="nd-canvas"></div>
  <div class="nd-below">
    <ul class="nd-legend"></ul>
    <button class="nd-again" type="button" hidden></button>
  </div>
  <p class="nd-detail" aria-live="polite"></p>
</div>"""
_COMPONENT = st.components.v2.component(
    "transfer_lab_network_drawing",
    html=_HTML,
    css=(HERE / "network_drawing.css").read_text(encoding="utf-8"),
    js=make_loader("network_svg.js", "network_surgery.js", "network_drawing.js"),
    isolate_styles=False,  # in the page itself, as every other figure; its classes begin with nd-
)
_SMALL_SCRIPT = """
export default function ({ data, parentElement }) {
  const place = parentElement.querySelector(".small")
  const svg = drawNetwork(data.drawing, { small: true, width: data.width, height: data.height })
  svg.style.maxWidth = "100%"
  place.replaceChildren(svg)
}"""
_SMALL_COMPONENT = st.components.v2.component(
    "transfer_lab_small_network",
    html='<div class="small"></div>',
    js=NETWORK_SVG_SCRIPT + _SMALL_SCRIPT,
)


def make_drawing(
    source: SourceNetwork,
    strategy: Strategy,
    classes: Sequence[str],
    changes: Sequence[StageChange] | None = None,
) -> NetworkDrawing:
    """The network as the strategy adapts it, laid out as slabs.

    Args:
        source: The network, at the input size of the run.
        strategy: What is kept, frozen and new.
        classes: Names of the new layer's outputs.
        changes: How far each stage has moved; None before a training.
    """
    return build_network_drawing(
        source,
        caches.describe_layers(source.name, strategy, len(classes), source.input_size),
        classes=classes,
        changes=changes,
        reads_all=strategy.approach == "all stages",
    )


def show_small_network(
    drawing: NetworkDrawing, *, key: str, width: int = 170, height: int = 60
) -> None:
    """Draw a network's shapes alone, without a word; the words stand beside it."""
    given = {"drawing": _list_values(drawing), "width": width, "height": height}
    _SMALL_COMPONENT(key=key, data=given, height=height)


def show_network(
    drawing: NetworkDrawing,
    *,
    key: str,
    image: bytes | None = None,
    play: str | None = None,
    learning: bool = False,
    selectable: bool = False,
    selected: int | None = None,
    height: int = HEIGHT_PIXELS,
) -> int | None:
    """Draw a network; returns the place of the slab that was chosen, if any.

    Args:
        drawing: From `figures.build_network_drawing` or `build_source_drawing`.
        key: Constant while it is the same drawing with other changes.
        image: A picture for its entrance, as a JPEG or PNG file.
        play: Shows the surgery once whenever this text changes, and offers to play it again.
        learning: Whether the network is being trained: what moves breathes.
        selectable: Whether choosing a slab draws the page anew.
        selected: Place of the slab to mark; None leaves the person's choice.
        height: Of the slabs with their labels, in pixels, on a wide screen.
    """
    given = {
        "drawing": _list_values(drawing) | translate_words(CUT_WORDS),
        "image": encode_picture(image) if image else None,
        "play": play,
        "learning": learning,
        "selectable": selectable,
        "selected": selected,
        "height": height,
        "scale": get_scale(),
        "again": _("Play again"),
    }
    result = _COMPONENT(key=key, data=given, default={"slab": selected}, on_slab_change=_do_nothing)
    return result.get("slab")


def encode_picture(file: bytes) -> str:
    """A picture as an address that holds it, so that the browser asks no one for it."""
    kind = "png" if file.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(file).decode('ascii')}"


@lru_cache(maxsize=64)
def _list_values(drawing: NetworkDrawing) -> dict[str, Any]:
    """The drawing for a script, not to be changed; many watch the same one."""
    return asdict(drawing)


def _do_nothing() -> None:
    """A state of a component needs a callback."""
