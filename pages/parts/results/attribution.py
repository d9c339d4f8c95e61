"""Attribution maps of a test image or an uploaded image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from pages.parts.results.test_images import choose_image, describe_image
from pages.shared import caches
from pages.shared.attribution_maps import show_attribution_maps
from pages.shared.layout import escape_markdown, show_errors, show_figure
from pages.shared.progress import show_progress
from transfer_core import dataset, images
from transfer_core.dataset import DataSet
from transfer_core.figures import describe_sanity_check, plot_sanity_check
from transfer_core.images import IMAGE_EXTENSIONS
from transfer_core.languages import N_, _
from transfer_core.system import get_home

if TYPE_CHECKING:
    from transfer_core.inspection import TestPredictions, TrainedNetwork

SANITY_CHECK_IMAGES = 16  # test images of the sanity check


def show_maps(data: DataSet, answers: TestPredictions, run_id: str) -> None:
    """Draw attribution maps of one image, and the check of the method on this network."""
    with show_errors():
        trained = caches.load_trained_network(run_id)
    left, right = st.columns(2)
    with left:
        position = choose_image(answers)
    upload = right.file_uploader(
        _("Or an image of your own"),
        type=sorted(IMAGE_EXTENSIONS),
        key="results_own",
        max_upload_size=50,
    )
    if upload is None:
        pixels = _load_test_image(data, answers, position, trained)
        description = describe_image(data, answers, position)
        words = _("Test image {number}: {words}", number=position + 1, words=description)
        st.write(escape_markdown(words))
        probabilities, actual = answers.probabilities[position], int(answers.labels[position])
        classes = _choose_classes(data, probabilities, actual, key=str(position))
    else:
        with show_errors():
            pixels = images.prepare_image(upload.getvalue(), trained.transform)
        probabilities = _predict(trained, pixels)
        words = _(
            "Your image: {name} ({sure:.0%} sure)",
            name=data.classes[probabilities.argmax()],
            sure=float(probabilities.max()),
        )
        st.write(escape_markdown(words))
        classes = _choose_classes(data, probabilities, None, key="own")
    show_attribution_maps(trained, pixels, classes, key="results_map")
    _show_sanity_check(data, answers, trained, run_id)


def _choose_classes(
    data: DataSet, probabilities: np.ndarray, actual: int | None, *, key: str
) -> list[tuple[int, str]]:
    """The predicted class and another one that is chosen, each with the title of its map."""
    predicted, second = (int(number) for number in np.argsort(-probabilities)[:2])
    is_mistake = actual is not None and actual != predicted
    other = st.selectbox(
        _("Beside the predicted class"),
        [n for n in range(len(data.classes)) if n != predicted],
        index=_index_without(actual if is_mistake else second, predicted),
        format_func=lambda number: f"{data.classes[number]} ({probabilities[number]:.0%})",
        key=f"results_beside_{key}",
        help=_("The true class if the image was mistaken, else the second likeliest."),
    )
    role = (
        N_("True: {name}")
        if other == actual
        else N_("Second: {name}")
        if other == second
        else N_("Beside it: {name}")
    )
    own = N_("Predicted, true: {name}") if predicted == actual else N_("Predicted: {name}")
    return [(predicted, own), (other, role)]


def _index_without(number: int, without: int) -> int:
    """The index of a class in the list of all classes but one."""
    return number - (number > without)


def _load_test_image(
    data: DataSet, answers: TestPredictions, position: int, trained: TrainedNetwork
) -> np.ndarray:
    with show_errors():
        chosen = answers.images[position : position + 1]
        return dataset.PixelArray(get_home(), data, trained.transform).read(chosen)[0]


def _predict(trained: TrainedNetwork, pixels: np.ndarray) -> np.ndarray:
    from transfer_core.inspection import predict_proba

    return predict_proba(trained, pixels[None])[0]


def _show_sanity_check(
    data: DataSet, answers: TestPredictions, trained: TrainedNetwork, run_id: str
) -> None:
    """Randomise the weights in cascade, and show how much that changes the maps."""
    kept = caches.get_run_cache(run_id)
    with st.expander(_("Do these maps show what was learned?"), icon=":material/rule:"):
        st.write(
            _(
                "Some methods draw convincing maps whatever the network has learned. The check: "
                "make the weights random, layer by layer from the output down, and see whether the "
                "maps change (Adebayo et al. 2018)."
            )
        )
        if st.button(_("Check it on this network"), icon=":material/rule:", key="results_sanity"):
            from transfer_core.inspection import run_randomisation_test

            chosen = answers.images[:SANITY_CHECK_IMAGES]
            with show_errors(), show_progress() as report:
                pixels = dataset.PixelArray(get_home(), data, trained.transform).read(chosen)
                kept["sanity"] = run_randomisation_test(
                    trained,
                    pixels,
                    answers.predicted[:SANITY_CHECK_IMAGES],
                    progress=report,
                )
        if "sanity" in kept:
            steps = kept["sanity"]
            show_figure(
                plot_sanity_check(steps), describe_sanity_check(steps), key="results_sanity_figure"
            )
