"""The live object of a part: network, surgery, filters, samples, questions, measurements."""

import io
from collections.abc import Sequence

import numpy as np
import streamlit as st
from PIL import Image

from pages.parts.learn.chapter import Experiment
from pages.parts.learn.options import describe_option, plan_experiment
from pages.parts.start.live_sample import get_demonstration_network, plan_case
from pages.shared import caches
from pages.shared.layout import show_errors, show_figure
from pages.shared.network_drawing import make_drawing, show_network, show_small_network
from transfer_core.cases import TEXTBOOK_SMALL_IMAGES, Strategy, TransferCase, choose_case
from transfer_core.dataset import SAMPLES
from transfer_core.figures import (
    build_source_drawing,
    describe_fine_tuning_gains,
    plot_fine_tuning_gains,
)
from transfer_core.languages import N_, _
from transfer_core.transferability import BenchmarkResult, load_calibration

FILTER_PIXELS = 40  # side of a filter
FILTER_COLUMNS = 16
CROSSOVER_PIXELS = 300  # height of the figure; the text stays on the first screen
CELLS = {  # where the cases lie, and what to do in them, in few words
    TransferCase.SMALL_SIMILAR: N_("Keep all, new end"),
    TransferCase.SMALL_DIFFERENT: N_("Keep the early layers, new end"),
    TransferCase.LARGE_SIMILAR: N_("New end, train everything"),
    TransferCase.LARGE_DIFFERENT: N_("Train everything, from random or old weights"),
}
SHOWN_SAMPLES = {
    "plankton": N_("New species of plankton: the network has seen others like them"),
    "digits": N_("Handwriting: the network has seen none"),
}


def show_drawing(name: str, key: str) -> None:
    """Draw one of `chapter.DRAWINGS`."""
    if name.startswith("case "):
        show_surgery(plan_case(TransferCase(int(name.removeprefix("case ")))), key=key)
    else:
        draw = {
            "network": show_source_network,
            "filters": show_filters,
            "samples": show_samples,
            "questions": show_questions,
            "crossover": show_crossover,
        }
        draw[name](key)


def show_surgery(strategy: Strategy, *, key: str, sample: str | None = None) -> None:
    """Draw the network as a strategy changes it; the change is shown once."""
    by_case = {each.case: each.name for each in SAMPLES.values()}
    sample = sample or by_case[strategy.case.value]
    classes = [
        _("kind {number}", number=number) for number in range(1, SAMPLES[sample].classes + 1)
    ]
    with show_errors():
        drawing = make_drawing(get_demonstration_network(), strategy, classes)
    show_network(drawing, key=key, image=caches.render_sample_picture(sample), play=key)


def show_options(experiment: Experiment, key: str) -> None:
    """Draw the surgery of one option of an experiment, at first of the last one, which is new."""
    strategies = plan_experiment(experiment)
    place = len(strategies) - 1
    if len(strategies) > 1:
        place = st.segmented_control(
            _("Which network"),
            range(len(strategies)),
            default=place,
            required=True,
            format_func=lambda place: describe_option(strategies[place]),
            key=f"{key}_option",
            label_visibility="collapsed",
        )
    show_surgery(strategies[place], key=f"{key}_{place}", sample=experiment.sample)


def show_source_network(key: str) -> None:
    """Draw the network as it was learned, before any surgery."""
    source = get_demonstration_network()
    with show_errors():
        stages = caches.describe_layers(source.name, plan_case(TransferCase.SMALL_SIMILAR), 10)
    picture = caches.render_sample_picture("plankton")
    show_network(build_source_drawing(source, stages), key=key, image=picture)


def show_filters(key: str) -> None:
    """Draw the filters of the first layer, in their own colours."""
    with show_errors():
        filters = caches.load_first_filters()
    st.image(
        lay_out_tiles(filters),
        width="stretch",
        alt=_(
            "The {count} filters of Convolution 1: stripes and edges in many directions, and spots "
            "of colour",
            count=len(filters),
        ),
    )


def lay_out_tiles(tiles: list[np.ndarray]) -> bytes:
    """Put small images side by side, enlarged, with a gap between them; returns a PNG file."""
    step = FILTER_PIXELS + 4
    rows = -(-len(tiles) // FILTER_COLUMNS)
    sheet = Image.new("RGBA", (FILTER_COLUMNS * step - 4, rows * step - 4))
    for number, tile in enumerate(tiles):
        row, column = divmod(number, FILTER_COLUMNS)
        large = Image.fromarray(tile).resize((FILTER_PIXELS, FILTER_PIXELS), Image.NEAREST)
        sheet.paste(large, (column * step, row * step))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def show_samples(key: str) -> None:
    """Draw pictures that are like those the network knows, and others that are not."""
    for column, (name, words) in zip(st.columns(2), SHOWN_SAMPLES.items(), strict=True):
        picture = caches.render_sample_preview(name)
        column.image(picture, alt=_(words), caption=_(words), width="stretch")


def show_questions(key: str) -> None:
    """Draw the four cases; the answers to the two questions mark one of them."""
    how_many, how_alike = st.columns(2)
    options = {"key": f"{key}_size", "default": "small", "required": True}
    size = how_many.segmented_control(
        _("How many pictures?"),
        ["small", "large"],
        format_func={"small": _("few"), "large": _("many")}.get,
        **options,
    )
    similarity = how_alike.segmented_control(
        _("Like those it knows?"),
        ["similar", "different"],
        format_func={"similar": _("similar"), "different": _("different")}.get,
        key=f"{key}_similarity",
        default="similar",
        required=True,
    )
    chosen = choose_case(size, similarity)
    for column, case in zip(st.columns(4), TransferCase, strict=True):
        with column.container(border=case is chosen, height="stretch"):
            drawing = make_drawing(get_demonstration_network(), plan_case(case), ["a", "b", "c"])
            show_small_network(drawing, key=f"{key}_{case.value}")
            mark = " :material/check_circle:" if case is chosen else ""
            title = _("Case {case}", case=case.value)
            words = _(CELLS[case])
            st.markdown(f"**{title}**{mark}  \n{words}")


def show_crossover(key: str) -> None:
    """Draw on which small image sets training everything won, as it was measured."""
    calibration = load_calibration(get_demonstration_network())
    measured = [each for each in calibration.measured if each.images < TEXTBOOK_SMALL_IMAGES]
    figure = plot_fine_tuning_gains(measured).update_layout(
        height=CROSSOVER_PIXELS, margin={"t": 60}
    )
    show_figure(figure, describe_fine_tuning_gains(measured), key=key, caption=False)
    with st.popover(_("All measurements"), icon=":material/table:"):
        show_measurements(measured)


def show_measurements(measured: Sequence[BenchmarkResult]) -> None:
    """Draw the table behind the figure, the largest gain first."""
    rows = [
        {
            "name": each.name,
            "pictures": each.images,
            "frozen": each.tuned - each.fine_tuning_gain,
            "tuned": each.tuned,
            "gain": 100 * each.fine_tuning_gain,
        }
        for each in sorted(measured, key=lambda each: -each.fine_tuning_gain)
    ]
    number = st.column_config.NumberColumn
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "name": _("Image set"),
            "pictures": _("Pictures"),
            "frozen": number(_("Best new layer"), format="percent"),
            "tuned": number(_("All layers trained"), format="percent"),
            "gain": number(_("Points won"), format="%+.1f"),
        },
    )
    st.caption(_("Accuracy on test images, mean over repeated trainings."))
