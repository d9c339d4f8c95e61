"""What the network looks at: attribution maps of a test image or one of the person's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from pages.shared import caches
from pages.shared.attribution import attribution_beside
from pages.shared.layout import explained, literal, progress, shown_errors
from pages.shared.results_images import image_number, told
from transfer_core import dataset, images
from transfer_core.dataset import DataSet
from transfer_core.figures.attribution import describe_sanity, sanity_figure
from transfer_core.images.decoding import ENDINGS
from transfer_core.system.home import home

if TYPE_CHECKING:
    from transfer_core.inspection.prediction import TestAnswers, TrainedNetwork

CHECKED = 16  # test images of the sanity check


def show_maps(data: DataSet, answers: TestAnswers, run_id: str) -> None:
    """Attribution maps of one image, and the check of the method on this network."""
    with shown_errors():
        trained = caches.trained_network(run_id)
    left, right = st.columns(2)
    with left:
        position = image_number(answers)
    upload = right.file_uploader(
        "Or an image of your own", type=sorted(ENDINGS), key="results_own", max_upload_size=50
    )
    if upload is None:
        pixels = _test_image(data, answers, position, trained)
        probabilities, actual = answers.probabilities[position], int(answers.labels[position])
        st.write(literal(f"Test image {position + 1}: {told(data, answers, position)}"))
    else:
        with shown_errors():
            image = images.decode(upload.getvalue(), trained.transform.least_side)
        pixels = images.apply(image, trained.transform)
        probabilities, actual = _predicted(trained, pixels), None
    predicted, second = (int(number) for number in np.argsort(-probabilities)[:2])
    if upload is not None:
        sure = f"{probabilities[predicted]:.0%} sure"
        st.write(literal(f"Your image: {data.classes[predicted]} ({sure})"))
    wrong = actual is not None and actual != predicted
    other = st.selectbox(
        "Beside the predicted class", [n for n in range(len(data.classes)) if n != predicted],
        index=_place(actual if wrong else second, predicted),
        format_func=lambda number: f"{data.classes[number]} ({probabilities[number]:.0%})",
        key=f"results_beside_{'own' if upload else position}",
        help="The true class where it was mistaken, else the second likeliest.",
    )  # fmt: skip
    role = "true" if other == actual else "second" if other == second else "beside it"
    first = "predicted, true" if predicted == actual else "predicted"
    attribution_beside(trained, pixels, [(predicted, first), (other, role)], key="results_map")
    _sanity(data, answers, trained, run_id)


def _place(number: int, without: int) -> int:
    """Place of a class in the list of all classes but one."""
    return number - (number > without)


def _test_image(
    data: DataSet, answers: TestAnswers, position: int, trained: TrainedNetwork
) -> np.ndarray:
    with shown_errors():
        chosen = answers.images[position : position + 1]
        return dataset.Pixels(home(), data, trained.transform).read(chosen)[0]


def _predicted(trained: TrainedNetwork, pixels: np.ndarray) -> np.ndarray:
    from transfer_core.inspection.prediction import predict

    return predict(trained, pixels[None])[0]


def _sanity(data: DataSet, answers: TestAnswers, trained: TrainedNetwork, run_id: str) -> None:
    """Randomise the weights in cascade, and show how much that changes the maps."""
    kept = caches.on_demand(run_id)
    with st.expander("Do these maps show what was learned?", icon=":material/rule:"):
        st.write(
            "Some methods draw convincing maps whatever the network has learned. The check: make "
            "the weights random, layer by layer from the output down, and see whether the maps "
            "change (Adebayo et al. 2018)."
        )
        if st.button("Check it on this network", icon=":material/rule:", key="results_sanity"):
            from transfer_core.inspection.attribution_sanity import cascade

            chosen = answers.images[:CHECKED]
            with shown_errors(), progress() as report:
                pixels = dataset.Pixels(home(), data, trained.transform).read(chosen)
                kept["sanity"] = cascade(
                    trained, pixels, answers.predicted[:CHECKED],
                    progress=lambda *n: report("Randomising stages", *n),
                )  # fmt: skip
        if "sanity" in kept:
            steps = kept["sanity"]
            explained(sanity_figure(steps), describe_sanity(steps), key="results_sanity_figure")
