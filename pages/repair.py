"""Repair: relabel, set aside or restore images, which makes a new version of the data set."""

import streamlit as st

from pages.parts.repair.history import show_history, show_set_aside
from pages.parts.repair.mistakes import show_mistakes
from pages.parts.repair.near_duplicates import show_near_duplicates
from pages.parts.repair.suspects import show_suspects
from pages.parts.repair.waiting_changes import make_new_version, show_basket
from pages.shared import caches, session
from pages.shared.basket import list_pending
from pages.shared.downloads import show_images_link
from pages.shared.launching import start_run
from pages.shared.layout import (
    describe_split,
    escape_markdown,
    offer_next_page,
    require_weights,
    show_errors,
    show_page_title,
    stop_unless,
)
from pages.shared.sharing import require_own_run
from transfer_core import dataset
from transfer_core.dataset import DataSet, SpoiledVersion
from transfer_core.languages import N_, _
from transfer_core.runs import RunRecord
from transfer_core.system import get_home

VIEWS = {
    "mistakes": N_("Mistakes of the run"),
    "copies": N_("Near-duplicates"),
    "suspects": N_("Suspect labels"),
    "aside": N_("Set aside"),
}
VIEW_KEY = "repair_view"


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Repair"), "pages/repair.py")
    record, data = load_run_and_data_set()
    st.header(escape_markdown(data.name), anchor=False)
    st.caption(
        describe_split(data)
        + " "
        + _(
            "A new version never changes the data set that it is made from. Images keep their "
            "part of the split."
        )
    )
    if show_basket(data):
        make_new_version(data, record)
        st.rerun()
    if record and record.config.data_id != data.id:
        offer_retraining(record, data)
    flaw = dataset.find_flaw(get_home(), data.id)
    show_view(record, data, flaw)
    show_history(data, dataset.list_versions(get_home(), data.id), flaw)
    st.page_link(
        "pages/sabotage.py",
        label=_("Sabotage lab: guess what was done here")
        if flaw
        else _("Practise in the Sabotage lab"),
        icon=":material/bug_report:",
        query_params=session.make_query(data=data.id),
    )
    st.subheader(_("Take the images away"), anchor=False)
    st.caption(
        _(
            "A zip with a folder for each part of the split and in it one for each class: the "
            "images without position, time or other data. Loaded again here, it has the same "
            "classes, images and split."
        )
    )
    show_images_link(data.id)
    if not record and not list_pending(data.id):  # which would be forgotten
        query = session.make_query(data=data.id)
        offer_next_page(_("Go on: decide how to transfer"), "pages/decide.py", **query)


def load_run_and_data_set() -> tuple[RunRecord | None, DataSet]:
    """The run whose mistakes are shown, if any, and the data set to repair."""
    run_id, record = session.get_current_id("run"), None
    with show_errors():
        if run_id:
            record = session.find_run(run_id)
            require_own_run(record)
            if not session.has_data_in_url():
                session.change(data_id=record.config.data_id)
                session.change(run_id=run_id)
        data_id = session.get_current_id("data")
        stop_unless(data_id, _("Bring images in first."), "pages/data.py", _("Go to Data"))
        data = caches.load_data_set(data_id)
        unchanged = _("Images in shards are not changed here.")
        stop_unless(not data.shards, unchanged, "pages/data.py", _("Go to Data"))
    before = {version.parent for version in dataset.list_versions(get_home(), data.id)}
    if record and (record.result is None or record.config.data_id not in {data.id, *before}):
        record = None  # a run on something else
    return record, data


def show_view(record: RunRecord | None, data: DataSet, flaw: SpoiledVersion | None) -> None:
    """Draw the images that may be wrong, of the kind that is chosen."""
    views = [view for view in VIEWS if record or view != "mistakes"]
    session.keep_in_url(VIEW_KEY, views[0], views)
    match st.segmented_control(
        _("Look at"), views, key=VIEW_KEY, format_func=lambda view: _(VIEWS[view]), required=True
    ):
        case "mistakes":
            show_mistakes(record, data)
        case "copies":
            show_near_duplicates(data)
        case "suspects":
            show_suspects(record, data)
        case "aside":
            show_set_aside(data, flaw)


def offer_retraining(record: RunRecord, data: DataSet) -> None:
    """Offer to train on this version with the settings and the seed of the run."""
    config = record.config
    st.markdown(
        _(
            "The run you came from learned from the images as they were before. Train on this "
            "version with the same settings and seed ({seed}). {strategy}:",
            seed=config.seed,
            strategy=_(config.strategy.title),
        )
    )
    if not st.button(
        _("Train again with the same settings"),
        type="primary",
        icon=":material/replay:",
        key="repair_train",
    ):
        return
    with show_errors():
        source = require_weights(config.source())
        run_id = start_run(
            data,
            source,
            config.strategy,
            config.seed,
            compiled=config.compiled,
            devices=min(config.devices, caches.get_engine().max_devices),
        )
    session.change(run_id=run_id, start_key=session.make_key())
    st.switch_page("pages/train.py", query_params={"run": run_id})


draw()
