"""Results: what the trained network is worth, on images that nothing has learned from."""

from dataclasses import asdict

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_errors, show_page_title, stop_unless
from pages.shared.live_run import STATE_LABELS, describe_fall_back
from pages.shared.results_embedding import show_embedding
from pages.shared.results_images import VIEW_KEY, show_images
from pages.shared.results_maps import show_maps
from pages.shared.results_scores import show_scores
from pages.shared.results_training import show_calibration, show_training

VIEWS = {
    "scores": "Scores",
    "training": "Training",
    "images": "Mistakes",
    "confidence": "Confidence",
    "maps": "What it looks at",
    "embedding": "Embedding map",
    "settings": "Settings",
}

show_page_title("Results", "pages/results.py")
run_id = session.get_current_id("run")
stop_unless(run_id, "Train something first, or choose a run.", "pages/runs.py", "See runs")
with show_errors():
    record = caches.engine().get(run_id)
st.subheader(escape_markdown(record.name), anchor=False)
if record.result is None:
    icon, words = STATE_LABELS[record.state]
    st.info(f"This run has no result: {words.lower()}.", icon=icon)
    st.page_link(
        "pages/train.py",
        label="Watch the run",
        icon=":material/show_chart:",
        query_params={"run": run_id},
    )
    st.stop()
result = record.result
figures = st.columns(4)
figures[0].metric("Test accuracy", f"{result.accuracy:.1%}")
figures[1].metric(
    "95 % interval",
    f"{result.low:.0%} – {result.high:.0%}",
    help="Where the accuracy on very many images of this kind would lie, by Wilson's method.",
)
figures[2].metric(
    "Always the largest class",
    f"{result.majority_accuracy:.1%}",
    help="What guessing the largest training class every time would reach.",
)
figures[3].metric(
    "Macro F1",
    f"{result.macro_f1:.2f}",
    help="Between 0 and 1. A class has a high F1 if most of its images are found and few others "
    "are taken for it; this is the mean over the classes.",
)
st.markdown(escape_markdown(result.sentence))
if fell_back := describe_fall_back(record):
    st.info(fell_back, icon=":material/undo:")
for warning in caches.describe_repairs(record.config.data_id):
    st.warning(warning, icon=":material/healing:")
validation = result.validation_accuracy
if validation is not None:
    st.caption(
        f"Validation accuracy of the same weights: {validation:.1%}. Validation images chose the "
        f"best epoch; the {result.images:,} test images were used once, after training."
    )
views = list(VIEWS)
if record.is_imported:
    views = ["scores", "settings"]
    st.caption("It came in a bundle: its images and the log of its training stayed where it was.")
session.read_widget_from_url(VIEW_KEY, views, "scores")
view = st.segmented_control(
    "What to see", views, required=True, format_func=VIEWS.get, key=VIEW_KEY
)
session.write_widget_to_url(VIEW_KEY)
if view in {"images", "confidence", "maps", "embedding"}:
    with show_errors():
        answers = caches.load_test_predictions(run_id)
        data = caches.load_data_set(record.config.data_id)
match view:
    case "scores":
        show_scores(record)
    case "training":
        show_training(record)
    case "images":
        show_images(data, answers)
    case "confidence":
        show_calibration(answers)
    case "maps":
        show_maps(data, answers, run_id)
    case "embedding":
        show_embedding(data, answers, run_id)
    case "settings":
        with show_errors():
            strategy, source = record.config.strategy, record.config.source()
        st.markdown(
            f"{strategy.case.title}; kept through {source.format_titles((strategy.keep_through,))}, "
            f"{strategy.initialise} weights, frozen: {source.format_titles(strategy.frozen)}; "
            f"{source.input_size} pixels a side; seed {record.config.seed}."
        )
        st.caption("Every setting, enough to repeat the run:")
        st.json(asdict(record.config))
with st.container(horizontal=True):
    for page, label, icon in (
        ("repair", "Repair the data", "healing"),
        ("try_it", "Try it", "camera"),
        ("take_away", "Take it away", "download"),
        ("train", "Watch the training again", "show_chart"),
        ("decide", "Try another case", "alt_route"),
    ):
        st.page_link(
            f"pages/{page}.py",
            label=label,
            icon=f":material/{icon}:",
            query_params={"run": run_id, "data": record.config.data_id},
        )
