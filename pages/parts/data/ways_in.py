"""The ways to bring images in: an upload, an earlier data set, or a built-in sample."""

import tempfile
from pathlib import Path

import streamlit as st

from pages.parts.data.sample_cards import show_sample_cards
from pages.shared import session
from pages.shared.layout import show_errors
from pages.shared.progress import empty_on_exit, show_progress
from transfer_core import dataset
from transfer_core.dataset import samples
from transfer_core.images import read_limits
from transfer_core.languages import _
from transfer_core.system import get_home

PLAIN_LAYOUT = """\
my_photos.zip
├── ants
│   ├── one.jpg
│   └── two.png
└── bees
    └── ..."""
SPLIT_LAYOUT = """\
my_photos.zip
├── train
│   ├── ants ...
│   └── bees ...
├── val   ...
└── test  ..."""


def offer_ways_in(sample: str | None, expanded: bool) -> None:
    """Draw the ways in; whatever is chosen is read and becomes the session's data set.

    Args:
        sample: Name of a sample that the address asks for.
        expanded: Whether the ways in are unfolded.
    """
    with st.expander(_("Bring images in"), expanded=expanded):
        left, right = st.columns([3, 1])
        with left:
            upload = _upload_zip()
        with right:
            _open_earlier_data_set()
        place = st.container()  # for the progress and the errors of an upload
        sample = show_sample_cards() or sample
    if upload is not None:
        with place, tempfile.NamedTemporaryFile(suffix=".zip") as file:
            file.write(upload.getbuffer())
            file.flush()
            _ingest_and_open(Path(file.name), Path(upload.name).stem)
    if sample:
        with show_errors(), show_progress() as report:
            path = samples.resolve_path(f"sample:{sample}", get_home(), progress=report)
        _ingest_and_open(path, samples.SAMPLES[sample].title)


def _upload_zip():
    upload = st.file_uploader(
        _("A zip with one folder per class"),
        type="zip",
        key=f"data_upload_{session.get_workspace().upload_count}",
        help=_("JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF; wrapper folders do not matter."),
    )
    limits = read_limits()
    st.caption(
        _(
            "An image may have {megabytes:,} MB and {pixels:,.0f} million pixels.",
            megabytes=limits.megabytes,
            pixels=limits.pixels / 1e6,
        )
    )
    st.caption(_("Either layout is understood; in the second, val and test may be missing:"))
    plain, split = st.columns(2)
    plain.code(PLAIN_LAYOUT, language=None)
    split.code(SPLIT_LAYOUT, language=None)
    return upload


def _open_earlier_data_set() -> None:
    known = {summary.id: summary for summary in dataset.list_data_sets(get_home())}
    if not known:
        st.caption(_("What you bring in can be opened here again later."))
        return
    chosen = st.selectbox(
        _("An earlier data set"),
        list(known),
        index=None,
        key="data_earlier",
        format_func=lambda i: _(
            "{name} ({images:,} images)", name=known[i].name, images=known[i].images
        ),
        placeholder=_("Choose one"),
    )
    if st.button(
        _("Open it"),
        key="data_open",
        disabled=chosen is None,
        help=_("Choose an earlier data set first.") if chosen is None else None,
    ):
        session.open_data_set(chosen)
        st.rerun()


def _ingest_and_open(path: Path, name: str) -> None:
    """Read an archive into the store and make it this session's data set."""
    cancel = st.empty()
    cancel.button(_("Cancel"), key="data_cancel")  # a click ends this run of the page
    with show_errors(), show_progress() as report, empty_on_exit(cancel):
        data = dataset.ingest(path, home=get_home(), name=name, progress=report)
    session.open_data_set(data.id, upload_count=session.get_workspace().upload_count + 1)
    st.rerun()
