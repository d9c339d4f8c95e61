"""Take away: export a trained network and its run as files, and import bundles."""

import shutil
import sys
from pathlib import Path

import streamlit as st

from pages.parts.take_away.format_cards import prepare, show_format_cards
from pages.shared import session
from pages.shared.bundle_upload import upload_bundle
from pages.shared.layout import escape_markdown, show_errors, show_page_title
from pages.shared.result_words import describe_result
from pages.shared.sharing import require_own_run
from transfer_core.languages import _
from transfer_core.runs import RunRecord


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Take away"), "pages/take_away.py")
    run_id = session.get_current_id("run")
    if not run_id:
        words = _("Train something first, choose a run, or bring a bundle in.")
        st.info(words, icon=":material/info:")
        st.page_link("pages/runs.py", label=_("See runs"), icon=":material/arrow_forward:")
        upload_bundle("pages/results.py", expanded=True)
        return
    with show_errors():
        record = session.find_run(run_id)
    require_own_run(record)
    st.subheader(escape_markdown(record.name), anchor=False)
    if record.result is None:
        show_missing_result(record)
    else:
        show_formats(record)


def show_missing_result(record: RunRecord) -> None:
    """Say that there is nothing to take away, and link to the run."""
    st.info(
        _("This run has no result yet, so there is nothing to take away."), icon=":material/info:"
    )
    st.page_link(
        "pages/train.py",
        label=_("Watch the run"),
        icon=":material/show_chart:",
        query_params={"run": record.id},
    )
    upload_bundle("pages/results.py", expanded=False)


def name_command() -> str:
    """What runs the command line here: a checkout has it as a module only."""
    python = Path(sys.executable)
    if shutil.which("transfer-lab", path=python.parent):
        return "transfer-lab"
    program = python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else "python"
    return f"{program} -m transfer_core"


def show_formats(record: RunRecord) -> None:
    """Draw the result in words, the formats, and the command that does the same."""
    words = escape_markdown(describe_result(record))
    if record.is_imported:
        words += " " + _("It was trained elsewhere and came in a bundle.")
    st.markdown(words)
    clicked = show_format_cards(record)
    with st.expander(_("The same on the command line"), icon=":material/terminal:"):
        command = name_command()
        st.code(
            f"{command} predict {record.id} PHOTO.jpg\n"
            f"{command} export {record.id} --format onnx --to FOLDER\n"
            f"{command} load BUNDLE.zip",
            language="bash",
        )
    upload_bundle("pages/results.py", expanded=False)
    if clicked:  # last, so that everything else is on the page meanwhile
        card, kind = clicked
        with card:
            prepare(record, kind)


draw()
