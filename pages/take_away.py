"""Take away: the trained network and its story as files, and bundles brought in again."""

import tempfile
from datetime import datetime
from pathlib import Path

import streamlit as st

from pages.shared import caches, session
from pages.shared.downloads import show_download_link
from pages.shared.layout import (
    empty_on_exit,
    escape_markdown,
    show_errors,
    show_page_title,
    show_progress,
)
from transfer_core.runs.store.records import RunRecord
from transfer_core.system.home import home

FORMATS = {
    "onnx": (
        "memory",
        "ONNX",
        "To use the network in other programs and languages, on phones and in browsers.",
        "`network.onnx` with the normalisation in it, its card, the class names, and "
        "`predict.py`, which classifies photos with onnxruntime.",
    ),
    "script": (
        "code",
        "script and notebook",
        "To read, change and repeat exactly this run with plain torch and torchvision.",
        "`train.py`, the same as `train.ipynb`, the list of your images with their splits, and "
        "the weights that it begins with.",
    ),
    "bundle": (
        "inventory_2",
        "bundle",
        "To keep, to share, and to bring in again, here or in another Transfer Lab.",
        "The weights as safetensors, a card (data, case, settings, result, versions, licence), "
        "the class names, and `predict.py` for torch.",
    ),
    "report": (
        "description",
        "report",
        "To hand in or to print: the whole run as one HTML file that opens without a network.",
        "Data, decision and its evidence, settings, curves, result, history and versions, with "
        "all figures.",
    ),
}


def show_format_card(record: RunRecord, key: str):
    """The card of a format: what it is for, what is in it, and the way to it.

    Returns:
        The card and the kind of file that is to be prepared; None if nothing is.
    """
    from transfer_core.export import find_download  # brings torch

    icon, name, purpose, content = FORMATS[key]
    card = st.container(border=True, height="stretch")
    with card:
        st.subheader(f":material/{icon}: {name[:1].upper()}{name[1:]}", anchor=False)
        st.markdown(f"{purpose}  \n:small[{content}]")
        kind = f"script{_choose_script_suffix()}" if key == "script" else key
        file = find_download(home(), record.id, kind)
        with st.container(horizontal=True):
            if file:
                show_download_link(record.id, kind, file)
            again, icon = (" again", "refresh") if file else ("", "build")
            asked = st.button(
                f"Prepare {name}{again}", icon=f":material/{icon}:", key=f"take_away_{key}"
            )
        if file:
            when = datetime.fromtimestamp(file.stat().st_mtime)
            st.caption(f"Prepared on {when:%d %b at %H:%M}.")
            if key == "onnx":
                _show_onnx_check(file)
    return (card, kind) if asked else None


def _choose_script_suffix() -> str:
    wanted = st.checkbox(
        "With the images, so that it runs as it is",
        key="take_away_images",
        help="Without them, the script takes the zip of images that you have.",
    )
    return "-with-images" if wanted else ""


def _prepare(record: RunRecord, kind: str) -> None:
    from transfer_core.export import prepare_download

    cancel = st.empty()
    cancel.button("Cancel", key="take_away_cancel")  # a click ends this run of the page
    with show_errors(), show_progress() as report, empty_on_exit(cancel):
        prepare_download(home(), record.id, kind, report)
    st.rerun()


def _show_onnx_check(file: Path) -> None:
    from transfer_core.export import read_onnx_check

    check = read_onnx_check(file)
    st.markdown(
        f"Asked about {check.images:,} of your test images, onnxruntime and the network trained "
        f"here differ by at most **{check.largest_difference:.1e}** in a probability, by "
        f"{check.mean_difference:.1e} on average, and name the same class for "
        f"**{check.same_class:,} of {check.images:,}**."
    )
    st.caption(f"A file that differs by more than {check.tolerance:g} is not handed out.")


def upload_bundle(expanded: bool) -> None:
    """Take an uploaded bundle in, and go to its result."""
    with st.expander("Bring a bundle in", icon=":material/upload:", expanded=expanded):
        upload = st.file_uploader(
            "A bundle from Transfer Lab, as it was downloaded",
            type="zip",
            key=f"take_away_upload_{session.workspace().upload_count}",
            help="It becomes a finished run. Nothing in it can run a program here.",
        )
        if upload is None:
            return
        from transfer_core.export.bundle import import_bundle

        with show_errors(), tempfile.NamedTemporaryFile(suffix=".zip") as file:
            file.write(upload.getbuffer())
            file.flush()
            record = import_bundle(home(), Path(file.name))
        session.change(upload_count=session.workspace().upload_count + 1, run_id=record.id)
        st.switch_page("pages/results.py", query_params={"run": record.id})


show_page_title("Take away", "pages/take_away.py")
run_id = session.get_current_id("run")
if not run_id:
    st.info("Train something first, choose a run, or bring a bundle in.", icon=":material/info:")
    st.page_link("pages/runs.py", label="See runs", icon=":material/arrow_forward:")
    upload_bundle(expanded=True)
    st.stop()
with show_errors():
    record = caches.engine().get(run_id)
st.subheader(escape_markdown(record.name), anchor=False)
if record.result is None:
    st.info("This run has no result yet, so there is nothing to take away.", icon=":material/info:")
    st.page_link(
        "pages/train.py",
        label="Watch the run",
        icon=":material/show_chart:",
        query_params={"run": run_id},
    )
    upload_bundle(expanded=False)
    st.stop()
origin = " It was trained elsewhere and came in a bundle." if record.is_imported else ""
st.markdown(escape_markdown(record.result.sentence) + origin)
asked = None
for column, name in zip([*st.columns(2), *st.columns(2)], FORMATS, strict=True):
    with column:
        asked = show_format_card(record, name) or asked
with st.expander("The same on the command line", icon=":material/terminal:"):
    st.code(
        f"python -m transfer_core export {record.id} --format onnx --to FOLDER\n"
        "python -m transfer_core load BUNDLE.zip",
        language="bash",
    )
upload_bundle(expanded=False)
if asked:  # last, so that whatever comes of it, all else is on the page
    card, kind = asked
    with card:
        _prepare(record, kind)
