"""Learn: the layers and the four cases."""

from pathlib import Path

import streamlit as st

from pages.shared import caches
from pages.shared.layout import show_errors, show_figure, show_page_title
from transfer_core import networks
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.figures import (
    describe_fine_tuning_gains,
    describe_network,
    plot_fine_tuning_gains,
    plot_network,
)
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import Calibration, load_calibration

LESSONS = Path(__file__).parent / "lessons"
CASE_COLUMNS = {
    "top": "case 1 (%)",
    "cut": "case 2 (%)",
    "tuned": "case 3 (%)",
    "random": "case 4, random weights (%)",
}


def draw() -> None:
    """Draw the page."""
    show_page_title("Learn", "pages/learn.py")
    source = networks.get_network("demonstration")
    show_layers()
    show_cases(source)
    show_measurements(source)
    show_card(source)


def show_layers() -> None:
    """Explain the layers, with the filters of the first one."""
    st.header("What the layers see", anchor=False)
    st.markdown((LESSONS / "layers.md").read_text(encoding="utf-8"))
    with show_errors():
        filters = caches.load_first_filters()
    st.image(filters, width=44, alt=[f"Filter {n}" for n in range(1, len(filters) + 1)])
    st.caption(
        f"The {len(filters)} filters of Convolution 1 after pre-training, in their own colours."
    )


def show_cases(source: SourceNetwork) -> None:
    """Explain the four cases, with the network of the one that is chosen."""
    st.header("The four cases", anchor=False)
    st.markdown((LESSONS / "four_cases.md").read_text(encoding="utf-8"))
    case = st.segmented_control(
        "Draw the network for",
        list(TransferCase),
        default=TransferCase.SMALL_SIMILAR,
        required=True,
        format_func=lambda case: f"Case {case.value}",
        key="learn_case",
    )
    with show_errors():
        parts = caches.describe_layers(
            source.name, plan_strategy(case, source.stage_names, kind=source.kind), 10
        )
    show_figure(plot_network(parts), describe_network(parts), key="learn_network", caption=False)


def show_measurements(source: SourceNetwork) -> None:
    """Show on which image sets training everything won."""
    calibration = load_calibration(source)
    measured = calibration.measured
    st.header("Where is the line between small and large?", anchor=False)
    st.markdown(
        "Courses call fewer than 2,000 images small, and a million large. There Decide draws its "
        "line, and you may move it. From how many images does training everything really win? "
        "For this small network it was measured: every case was trained on many image sets. Each "
        "point is one of them, of one size: above the dashed line training everything won, on it "
        "one new layer did as well, in seconds." + describe_crossover(calibration)
    )
    show_figure(
        plot_fine_tuning_gains(measured), describe_fine_tuning_gains(measured), key="learn_gains"
    )
    with st.expander("All that was measured", icon=":material/table:"):
        st.dataframe([make_row(each) for each in measured], hide_index=True)


def describe_crossover(calibration: Calibration) -> str:
    """Say from how many images per class training everything won; "" if it was not measured."""
    images = calibration.crossover
    if images is None:
        return ""
    return (
        f" On most of them it began to win at about {images:,.0f} images per class: the second "
        "mark in Decide's diagram."
    )


def make_row(measurement) -> dict[str, object]:
    """A row of the table of measurements; accuracies in percent."""
    accuracies = {
        title: round(100 * getattr(measurement, case), 1) for case, title in CASE_COLUMNS.items()
    }
    return {
        "image set": measurement.name,
        "images": measurement.images,
        "distance (nats)": measurement.distance,
        **accuracies,
    }


def show_card(source: SourceNetwork) -> None:
    """Say what the demonstration network was trained on, and how well."""
    st.header("The demonstration network's card", anchor=False)
    card = source.card
    st.markdown(
        f"Trained on: {card.get('data', '')}. Top-1 accuracy "
        f"{card.get('validation_accuracy', 0):.1%} on {card.get('validation_images', 0):,} photos "
        f"it was not trained on ({len(card['classes'])} classes; guessing gives "
        f"{1 / max(1, len(card['classes'])):.1%})."
    )
    st.caption(card.get("licence", ""))


draw()
