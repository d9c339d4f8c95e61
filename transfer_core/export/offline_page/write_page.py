"""Write a trained network as one HTML page with everything in it: no server, no request."""

import base64
import copy
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import PIL
import torch
from torch import nn

from transfer_core import dataset
from transfer_core.errors import RunError
from transfer_core.export.model_card import find_data_set
from transfer_core.export.offline_page.child_card import write_child_card
from transfer_core.export.offline_page.known_pictures import store_known_pictures
from transfer_core.export.offline_page.layer_list import LayerList, list_layers
from transfer_core.export.offline_page.page_words import translate_words
from transfer_core.export.offline_page.stored_weights import BinaryBlock, store_weights
from transfer_core.inspection import TrainedNetwork, predict_proba
from transfer_core.languages import N_, _, get_language
from transfer_core.system import Progress

FOLDER = Path(__file__).parent
PAGE_FILE = "page.html"
MAX_PAGE_BYTES = 15_000_000  # so that it can be sent by e-mail and opened on a phone
TEXT_BYTES = 200_000  # of the page, for everything but the weights
MAX_ROUNDING_DIFFERENCE = 1e-3  # of a probability, from the rounding of the weights
MAX_CHECKED_IMAGES = 100  # test images
REMEDY = N_("Take the ONNX file or the bundle instead: they keep the weights as they are.")
MAY_SCALE_COLUMNS_FIRST = int(PIL.__version__.split(".")[0]) >= 13  # see picture.js
WORKER_FILES = ("file_header.js", "large_photo.js", "picture.js", "network.js", "worker.js")


def write_page(
    to: Path, home: Path, trained: TrainedNetwork, progress: Progress
) -> tuple[Path, ...]:
    """Write `page.html`.

    Raises:
        RunError: If the network has layers that the page cannot compute, is too large for it, or
            would give other answers there.
    """
    network = list_layers(trained)
    check_rounding(home, trained, progress)
    text = render_page(home, trained, network, progress)
    size = len(text.encode())
    if size > MAX_PAGE_BYTES:
        raise RunError(
            _("The page would be too large: {size:.1f} MB.", size=size / 1e6),
            found=_(
                "{network} with {classes:,} classes",
                network=trained.source.title,
                classes=len(trained.classes),
            ),
            remedy=_("A page may have {size:.0f} MB.", size=MAX_PAGE_BYTES / 1e6) + " " + _(REMEDY),
        )
    (to / PAGE_FILE).write_text(text, encoding="utf-8", newline="\n")
    return (to / PAGE_FILE,)


def render_page(home: Path, trained: TrainedNetwork, network: LayerList, progress: Progress) -> str:
    """Return the text of the page."""
    block = BinaryBlock()
    layers = [layer.store(block) for layer in network.layers]
    room = (MAX_PAGE_BYTES - TEXT_BYTES) * 3 // 4 - len(block.content)  # three bytes in four
    known = store_known_pictures(home, trained, network.feature_order, block, room, progress)
    style, script = _read("page.css"), _read("page.js")
    # The template escapes every text that a person wrote.
    page = jinja2.Environment(autoescape=True).from_string(_read(PAGE_FILE))
    words, card = translate_words(), write_child_card(home, trained, known and known["images"])
    return page.render(
        language=get_language(),
        words=words,
        card=card,
        policy=make_policy(script, style),
        style=style,
        worker="\n".join(map(_read, WORKER_FILES)),
        network=_describe_network(trained, layers, known, words),
        weights=block.encode(),
        script=script,
    )


def _describe_network(
    trained: TrainedNetwork,
    layers: list[dict[str, Any]],
    known: dict[str, Any] | None,
    words: dict[str, str],
) -> dict[str, Any]:
    source = trained.source
    transform = {
        "size": source.input_size,
        "resize": source.resize,
        "interpolation": source.interpolation,
        "mayScaleColumnsFirst": MAY_SCALE_COLUMNS_FIRST,
        "mean": source.mean,
        "std": source.std,
    }
    return {
        "classes": list(trained.classes),
        "transform": transform,
        "layers": layers,
        "known": known,
        "words": words,
    }


def make_policy(script: str, style: str) -> str:
    """Return a content security policy that allows this script and style, and no request."""
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "worker-src blob:; img-src blob: data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def check_rounding(home: Path, trained: TrainedNetwork, progress: Progress) -> None:
    """Check on the test images that the page's weights give the network's answers.

    If the test images are not on this computer, nothing is checked: the rounding was measured on
    other networks of the same kind.

    Raises:
        RunError: If a probability differs too much.
    """
    data_set = find_data_set(home, trained)
    if data_set is None:
        return
    test = data_set.indices("test")
    chosen = test[np.linspace(0, len(test) - 1, min(len(test), MAX_CHECKED_IMAGES)).astype(int)]
    pixels = dataset.PixelArray(home, data_set, trained.transform)[chosen]
    rounded = replace(trained, network=round_weights(trained.network))
    progress(_("Comparing on your test images"), 0, len(pixels))
    difference = np.abs(predict_proba(rounded, pixels) - predict_proba(trained, pixels)).max()
    if difference > MAX_ROUNDING_DIFFERENCE:
        raise RunError(
            _("The page would not give the network's answers, so it was not written."),
            found=_(
                "probabilities differ by up to {difference:.2g}, allowed is {limit:g}",
                difference=float(difference),
                limit=MAX_ROUNDING_DIFFERENCE,
            ),
            remedy=_(REMEDY),
        )


def round_weights(network: nn.Sequential) -> nn.Sequential:
    """Return a copy of a network with the weights as the page has them."""
    network = copy.deepcopy(network)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            rounded = store_weights(layer.weight.detach().numpy()).restore()
            layer.weight = nn.Parameter(torch.from_numpy(rounded), requires_grad=False)
    return network
