"""The settings of a run in one form, drawn from their declarations, behind one Start button."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts.train.setting_links import read_setting, write_setting
from pages.shared import caches
from transfer_core.cases import Strategy
from transfer_core.languages import N_, _
from transfer_core.networks import SourceNetwork, trains_head_only
from transfer_core.settings import OptimiserSettings, SettingField, list_settings
from transfer_core.training import RunConfig

FIELDS = (*list_settings(OptimiserSettings), *list_settings(Strategy), *list_settings(RunConfig))
NUMBER_FIELDS = tuple(f for f in FIELDS if f.type is not bool and f.name != "input_size")
SWITCH_FIELDS = tuple(field for field in FIELDS if field.type is bool)
(SIZE_FIELD,) = (field for field in FIELDS if field.name == "input_size")
NO_EFFECT = {
    "head": N_("No effect here: it is for runs that train the new layer alone."),
    "more": N_("No effect here: it is for runs that train more than the new layer."),
}


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Everything that the form sets."""

    source: SourceNetwork  # at the input size of the run
    strategy: Strategy
    seed: int
    compiled: bool = False
    devices: int = 1  # GPUs that share each step

    @property
    def input_size(self) -> int:
        """Pixels a side."""
        return self.source.input_size

    def get(self, name: str) -> bool | int | float:
        """The value of a declared setting."""
        parts = (self.strategy.optimiser, self.strategy, self)
        return next(getattr(part, name) for part in parts if hasattr(part, name))


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """The form as it was drawn."""

    settings: RunSettings
    is_started: bool  # whether Start was clicked
    time_place: DeltaGenerator  # under the Start button, for the run's forecast


def show_settings_form(
    defaults: RunSettings, hints: dict[str, str], *, key: str, on_gpu: bool, max_devices: int
) -> SubmittedForm:
    """Draw the Start button, and every setting in an expander below it.

    Args:
        defaults: Initial values of the form.
        hints: Further help for some settings, by name.
        key: Prefix of the widgets' keys; another key shows the defaults again.
        on_gpu: Whether to offer the settings for a GPU.
        max_devices: That a run may have; one is not asked for.
    """
    # Enter in a field would click the first button, which starts the run.
    with st.form("train_form", enter_to_submit=False):
        started = st.form_submit_button(
            _("Start training"), type="primary", icon=":material/play_arrow:", key="train_start"
        )
        time_place = st.container()
        with st.expander(_("Settings"), icon=":material/tune:"):
            st.markdown(
                _(
                    "These are all the settings; nothing else changes while training. If in doubt, "
                    "leave them as they are: they suit this way to train."
                )
            )
            settings = _draw_settings(defaults, hints, key, on_gpu, max_devices)
            if st.form_submit_button(
                _("Update code and time"), icon=":material/refresh:", key="train_update"
            ):
                st.caption(_("The time above, and the code if it is shown, are of these settings."))
    return SubmittedForm(settings, started, time_place)


def _draw_settings(
    defaults: RunSettings, hints: dict[str, str], key: str, on_gpu: bool, max_devices: int
) -> RunSettings:
    columns, values = cycle(st.columns(3)), {}
    for field in NUMBER_FIELDS:
        with next(columns):
            values[field.name] = _draw_setting(field, defaults, hints, key)
    with next(columns):
        size = _draw_input_size(defaults.source, key)
    devices = 1
    if max_devices > 1:
        with next(columns):
            devices = _draw_devices(min(defaults.devices, max_devices), max_devices, key)
    for field in SWITCH_FIELDS:
        if on_gpu or field.name != "compiled":
            values[field.name] = _draw_setting(field, defaults, hints, key)
    compiled = values.pop("compiled", False)
    return RunSettings(
        defaults.source.with_input_size(size),
        _apply_values(defaults.strategy, values),
        values["seed"],
        compiled,
        devices,
    )


def _apply_values(strategy: Strategy, values: dict[str, bool | int | float]) -> Strategy:
    optimiser, own = (
        {field.name: values[field.name] for field in list_settings(kind)}
        for kind in (OptimiserSettings, Strategy)
    )
    return replace(strategy, optimiser=replace(strategy.optimiser, **optimiser), **own)


def _draw_setting(
    field: SettingField, defaults: RunSettings, hints: dict[str, str], key: str
) -> bool | int | float:
    """Draw the widget of a declared setting; returns its value."""
    about, default = field.setting, read_setting(field, defaults.get(field.name))
    applies = about.applies(trains_head_only(defaults.source, defaults.strategy))
    words = [
        _(about.help),
        hints.get(field.name),
        None if applies else _(NO_EFFECT[about.applies_to]),
    ]
    common = {
        "key": f"{key}_{field.name}_{default}",
        "help": " ".join(filter(None, words)),
        "disabled": not applies,
    }
    if field.type is bool:
        value = st.checkbox(_(about.label), default and applies, **common)
        write_setting(field, value, defaults.get(field.name) and applies)
        return value
    value = st.number_input(
        _(about.label),
        min(field.minimum, default),
        max(field.maximum, default),
        default,
        step=field.type(about.step),
        format=f"%.{about.decimals}f" if field.type is float else None,
        **common,
    )
    write_setting(field, value, defaults.get(field.name))
    return value


def _draw_input_size(source: SourceNetwork, key: str) -> int:
    sizes = caches.list_input_sizes(source.name)
    only = [_("This network takes no other size.")] if len(sizes) == 1 else []
    return st.selectbox(
        _(SIZE_FIELD.setting.label),
        sizes,
        sizes.index(source.input_size),
        key=f"{key}_size_{source.input_size}",
        disabled=len(sizes) == 1,
        help=" ".join([_(SIZE_FIELD.setting.help), *only]),
    )


def _draw_devices(default: int, most: int, key: str) -> int:
    return st.number_input(
        _("GPUs that share the work"),
        1,
        most,
        default,
        key=f"{key}_devices_{default}",
        help=_(
            "Each GPU works on an equal part of the images, and they train one network together. "
            "The result is as good as with one GPU. It can save time with large networks and large "
            "batches; with small ones the GPUs mostly wait for each other."
        ),
    )
