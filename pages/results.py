"""Results: what the trained network is worth, on images that nothing has learned from."""

from dataclasses import asdict

import streamlit as st

from pages.parts.results.attribution import show_maps
from pages.parts.results.embedding_map import show_embedding
from pages.parts.results.scores import show_scores
from pages.parts.results.test_images import VIEW_KEY, show_images
from pages.parts.results.training import show_calibration, show_training
from pages.shared import caches, session
from pages.shared.case_one import show_if_below_case_one, show_if_head_was_kept
from pages.shared.layout import escape_markdown, show_errors, show_page_title, stop_unless
from pages.shared.run_states import STATE_LABELS
from transfer_core.runs.store.records import RunRecord
from transfer_core.training.result import TestResult

VIEWS = {
    "scores": "Scores",
    "training": "Training",
    "images": "Mistakes",
    "confidence": "Confidence",
    "maps": "What it looks at",
    "embedding": "Embedding map",
    "settings": "Settings",
}
IMPORTED_VIEWS = ("scores", "settings")  # of a run that came without its images and its log
LINKS = (
    ("repair", "Repair the data", "healing"),
    ("try_it", "Try it", "camera"),
    ("take_away", "Take it away", "download"),
    ("train", "Watch the training again", "show_chart"),
    ("decide", "Try another case", "alt_route"),
)


def draw() -> None:
    """Draw the page."""
    show_page_title("Results", "pages/results.py")
    run_id = session.get_current_id("run")
    stop_unless(run_id, "Train something first, or choose a run.", "pages/runs.py", "See runs")
    with show_errors():
        record = caches.engine().get(run_id)
    st.subheader(escape_markdown(record.name), anchor=False)
    if record.result is None:
        show_missing_result(record)
        return
    show_summary(record, record.result)
    show_view(record, choose_view(record))
    show_links(record)


def show_missing_result(record: RunRecord) -> None:
    """Say that the run has no result, and link to the run."""
    icon, words = STATE_LABELS[record.state]
    st.info(f"This run has no result: {words.lower()}.", icon=icon)
    st.page_link(
        "pages/train.py",
        label="Watch the run",
        icon=":material/show_chart:",
        query_params={"run": record.id},
    )


def show_summary(record: RunRecord, result: TestResult) -> None:
    """Draw the four numbers, the result in words, and what must be known beside it."""
    show_metrics(result)
    st.markdown(escape_markdown(result.sentence))
    show_if_head_was_kept(record)
    show_if_below_case_one(record)
    for warning in caches.describe_repairs(record.config.data_id):
        st.warning(warning, icon=":material/healing:")
    if result.validation_accuracy is not None:
        st.caption(
            f"Validation accuracy of the same weights: {result.validation_accuracy:.1%}. "
            f"Validation images chose the best epoch; the {result.images:,} test images were "
            "used once, after training."
        )


def show_metrics(result: TestResult) -> None:
    """Draw accuracy, its interval, the simplest guess and the macro F1 score."""
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
        help="Between 0 and 1. A class has a high F1 if most of its images are found and few "
        "others are taken for it; this is the mean over the classes.",
    )


def choose_view(record: RunRecord) -> str:
    """Let a view be chosen; the address keeps it."""
    views = list(VIEWS)
    if record.is_imported:
        views = list(IMPORTED_VIEWS)
        st.caption("It came in a bundle, without its images and the log of its training.")
    session.read_widget_from_url(VIEW_KEY, views, "scores")
    view = st.segmented_control(
        "What to see", views, required=True, format_func=VIEWS.get, key=VIEW_KEY
    )
    session.write_widget_to_url(VIEW_KEY)
    return view


def show_view(record: RunRecord, view: str) -> None:
    """Draw the chosen view."""
    if view in {"images", "confidence", "maps", "embedding"}:
        with show_errors():
            answers = caches.load_test_predictions(record.id)
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
            show_maps(data, answers, record.id)
        case "embedding":
            show_embedding(data, answers, record.id)
        case "settings":
            show_settings(record)


def show_settings(record: RunRecord) -> None:
    """Draw every setting of the run."""
    with show_errors():
        strategy, source = record.config.strategy, record.config.source()
    st.markdown(
        f"{strategy.case.title}; kept through {source.format_titles((strategy.keep_through,))}, "
        f"{strategy.initialise} weights, frozen: {source.format_titles(strategy.frozen)}; "
        f"{source.input_size} pixels a side; seed {record.config.seed}."
    )
    st.caption("Every setting, enough to repeat the run:")
    st.json(asdict(record.config))


def show_links(record: RunRecord) -> None:
    """Link to the pages that go on from a result."""
    query = {"run": record.id, "data": record.config.data_id}
    with st.container(horizontal=True):
        for page, label, icon in LINKS:
            st.page_link(
                f"pages/{page}.py", label=label, icon=f":material/{icon}:", query_params=query
            )


draw()
