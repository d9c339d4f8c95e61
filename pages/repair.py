"""Repair: relabel, set aside or restore images, which makes a new version of the data set."""

from datetime import datetime

import numpy as np
import streamlit as st

from pages.shared import caches, session
from pages.shared.downloads import show_images_link
from pages.shared.layout import (
    escape_markdown,
    offer_next_page,
    require_weights,
    show_errors,
    show_page_title,
    show_problem,
    show_progress,
    stop_unless,
)
from pages.shared.repairing import (
    ITEMS_PER_PAGE,
    make_grid,
    paginate,
    show_basket,
    show_card,
    show_set_aside_card,
)
from pages.shared.session import PendingChange
from transfer_core import dataset
from transfer_core.dataset import SPLITS, Change, DataSet, Version
from transfer_core.dataset.wording import format_count
from transfer_core.errors import RunError
from transfer_core.runs.store.records import RunRecord
from transfer_core.system.home import home

MISTAKES, DUPLICATES, SET_ASIDE = "Mistakes of the run", "Near-duplicates", "Set aside"


def load_run_and_data_set() -> tuple[RunRecord | None, DataSet]:
    """The run whose mistakes are looked at, if any, and the data set to repair."""
    run_id, record = session.get_current_id("run"), None
    with show_errors():
        if run_id:
            record = caches.engine().get(run_id)
            if "data" not in st.query_params:
                session.change(data_id=record.config.data_id)
                session.change(run_id=run_id)
        data_id = session.get_current_id("data")
        stop_unless(data_id, "Bring images in first.", "pages/data.py", "Go to Data")
        data = caches.load_data_set(data_id)
    before = {version.parent for version in dataset.list_versions(home(), data.id)}
    if record and (record.result is None or record.config.data_id not in {data.id, *before}):
        record = None  # a run on something else
    return record, data


def make_new_version(data: DataSet, record: RunRecord | None) -> None:
    """Make a version of what waits, and go on with it."""
    waiting = session.basket(data.id)
    files = {each.change.path: each.file for each in waiting if each.file is not None}
    with show_errors():
        made = dataset.make_version(home(), data, [each.change for each in waiting], files)
    session.take_from_basket(data.id)
    session.change(data_id=made.id)
    st.query_params["data"] = made.id
    if record:
        session.change(run_id=record.id)
    st.rerun()


def retrain(record: RunRecord, data: DataSet) -> None:
    """One click: the run's settings and seed on this version."""
    config = record.config
    case = config.strategy.case
    st.markdown(
        f"The run you came from learned from the images as they were before. "
        f"Train {case.title.lower()} on this version with the same settings and seed "
        f"({config.seed}):"
    )
    if st.button(
        "Train again with the same settings",
        type="primary",
        icon=":material/replay:",
        key="repair_train",
    ):
        with show_errors():
            from transfer_core.runs.launch import launch

            work, source = session.workspace(), require_weights(config.source())
            run = launch(
                caches.engine(),
                data,
                source,
                config.strategy,
                config.seed,
                owner=work.owner,
                key=work.start_key,
                compiled=config.compiled,
            )
        session.change(run_id=run, start_key=session.make_key())
        st.switch_page("pages/train.py", query_params={"run": run})


def show_mistakes(record: RunRecord, data: DataSet) -> None:
    """The test images that the run got wrong, the surest mistakes first."""
    from transfer_core.inspection.prediction import load_test_predictions

    try:
        answers = load_test_predictions(home(), record.id)
    except RunError as error:
        show_problem(error.problem, error.found, error.remedy)
        return
    ran_on = caches.load_data_set(record.config.data_id)
    place = {each.path: index for index, each in enumerate(data.records)}
    sure = answers.probabilities.max(1)
    wrong = np.flatnonzero(answers.predicted != answers.labels)
    found = [
        (place[path], int(answers.predicted[i]), float(sure[i]))
        for i in wrong[np.argsort(-sure[wrong])]
        if (path := ran_on.records[answers.images[i]].path) in place
        and data.records[place[path]].label != answers.predicted[i]  # else it was relabelled
    ]
    if not found:
        st.success("No mistake is left on the test images.", icon=":material/task_alt:")
        return
    st.caption(
        f"{format_count(len(found), 'test image')} that the network takes for another class, the "
        "surest mistakes first. Change only what is clearly wrong: correcting test images wherever "
        "the network disagrees, and only there, makes its accuracy look better than it is."
    )
    shown = paginate(found, "mistakes")
    for place_, (index, label, share) in zip(make_grid(len(shown)), shown, strict=True):
        own, taken_for = data.classes[data.records[index].label], data.classes[label]
        with place_:
            words = f"**{escape_markdown(own)}**, taken for **{escape_markdown(taken_for)}** ({share:.0%} sure)"
            show_card(data, index, words, suggested_class=taken_for)


