"""One image that is tried: what the network says, why, and keeping it as a training image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.try_it.testing import offer_verdict
from pages.shared import caches
from pages.shared.attribution_maps import show_attribution_maps
from pages.shared.basket import PendingChange, find_pending, put_in_basket, take_from_basket
from pages.shared.layout import escape_markdown, show_errors, show_problem
from transfer_core import dataset, images
from transfer_core.errors import ImageError
from transfer_core.languages import N_, _, ngettext

if TYPE_CHECKING:
    from transfer_core.inspection import Prediction, TrainedNetwork

MAX_CLASSES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Trial:
    """The run whose network is tried."""

    run_id: str
    data_id: str
    trained: TrainedNetwork
    detects_unknown: bool  # whether its training images are here to compare with
    is_test: bool = False  # whether a tester tries it, for its owner
    is_own: bool = True  # whether its data set can be changed


def show_prediction(trial: Trial, number: int, name: str, file: bytes) -> float | None:
    """Draw one image with its prediction.

    Returns:
        Its distance from the nearest training image; None if the file is no image.
    """
    title = f"**{number}. {escape_markdown(name)}**"
    try:
        answer, seconds = caches.predict_image(trial.run_id, file, trial.detects_unknown)
        picture = caches.shrink_image(file)
    except ImageError as error:
        st.markdown(title)
        show_problem(error.problem, error.found, error.remedy)
        return None
    likely = sorted(answer.probabilities.items(), key=lambda item: -item[1])[:MAX_CLASSES_SHOWN]
    with st.container(border=True):
        image, words = st.columns([1, 2])
        image.image(picture, alt=_("Image {name}", name=name), width="stretch")
        with words:
            st.markdown(f"{title}: {escape_markdown(likely[0][0])}")
            _show_probabilities(answer, likely, seconds)
        if st.toggle(
            _("What it looks at in image {number}", number=number),
            key=f"try_maps_{caches.get_added_path(file)}",
            help=_("Where it finds evidence for the likeliest class and for the next one."),
        ):
            _show_maps(trial.trained, file, [label for label, _ in likely[:2]])
        if trial.is_test:
            offer_verdict(trial.run_id, trial.trained.classes, file, answer)
        elif trial.is_own and trial.detects_unknown:  # else the data set is not here
            _offer_as_training_image(trial, file)
    return answer.distance


def _show_probabilities(
    answer: Prediction, likely: list[tuple[str, float]], seconds: float
) -> None:
    if answer.is_out_of_distribution:
        st.warning(
            _(
                "This looks like nothing that the network knows; do not trust its answer. It has "
                "to call every image one of its classes."
            ),
            icon=":material/help:",
        )
    for label, share in likely:
        st.progress(share, text=_("{name}: {share:.1%}", name=escape_markdown(label), share=share))
    rest = len(answer.probabilities) - len(likely)
    words = _("Answered in {time:,.0f} ms, decoding included.", time=1000 * seconds)
    if rest:
        others = ngettext(
            "{n:,} class more is not shown.", "{n:,} classes more are not shown.", rest
        )
        words = f"{words} {others}"
    st.caption(words)


def _show_maps(trained: TrainedNetwork, file: bytes, labels: list[str]) -> None:
    """Draw the attribution maps of an image for its likeliest classes."""
    pixels = images.prepare_image(file, trained.transform)
    titles = zip(labels, (N_("Likeliest: {name}"), N_("Next: {name}")), strict=False)
    classes = [(trained.classes.index(label), title) for label, title in titles]
    key = f"try_map_{caches.get_added_path(file)}"
    with show_errors():
        show_attribution_maps(trained, pixels, classes, key=key)


def _offer_as_training_image(trial: Trial, file: bytes) -> None:
    """Offer to add the image to a class; the change waits in the basket of Repair."""
    path = caches.get_added_path(file)
    pending = find_pending(trial.data_id, path)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if pending:
            name = escape_markdown(pending.change.class_name)
            st.markdown(_(":material/pending: Waits as a training image of **{name}**", name=name))
            st.button(
                _("Take back"),
                key=f"try_back_{path}",
                icon=":material/undo:",
                on_click=take_from_basket,
                args=(trial.data_id, path),
            )
        elif caches.has_file(trial.data_id, file):
            st.caption(_("This image is in the data set already."))
        else:
            _choose_class(trial, file, path)


def _choose_class(trial: Trial, file: bytes, path: str) -> None:
    chosen = st.selectbox(
        _("It is"),
        trial.trained.classes,
        index=None,
        key=f"try_class_{path}",
        width=220,
        placeholder=_("Choose its class"),
    )
    if st.button(
        _("Keep as a training image"),
        key=f"try_keep_{path}",
        disabled=chosen is None,
        icon=":material/add_photo_alternate:",
        help=_("Choose its class first.") if chosen is None else None,
    ):
        put_in_basket(trial.data_id, PendingChange(dataset.make_addition(file, chosen), file))
        st.rerun()
