"""Case 1 beside another run: the new layer trained alone, the simplest transfer."""

from dataclasses import replace

import streamlit as st

from pages.shared import caches, session
from pages.shared.launching import start_run
from pages.shared.layout import show_errors
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.languages import N_, _
from transfer_core.networks import trains_head_only
from transfer_core.runs import UNFINISHED_STATES, RunRecord, find_last_event, select_events
from transfer_core.training import Ended, EpochEnded, compute_difference_interval

PART_TEXTS = {
    "validation": N_("{baseline:.1%} of the validation images against {own:.1%}"),
    "test": N_("{baseline:.1%} of the test images against {own:.1%}"),
}
POLL_SECONDS = 2.0  # between looks at case 1 while it is trained


def show_if_head_was_kept(record: RunRecord) -> None:
    """Say so if a run of an older version returned the head that it had trained alone."""
    config = record.config
    if record.is_imported or trains_head_only(config.source(), config.strategy):
        return
    ended = find_last_event(caches.get_run_log(record.id).events(), Ended)
    if ended and ended.best_epoch == 0:
        st.info(
            _(
                "What was kept, and tested, is the new layer trained alone, as in case 1: no epoch "
                "of training everything had a lower validation loss."
            ),
            icon=":material/info:",
        )


def show_if_below_case_one(record: RunRecord) -> None:
    """Say so if the new layer trained alone did better than the run, and offer it."""
    result = record.result
    pairs = {
        "validation": (result.baseline_validation_accuracy, result.validation_accuracy),
        "test": (result.baseline_accuracy, result.accuracy),
    }
    known = {part: pair for part, pair in pairs.items() if None not in pair}
    if not any(baseline > own for baseline, own in known.values()):
        return
    numbers = ", ".join(
        _(PART_TEXTS[part], baseline=baseline, own=own) for part, (baseline, own) in known.items()
    )
    told = _(
        "The new layer trained alone, as in case 1, {judgement}: right on {numbers}.",
        judgement=_judge_lead(record),
        numbers=numbers,
    )
    st.warning(f"{told} {_explain_lead(record)}", icon=":material/compare_arrows:")
    if not record.is_imported:
        offer_case_one(record, key="case_1_below")


def _judge_lead(record: RunRecord) -> str:
    """Say whether the new layer alone is surely better on the test images."""
    result = record.result
    if result.baseline_accuracy is None:
        return _("is better")
    alone = result.baseline_accuracy, result.images
    low, _high = compute_difference_interval(alone, (result.accuracy, result.images))
    return _("is better") if low > 0 else _("is about as good, and simpler")


def _explain_lead(record: RunRecord) -> str:
    """Say why training more may have brought no more."""
    events = caches.get_run_log(record.id).events()
    ended = find_last_event(events, Ended)
    if ended is None:
        return ""
    trained, best_epoch = _(record.config.strategy.what_is_trained), ended.best_epoch
    if ended.keeps_mixture(record.config.strategy.optimiser.interpolation):
        best = [each.epoch for each in select_events(events, EpochEnded) if each.best]
        best_epoch = best[-1] if best else None
    if best_epoch == ended.epochs:
        return _(
            "Training {trained} was still improving when it ended: more epochs may help.",
            trained=trained,
        )
    return _(
        "Training {trained} went on after its best epoch without improving: with few images, it "
        "begins to learn them by heart (over-fitting).",
        trained=trained,
    )


def offer_case_one(record: RunRecord, *, key: str) -> None:
    """Offer to train case 1 on the same images; if it was trained, link to it."""
    other = find_case_one(record)
    if other and other.result:
        page, label, icon = "results", _("See the result of case 1"), "fact_check"
    elif other:
        page, label, icon = "train", _("Case 1 is being trained: watch it"), "show_chart"
    else:
        if st.button(_("Train case 1, to compare"), icon=":material/science:", key=key):
            _start_case_one(record)
            st.rerun()
        return
    st.page_link(
        f"pages/{page}.py",
        label=label,
        icon=f":material/{icon}:",
        query_params={"run": other.id},
    )
    if not other.state.is_final:
        _rerun_when_over(other.id)


@st.fragment(run_every=POLL_SECONDS)
def _rerun_when_over(run_id: str) -> None:
    """Draw the page again as soon as a run is over; its result is then shown."""
    with show_errors():
        unfinished = session.list_runs(UNFINISHED_STATES)
    if run_id not in {run.id for run in unfinished}:
        st.rerun()


def find_case_one(record: RunRecord) -> RunRecord | None:
    """The newest case 1 on the same images and network that is finished or not over yet."""

    def get_setting(run: RunRecord) -> tuple:
        return run.config.data_id, run.config.network, run.config.input_size

    alike = (
        run
        for run in session.list_runs()
        if get_setting(run) == get_setting(record)
        and not run.is_imported
        and run.config.strategy.textbook_case == TransferCase.SMALL_SIMILAR
        and (run.result or not run.state.is_final)
    )
    return min(alike, key=lambda run: run.result is None, default=None)


def _start_case_one(record: RunRecord) -> None:
    with show_errors():
        data, source = caches.load_data_set(record.config.data_id), record.config.source()
        strategy = replace(
            plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind),
            class_weights=record.config.strategy.class_weights,
        )
        start_run(data, source, strategy, record.config.seed, key=f"case 1 beside {record.id}")