def show_near_duplicates(data: DataSet) -> None:
    """Groups of images that look the same, side by side."""
    with show_errors(), show_progress() as report:
        groups = caches.find_near_duplicates(data.id, report)
    if not groups:
        st.success("No two images look the same.", icon=":material/task_alt:")
        return
    leaks = sum(group.is_leak for group in groups)
    st.caption(
        f"{len(groups):,} groups of images that look the same by a perceptual hash; {leaks:,} of "
        "them stand in several parts of the split, so that the test asks for what was learned by "
        "heart. Those come first. Look before you set aside: pictures of one kind can look alike."
    )
    for group in paginate(list(groups), "duplicates"):
        with st.container(border=True):
            records = [data.records[index] for index in group.images]
            kept = max(records, key=lambda record: SPLITS.index(record.split))
            told = ["in several parts of the split: a leak"] * group.is_leak
            told += ["in several classes: one of them may be wrong"] * group.is_conflict
            st.markdown(f"**{len(records)} images** {escape_markdown('; '.join(told))}")
            st.button(
                f"Keep only one ({kept.split})",
                icon=":material/filter_1:",
                key=f"repair_keep_{group.images[0]}",
                on_click=session.put_in_basket,
                args=(
                    data.id,
                    *(
                        PendingChange(Change("set aside", each.path))
                        for each in records
                        if each is not kept
                    ),
                ),
            )
            shown = group.images[:ITEMS_PER_PAGE]
            for place, index in zip(make_grid(len(shown)), shown, strict=True):
                record = data.records[index]
                with place:
                    words = f"{escape_markdown(data.classes[record.label])}, **{record.split}**"
                    show_card(data, index, words, can_relabel=group.is_conflict)
            if len(group.images) > len(shown):
                st.caption(f"The first {len(shown)} of {len(group.images)}.")


def show_set_aside(data: DataSet) -> None:
    """What versions before left out."""
    records = caches.load_set_aside(data.id).records
    if not records:
        st.info("No image was set aside.", icon=":material/info:")
        return
    shown = paginate(list(range(len(records))), "aside")
    for place, index in zip(make_grid(len(shown)), shown, strict=True):
        with place:
            show_set_aside_card(data, index)


def show_history(data: DataSet, versions: tuple[Version, ...]) -> None:
    """Every version up to this one, the newest first, each a click away."""
    st.subheader("History", anchor=False)
    for version in reversed(versions):
        name = escape_markdown(caches.load_data_set(version.id).name)
        when = datetime.fromtimestamp(version.made).strftime("%d %b %Y %H:%M")
        changes = [
            f"- {escape_markdown(change.sentence())}" for change in version.changes[:ITEMS_PER_PAGE]
        ]
        if len(version.changes) > ITEMS_PER_PAGE:
            changes.append(f"- and {len(version.changes) - ITEMS_PER_PAGE:,} more")
        st.markdown(f"**{name}**, {when}\n" + "\n".join(changes))
        _open_data_set(version.parent)
    if not versions:
        st.caption(
            f"{escape_markdown(data.name)} is as it was read from {escape_markdown(data.import_summary.archive)}."
        )


def _open_data_set(data_id: str) -> None:
    name = caches.load_data_set(data_id).name
    st.page_link(
        "pages/repair.py",
        label=f"Open the version before: {escape_markdown(name)}",
        icon=":material/history:",
        query_params={"data": data_id},
    )


show_page_title("Repair", "pages/repair.py")
record, data = load_run_and_data_set()
versions = dataset.list_versions(home(), data.id)
st.header(escape_markdown(data.name), anchor=False)
parts = ", ".join(f"{len(data.indices(split)):,} {split}" for split in SPLITS)
st.caption(
    f"{len(data.records):,} images in {len(data.classes)} classes: {parts}. A new version never "
    "changes the data set that it is made from. Images keep their part of the split."
)
if show_basket(data):
    make_new_version(data, record)
if record and record.config.data_id != data.id:
    retrain(record, data)
views = [MISTAKES] * bool(record) + [DUPLICATES, SET_ASIDE]
view = st.segmented_control(
    "Look at", views, default=views[0], key=f"repair_view_{len(views)}", required=True
)
if view == MISTAKES:
    show_mistakes(record, data)
elif view == DUPLICATES:
    show_near_duplicates(data)
else:
    show_set_aside(data)
show_history(data, versions)
st.subheader("Take the images away", anchor=False)
st.caption(
    "A zip with a folder for each part of the split and in it one for each class, with the "
    "original files. Loaded again here, it has the same classes, images and split."
)
show_images_link(data.id)
if not record:
    offer_next_page("Go on: decide how to transfer", "pages/decide.py", data=data.id)
