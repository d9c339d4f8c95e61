"""The ways to bring images in: an upload, an earlier data set, or a built-in sample."""

from contextlib import nullcontext
from pathlib import Path

import streamlit as st

from pages.parts.data.deletion import offer_deletion
from pages.parts.data.sample_cards import show_sample_cards
from pages.server.uploads import Upload
from pages.shared import session
from pages.shared.file_upload import forget_afterwards, forget_file, receive_file
from pages.shared.layout import show_errors
from pages.shared.progress import empty_on_exit, show_progress
from transfer_core import dataset
from transfer_core.dataset import samples
from transfer_core.images import read_limits
from transfer_core.languages import _
from transfer_core.system import get_home
from transfer_core.workspaces import check_space

UPLOAD_KEY = "data_upload"
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


def offer_ways_in(sample: str | None) -> None:
    """Draw the ways in; whatever is chosen is read and becomes the session's data set.

    Args:
        sample: Name of a sample that the address asks for.
    """
    place = st.container()  # for the progress and the errors of an upload
    left, right = st.columns(2, gap="large")
    with left:
        upload = _upload_zip()
        offered = _choose_offered_folder()
        _open_earlier_data_set()
    with right:
        sample = show_sample_cards() or sample
    with place:
        if upload is not None:
            _ingest_and_open(upload.path, Path(upload.name).stem, UPLOAD_KEY)
        if offered:
            with show_errors():
                path = dataset.find_offered(offered)
            _ingest_and_open(path, Path(path).stem)
        if sample:
            with show_errors(), show_progress() as report:
                path = samples.resolve_path(f"sample:{sample}", get_home(), progress=report)
            _ingest_and_open(path, samples.SAMPLES[sample].title)


def _upload_zip() -> Upload | None:
    upload = receive_file(_("A zip with one folder per class"), key=UPLOAD_KEY, ending=".zip")
    limits = read_limits()
    st.caption(
        _(
            "An image may have {megabytes:,} MB and {pixels:,.0f} million pixels.",
            megabytes=limits.megabytes,
            pixels=limits.pixels / 1e6,
        )
    )
    with st.expander(_("How its folders may look"), icon=":material/folder_zip:"):
        st.caption(
            _("Either layout is understood; in the second, val and test may be missing:"),
            help=_("JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF; wrapper folders do not matter."),
        )
        plain, split = st.columns(2)
        plain.code(PLAIN_LAYOUT, language=None)
        split.code(SPLIT_LAYOUT, language=None)
    return upload


def _open_earlier_data_set() -> None:
    known = {each.id: each for each in session.get_belongings().list_data_sets()}
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
    with st.container(horizontal=True):
        is_asked = st.button(
            _("Open it"),
            key="data_open",
            disabled=chosen is None,
            help=_("Choose an earlier data set first.") if chosen is None else None,
        )
        name = known[chosen].name if chosen else ""
        offer_deletion(chosen, name, key="data_delete_earlier")
    if is_asked:
        session.open_data_set(chosen)
        st.rerun()


def _choose_offered_folder() -> str | None:
    """Draw what the administrator offers, if anything; returns the name of what was opened."""
    offered = list(dataset.list_offered())
    if not offered:
        return None
    chosen = st.selectbox(
        _("On this server"),
        offered,
        index=None,
        key="data_offered",
        placeholder=_("Choose one"),
    )
    is_asked = st.button(
        _("Read it"),
        key="data_read_offered",
        disabled=chosen is None,
        help=_("Choose a folder first.") if chosen is None else None,
    )
    return chosen if is_asked else None


def _ingest_and_open(path: Path | str, name: str, upload_key: str | None = None) -> None:
    """Read an archive into the store and make it this session's data set.

    Args:
        path: The archive, or the address of shards.
        name: For people.
        upload_key: Of the uploader that has brought it, if one has.
    """
    cancel = st.empty()
    given = {"on_click": forget_file, "args": (upload_key,)} if upload_key else {}
    cancel.button(_("Cancel"), key="data_cancel", **given)  # a click ends this run of the page
    done = forget_afterwards(upload_key) if upload_key else nullcontext()
    with show_errors(), show_progress() as report, empty_on_exit(cancel), done:
        check_space(session.get_belongings())
        data = dataset.ingest(path, home=get_home(), name=name, progress=report)
        session.take_in(data.id)
    session.open_data_set(data.id)
    st.rerun()
