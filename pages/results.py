"""Results: what the trained network is worth, on images that nothing has learned from."""

from dataclasses import asdict

import streamlit as st

from pages.parts.results.attribution import show_maps
from pages.parts.results.embedding_map import show_embedding
from pages.parts.results.scores import show_scores
from pages.parts.results.summary import explain_score, show_summary
from pages.parts.results.test_images import VIEW_KEY, show_images
from pages.parts.results.training import show_calibration, show_training
from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_errors, show_page_title, stop_unless
from pages.shared.run_states import describe_state
from pages.shared.sharing import offer_sharing, show_shared_note
from transfer_core.languages import N_, _
from transfer_core.runs import RunRecord

VIEWS = {
    "scores": N_("Scores"),
    "training": N_("Training"),
    "images": N_("Mistakes"),
    "confidence": N_("Confidence"),
    "maps": N_("What it looks at"),
    "embedding": N_("Embedding map"),
    "settings": N_("Settings"),
}
IMPORTED_VIEWS = ("scores", "settings")  # of a run that came without its images and its log
LINKS = (
    ("repair", N_("Repair the data"), "healing"),
    ("take_away", N_("Take it away"), "download"),
    ("train", N_("Watch the training again"), "show_chart"),
    ("decide", N_("Try another case"), "alt_route"),
)


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Results"), "pages/results.py")
    run_id = session.get_current_id("run")
    stop_unless(
        run_id, _("Train something first, or choose a run."), "pages/runs.py", _("See runs")
    )
    with show_errors():
        record = session.find_run(run_id)
    show_name(record)
    if record.result is None:
        show_missing_result(record)
        return
    show_summary(record, record.result)
    show_view(record, choose_view(record))
    explain_score(record.result)
    if session.is_own_run(record):
        show_links(record)


def show_name(record: RunRecord) -> None:
    """Draw the name of the run, and the button that shares it."""
    if not session.is_own_run(record):
        st.subheader(escape_markdown(record.name), anchor=False)
        show_shared_note(record)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape_markdown(record.name), anchor=False, width="content")
        offer_sharing("run", [record.id])


def show_missing_result(record: RunRecord) -> None:
    """Say that the run has no result, and link to the run."""
    icon, words = describe_state(record)
    st.info(_("This run has no result: {state}.", state=words.lower()), icon=icon)
    st.page_link(
        "pages/train.py",
        label=_("Watch the run"),
        icon=":material/show_chart:",
        query_params={"run": record.id},
    )


def choose_view(record: RunRecord) -> str:
    """Let a view be chosen; the address keeps it."""
    views = list(VIEWS)
    if record.is_imported:
        views = list(IMPORTED_VIEWS)
        st.caption(_("It came in a bundle, without its images and the log of its training."))
    session.read_widget_from_url(VIEW_KEY, views, "scores")
    view = st.segmented_control(
        _("What to see"),
        views,
        required=True,
        format_func=lambda name: _(VIEWS[name]),
        key=VIEW_KEY,
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
        _(
            "{strategy}; kept through {stage}, {weights} weights, frozen: {frozen}; "
            "{size} pixels a side; seed {seed}.",
            strategy=_(strategy.title),
            stage=source.format_titles((strategy.keep_through,)),
            weights=_(strategy.initial_weights),
            frozen=source.format_titles(strategy.frozen),
            size=source.input_size,
            seed=record.config.seed,
        )
    )
    st.caption(_("Every setting, enough to repeat the run:"))
    st.json(asdict(record.config))


def show_links(record: RunRecord) -> None:
    """Link to the pages that go on from a result."""
    query = session.make_query(run=record.id, data=record.config.data_id)
    with st.container(horizontal=True):
        for page, label, icon in LINKS:
            st.page_link(
                f"pages/{page}.py", label=_(label), icon=f":material/{icon}:", query_params=query
            )


draw()
