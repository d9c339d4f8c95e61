"""The sliders of the playground, the presets, and what the address keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import session
from transfer_core.cases import HEAD_SETTINGS
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from transfer_core.transferability import HeadImages, HeadTrial

RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 4.0, 10.0, 30.0, 100.0, 300.0)
DECAYS = (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
EPOCHS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 300)
COUNTS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1_000)
NO_CLASS, NO_CLASS_LABEL = -1, N_("none (default)")
KEYS = {  # widget and name in the address of each slider
    "learning_rate": "head_rate",
    "weight_decay": "head_decay",
    "epochs": "head_epochs",
    "classes": "head_classes",
    "images_per_class": "head_images",
    "missing_class": "head_missing",
}
LABELS = {
    "learning_rate": N_("Learning rate"),
    "weight_decay": N_("Weight decay"),
    "epochs": N_("Epochs"),
    "classes": N_("Classes"),
    "images_per_class": N_("Images per class"),
}
HELP = {
    "learning_rate": N_("How far each step goes. It rises at first, then falls to 0."),
    "weight_decay": N_("Pulls the weights towards 0, so that no feature counts too much."),
    "epochs": N_("How often it sees all training images."),
    "classes": N_("The first so many of the list."),
    "images_per_class": N_("Training images. The validation images stay the same."),
}


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings worth trying, and the words for them."""

    name: str
    icon: str
    values: Mapping[str, object]  # of the sliders that it moves


PRESETS = (
    Preset(N_("Learn too fast"), ":material/bolt:", {"learning_rate": 300.0}),
    Preset(N_("Learn too slowly"), ":material/hourglass_bottom:", {"learning_rate": 0.01}),
    Preset(N_("Hardly any images"), ":material/filter_1:", {"images_per_class": 1}),
    Preset(N_("One class missing"), ":material/disabled_by_default:", {"missing_class": 0}),
)


def list_values(images: HeadImages) -> dict[str, tuple]:
    """The values of each slider; None stands for all classes or images."""
    classes, most = len(images.class_names), int(images.train_counts.max())
    return {
        "learning_rate": RATES,
        "weight_decay": DECAYS,
        "epochs": EPOCHS,
        "classes": (*range(2, min(classes, 40)), None),
        "images_per_class": (*(count for count in COUNTS if count < most), None),
        "missing_class": (NO_CLASS, *range(classes)),
    }


def get_defaults() -> dict[str, object]:
    """What a run of case 1 takes."""
    settings = ("learning_rate", "weight_decay", "epochs")
    values: dict[str, object] = {name: getattr(HEAD_SETTINGS, name) for name in settings}
    return values | {"classes": None, "images_per_class": None, "missing_class": NO_CLASS}


def read_address(images: HeadImages) -> None:
    """Give the sliders the values of the address, where they have none yet."""
    values = list_values(images)
    for name, default in get_defaults().items():
        session.read_widget_from_url(KEYS[name], values[name], default)
        if st.session_state[KEYS[name]] not in values[name]:  # of another data set
            session.set_widgets(**{KEYS[name]: default})
    classes, missing = (st.session_state[KEYS[name]] for name in ("classes", "missing_class"))
    if classes and missing >= classes:
        session.set_widgets(**{KEYS["missing_class"]: NO_CLASS})


def write_address() -> None:
    """Write what differs from the default into the address."""
    for name, default in get_defaults().items():
        session.write_widget_to_url(KEYS[name], default)


def read_trial() -> HeadTrial:
    """The trial that the sliders describe."""
    from transfer_core.transferability import HeadTrial  # brings torch

    values = {name: st.session_state[key] for name, key in KEYS.items()}
    if values["missing_class"] == NO_CLASS:
        values["missing_class"] = None
    return HeadTrial(**values)


def set_trial(values: Mapping[str, object]) -> None:
    """Move the sliders; those that are not named go back to the default. From a callback."""
    moved = get_defaults() | dict(values)
    session.set_widgets(**{KEYS[name]: value for name, value in moved.items()})


def draw_sliders(images: HeadImages) -> None:
    """Draw a slider for each setting, with the default marked, and the class that is left out."""
    values, defaults = list_values(images), get_defaults()
    totals = {"classes": f"{len(images.class_names)}", "images_per_class": _("all")}

    def name_value(name: str, value: object) -> str:
        shown = totals[name] if value is None else _("{value:g}", value=value)
        return _("{value} (default)", value=shown) if value == defaults[name] else shown

    for name, label in LABELS.items():
        if len(values[name]) > 1:
            st.select_slider(
                _(label),
                values[name],
                key=KEYS[name],
                format_func=lambda value, name=name: name_value(name, value),
                help=_(HELP[name]),
            )
    st.selectbox(
        _("Class without images"),
        [NO_CLASS, *range(st.session_state[KEYS["classes"]] or len(images.class_names))],
        key=KEYS["missing_class"],
        format_func=lambda label: (
            _(NO_CLASS_LABEL) if label == NO_CLASS else images.class_names[label]
        ),
        help=_("Its training images are left out, its validation images stay."),
    )
