"""Data: bring images in, and be told what was read."""

import tempfile
from pathlib import Path

import streamlit as st

from pages.parts.data.sample_cards import show_sample_cards
from pages.shared import caches, session
from pages.shared.layout import (
    empty_on_exit,
    escape_markdown,
    offer_next_page,
    show_errors,
    show_figure,
    show_page_title,
    show_progress,
)
from transfer_core import dataset
from transfer_core.dataset import samples
from transfer_core.figures.classes import describe_class_counts, plot_class_counts
from transfer_core.system.home import home

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
MAX_CLASSES_SHOWN = 6  # classes of which images are shown


def ingest_and_open(path: Path, name: str | None = None) -> None:
    """Ingest an archive and make it this session's data set."""
    cancel = st.empty()
    cancel.button("Cancel", key="data_cancel")  # a click ends this run of the page
    with show_errors(), show_progress() as report, empty_on_exit(cancel):
        found = dataset.ingest(path, home=home(), name=name, progress=report)
    session.change(data_id=found.id, upload_count=session.workspace().upload_count + 1)
    st.query_params.clear()
    st.query_params["data"] = found.id
    st.rerun()


show_page_title("Data", "pages/data.py")
sample = st.query_params.get("sample")
given = None if sample else session.get_current_id("data")
with st.expander("Bring images in", expanded=given is None):
    ours, earlier = st.columns([3, 1])
    upload = ours.file_uploader(
        "A zip with one folder per class",
        type="zip",
        key=f"data_upload_{session.workspace().upload_count}",
        help="JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF; wrapper folders do not matter.",
    )
    ours.caption("Either layout is understood; in the second, val and test may be missing:")
    plain, split = ours.columns(2)
    plain.code(PLAIN_LAYOUT, language=None)
    split.code(SPLIT_LAYOUT, language=None)
    known = {summary.id: summary for summary in dataset.list_data_sets(home())}
    if known:
        again = earlier.selectbox(
            "An earlier data set",
            list(known),
            index=None,
            key="data_earlier",
            format_func=lambda i: f"{known[i].name} ({known[i].images:,} images)",
            placeholder="Choose one",
        )
        if earlier.button(
            "Open it",
            key="data_open",
            disabled=again is None,
            help="Choose an earlier data set first." if again is None else None,
        ):
            session.change(data_id=again)
            st.query_params["data"] = again
            st.rerun()
    else:
        earlier.caption("What you bring in can be opened here again later.")
    news = st.container()  # what comes of an upload is told right below it
    sample = show_sample_cards() or sample
if upload is not None:
    with news, tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(upload.getbuffer())
        file.flush()
        ingest_and_open(Path(file.name), Path(upload.name).stem)
if sample:
    with show_errors(), show_progress() as report:
        path = samples.resolve_path(f"sample:{sample}", home(), progress=report)
    ingest_and_open(path, samples.SAMPLES[sample].title)

if given is None:
    st.info("Upload a zip, or use a sample, to begin.", icon=":material/info:")
    st.stop()
with show_errors():
    data = caches.load_data_set(given)
st.header(escape_markdown(data.name), anchor=False)
reading = data.import_summary
st.success(f"What I read: {escape_markdown(reading.sentence())}.", icon=":material/task_alt:")
figures = st.columns(4)
figures[0].metric("Images", f"{len(data.records):,}")
for column, split in zip(figures[1:], dataset.SPLITS, strict=True):
    column.metric(split.capitalize(), f"{len(data.indices(split)):,}")
offer_next_page("Go on: decide how to transfer", "pages/decide.py", data=data.id)
st.page_link(
    "pages/repair.py",
    label="Find near-duplicates, relabel or set aside images",
    icon=":material/healing:",
    query_params={"data": data.id},
)
for problem in data.problems:
    if problem.kind in {"leak", "conflict", "unbalanced"}:
        st.warning(
            f"{escape_markdown(problem.path)}: {escape_markdown(problem.message)}",
            icon=":material/warning:",
        )

left, right = st.columns([3, 2])
with left:
    show_figure(plot_class_counts(data), describe_class_counts(data), key="data_classes")
with right:
    st.markdown("**The tree as I read it**")
    tree = reading.draw_tree()
    st.code(tree, language=None, height=300 if tree.count("\n") > 9 else "content")
st.subheader("A look at the images", anchor=False)
for label, name in enumerate(data.classes[:MAX_CLASSES_SHOWN]):
    with show_errors():
        st.image(
            caches.render_contact_sheet(data.id, label),
            caption=escape_markdown(f"{name}: {data.counts()[label]:,} images"),
            alt=f"First images of the class {name}",
            width="content",
        )
if len(data.classes) > MAX_CLASSES_SHOWN:
    st.caption(f"The first {MAX_CLASSES_SHOWN} of {len(data.classes)} classes.")
st.subheader("Everything set aside or noticed", anchor=False)
if data.problems:
    st.dataframe(
        [{"kind": p.kind, "file": p.path, "what": p.message} for p in data.problems],
        hide_index=True,
        width="stretch",
    )
    st.download_button(
        "Download as CSV",
        dataset.export_problems_csv(data),
        file_name="problems.csv",
        mime="text/csv",
        icon=":material/download:",
        key="data_csv",
    )
else:
    st.caption("Nothing: every file was used.")
