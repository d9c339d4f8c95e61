"""The new layer trained at once with other settings: sliders, curves, and what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.playground.controls import (
    draw_sliders,
    read_address,
    read_trial,
    write_address,
)
from pages.parts.playground.curve_chart import show_curve_charts
from pages.parts.playground.presets import offer_presets, show_preset_words
from pages.shared import caches, session
from pages.shared.launching import start_run
from pages.shared.layout import show_errors
from transfer_core.figures import build_head_charts, describe_head_curves
from transfer_core.languages import _
from transfer_core.settings import OptimiserSettings, list_settings

if TYPE_CHECKING:
    from transfer_core.dataset import DataSet
    from transfer_core.networks import SourceNetwork
    from transfer_core.transferability import HeadTrial, HeadTrialResult

MAX_RUN_RATE = next(
    each.maximum for each in list_settings(OptimiserSettings) if each.name == "learning_rate"
)
# On a phone the curves stay in sight while the sliders move below them.
STYLE = """<style>
@media (max-width: 640px) {
  .st-key-playground_live [data-testid="stColumn"]:first-child {
    position: sticky; top: 3.5rem; z-index: 9; padding-bottom: .4rem;
    background: var(--st-background-color, Canvas); border-bottom: 1px solid currentColor;
  }
}
</style>"""


@st.fragment
def show_head_playground(data: DataSet, source: SourceNetwork) -> None:
    """Draw the playground; a moved slider redraws nothing else."""
    st.html(STYLE)
    images = caches.load_head_images(data.id, source.name)
    read_address(images)
    offer_presets()
    with show_errors():
        default, result = _train(data.id, source.name)
    write_address()
    live = st.container(key="playground_live")
    with live:
        curves, sliders = st.columns([5, 2], gap="large")
    with curves:
        show_curve_charts(
            build_head_charts(result, default), describe_head_curves(result), key="head_curves"
        )
        show_preset_words(result, default)
    with sliders:
        draw_sliders(images)
    _show_numbers(result, default)
    _offer_run(data, source, result, is_sample=images.is_sample)


def _train(data_id: str, network: str) -> tuple[HeadTrialResult, HeadTrialResult]:
    from transfer_core.transferability import HeadTrial  # brings torch

    default = caches.try_head(data_id, network, HeadTrial())
    return default, caches.try_head(data_id, network, read_trial())


def _show_numbers(result: HeadTrialResult, default: HeadTrialResult) -> None:
    low, high = result.interval
    points = 100 * (result.accuracy - default.accuracy)
    columns = st.columns(4)
    columns[0].metric(
        _("Validation accuracy"),
        _("{share:.1%}", share=result.accuracy),
        _("{points:+.1f} points", points=points) if result.trial != default.trial else None,
        help=_(
            "Of the weights that a run keeps: those of the epoch that is marked in the curves. The "
            "change is against the default."
        ),
    )
    columns[1].metric(
        _("95 % interval"),
        _("{low:.0%} to {high:.0%}", low=low, high=high),
        help=_(
            "What chance leaves open: on {images:,} validation images. Test images take no part.",
            images=sum(result.validation_counts),
        ),
    )
    trained = _("{share:.1%}", share=result.kept.train_accuracy) if result.kept else "–"
    columns[2].metric(_("Training accuracy"), trained, help=_("At the same epoch."))
    columns[3].metric(
        _("Trained in"),
        _("{seconds:.2f} s", seconds=result.ended.seconds) if result.ended else "–",
        help=_(
            "{epochs:,} epochs on {images:,} images, which went through the frozen layers once, "
            "before.",
            epochs=len(result.epochs),
            images=sum(result.train_counts),
        ),
    )


def _offer_run(
    data: DataSet, source: SourceNetwork, result: HeadTrialResult, *, is_sample: bool
) -> None:
    """Offer a real run with these settings; its validation curve is the same."""
    reason = None
    if is_sample:
        reason = _("The playground takes 2,000 of your images; a run takes all of them.")
    elif not result.trial.takes_all_images:
        reason = _("A run learns from all images of all classes. Set these back first.")
    elif result.trial.learning_rate > MAX_RUN_RATE:
        reason = _("A run takes learning rates up to {rate:g}.", rate=MAX_RUN_RATE)
    elif result.ended is None:
        reason = _("This training ends without a result.")
    if st.button(
        _("Make it a run"),
        type="primary",
        icon=":material/play_arrow:",
        key="playground_run",
        disabled=reason is not None,
        help=reason or _("Trains a network with exactly these settings, and tests it once."),
    ):
        with show_errors():
            run_id = _start(data, source, result.trial)
        st.switch_page("pages/train.py", query_params=session.make_query(run=run_id, data=data.id))


def _start(data: DataSet, source: SourceNetwork, trial: HeadTrial) -> str:
    from transfer_core.transferability import plan_new_layer

    run_id = start_run(data, source, plan_new_layer(source, trial), seed=0)
    session.change(start_key=session.make_key())
    return run_id
