"""A card for each format in which a run can be taken away."""

from datetime import datetime
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shared.downloads import show_download_link
from pages.shared.layout import show_errors
from pages.shared.progress import empty_on_exit, show_progress
from transfer_core.languages import N_, _
from transfer_core.runs import RunRecord
from transfer_core.system import get_home

FORMATS = {
    "page": (
        "smartphone",
        N_("offline page"),
        N_("To give away: anyone opens it on a phone or a computer and shows it pictures."),
        N_(
            "One HTML file with the network, the camera and a card in simple words. It works "
            "without internet and sends nothing. For the demonstration network and "
            "EfficientNet-Lite."
        ),
    ),
    "onnx": (
        "memory",
        "ONNX",
        N_("To use the network in other programs and languages, on phones and in browsers."),
        N_(
            "`network.onnx`, which scales the colours itself (normalisation), its card, the class "
            "names, and `predict.py`, which classifies photos with onnxruntime."
        ),
    ),
    "script": (
        "code",
        N_("script and notebook"),
        N_("To read, change and repeat exactly this run with plain torch and torchvision."),
        N_(
            "`train.py`, the same as `train.ipynb`, the list of your images with their splits, and "
            "the weights that it begins with."
        ),
    ),
    "bundle": (
        "inventory_2",
        N_("bundle"),
        N_("To keep, to share, and to bring in again, here or in another Transfer Lab."),
        N_(
            "The weights in a file that cannot run programs (safetensors), a card (data, case, "
            "settings, result, versions, licence), "
            "the class names, and `predict.py` for torch."
        ),
    ),
    "report": (
        "description",
        N_("report"),
        N_("To hand in or to print: the whole run as one HTML file that opens without internet."),
        N_(
            "Data, decision and its evidence, settings, curves, result, history and versions, with "
            "all figures."
        ),
    ),
}


def show_format_cards(record: RunRecord) -> tuple[DeltaGenerator, str] | None:
    """Draw the cards; returns the card whose button was clicked, and the format to prepare."""
    clicked = None
    columns = (column for __ in range(0, len(FORMATS), 2) for column in st.columns(2))
    for column, name in zip(columns, FORMATS, strict=False):
        with column:
            clicked = _show_card(record, name) or clicked
    return clicked


def _show_card(record: RunRecord, key: str) -> tuple[DeltaGenerator, str] | None:
    from transfer_core.export import find_download  # brings torch

    icon, *words = FORMATS[key]
    name, purpose, content = map(_, words)
    card = st.container(border=True, height="stretch")
    with card:
        st.subheader(f":material/{icon}: {name[:1].upper()}{name[1:]}", anchor=False)
        st.markdown(f"{purpose}  \n:small[{content}]")
        kind = f"script{_choose_script_suffix()}" if key == "script" else key
        file = find_download(get_home(), record.id, kind)
        with st.container(horizontal=True):
            if file:
                show_download_link(record.id, kind, file)
            label, icon = (
                (N_("Prepare {format} again"), "refresh")
                if file
                else (N_("Prepare {format}"), "build")
            )
            clicked = st.button(
                _(label, format=name), icon=f":material/{icon}:", key=f"take_away_{key}"
            )
        if file:
            when = datetime.fromtimestamp(file.stat().st_mtime)
            st.caption(_("Prepared on {when:%Y-%m-%d at %H:%M}.", when=when))
            if key == "onnx":
                _show_onnx_check(file)
    return (card, kind) if clicked else None


def _choose_script_suffix() -> str:
    wanted = st.checkbox(
        _("With the images, so that it runs as it is"),
        key="take_away_images",
        help=_("Without them, the script takes the zip of images that you have."),
    )
    return "-with-images" if wanted else ""


def prepare(record: RunRecord, kind: str) -> None:
    """Prepare a format; a click on Cancel ends this run of the page."""
    from transfer_core.export import prepare_download

    cancel = st.empty()
    cancel.button(_("Cancel"), key="take_away_cancel")  # a click ends this run of the page
    with show_errors(), show_progress() as report, empty_on_exit(cancel):
        report(N_("Preparing the file"), 0, 1)
        prepare_download(get_home(), record.id, kind, report)
    st.rerun()


def _show_onnx_check(file: Path) -> None:
    from transfer_core.export import read_onnx_check

    check = read_onnx_check(file)
    st.markdown(
        _(
            "Asked about {images:,} of your test images, onnxruntime and the network trained here "
            "differ by at most **{largest:.1e}** in a probability, by {mean:.1e} on average, and "
            "name the same class for **{same:,} of {images:,}**.",
            images=check.images,
            largest=check.largest_difference,
            mean=check.mean_difference,
            same=check.same_class,
        )
    )
    st.caption(
        _("A file that differs by more than {limit:g} is not handed out.", limit=check.tolerance)
    )
