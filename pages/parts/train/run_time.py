"""How long a run would take with the settings of the form."""

import streamlit as st

from pages.parts.train.settings_form import RunSettings
from pages.shared import caches
from pages.shared.progress import show_timing
from transfer_core.dataset import DataSet
from transfer_core.languages import N_, _


def show_run_time(data: DataSet, settings: RunSettings) -> None:
    """Say in one line how long the run would take."""
    forecast = None
    with show_timing() as report:
        forecast = caches.forecast_run(data.id, settings.source, settings.strategy, report)
    if forecast:
        text = (
            N_(":material/timer: As set here, the run takes **{time}** on this computer.")
            if settings.devices == 1
            else N_(
                ":material/timer: With one device of this computer the run takes **{time}**. How "
                "long it takes with {count} GPUs was not measured."
            )
        )
        st.markdown(
            _(text, time=forecast.describe(), count=settings.devices),
            help=_(
                "{epochs} epochs at most, {side} pixels a side.",
                epochs=settings.strategy.optimiser.epochs,
                side=settings.source.input_size,
            ),
        )
