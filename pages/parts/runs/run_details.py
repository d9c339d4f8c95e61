"""One chosen run: its state and settings, its name and notes, and the buttons to repeat it."""

from collections.abc import Collection

import streamlit as st

from pages.parts.runs.deletion import offer_deletion
from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.run_states import describe_state
from transfer_core.errors import NetworkError
from transfer_core.languages import _
from transfer_core.runs import (
    MAX_NOTES_LENGTH,
    MAX_TAGS,
    RunRecord,
    find_last_event,
    update_run,
)
from transfer_core.training import RunConfig, RuntimeChosen
from transfer_core.workspaces import check_room_for_run


def show_run_details(record: RunRecord, tags: Collection[str]) -> None:
    """Draw one run with everything that can be done with it.

    Args:
        record: The run.
        tags: The tags of all runs, to choose from.
    """
    icon, words = describe_state(record)
    with st.container(border=True):
        st.subheader(escape_markdown(record.name), anchor=False)
        st.markdown(f"{icon} {words}{_format_accuracy(record)}")
        st.caption(_describe_settings(record.config))
        events = caches.get_run_log(record.id).events()
        if runtime := find_last_event(events, RuntimeChosen):
            st.caption(runtime.describe())
        if record.error:
            st.caption(escape_markdown(f"{record.error.problem} {record.error.remedy}"))
        _show_actions(record)
        _edit_description(record, tags)


def _show_actions(record: RunRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        show_run_link(record.id, "pages/train.py", _("Curves"), ":material/show_chart:")
        if record.result:
            show_run_link(record.id, "pages/results.py", _("Result"), ":material/fact_check:")
        st.page_link(
            "pages/train.py",
            label=_("Repeat with changes"),
            icon=":material/tune:",
            query_params={"repeat": record.id},
        )
        if st.button(_("Repeat exactly"), icon=":material/replay:", key="runs_repeat"):
            _repeat(record)
        if not record.state.is_final and st.button(
            _("Stop"), icon=":material/stop:", key="runs_stop"
        ):
            with show_errors():
                caches.get_engine().stop(session.own_run(record.id))
            st.rerun()
        offer_deletion([record])


def show_run_link(run_id: str, page: str, label: str, icon: str) -> None:
    """A link to a page that shows this run."""
    st.page_link(page, label=label, icon=icon, query_params={"run": run_id})


def _repeat(record: RunRecord) -> None:
    from transfer_core.runs import repeat_run

    work = session.get_journey()
    with show_errors():
        check_room_for_run(session.get_belongings(), record.config.source())
        caches.load_data_set(record.config.data_id)  # refuses a run whose images are gone
        run_id = repeat_run(
            caches.get_engine(),
            record.config,
            name=record.name,
            owner=session.get_owner(),
            key=work.start_key,
        )
    session.change(start_key=session.make_key())
    st.switch_page("pages/train.py", query_params={"run": run_id})


def _edit_description(record: RunRecord, tags: Collection[str]) -> None:
    """Draw name, tags and notes; a change is saved at once."""
    left, right = st.columns(2)
    # A key holds the stored value, so that a change by another session is shown and not undone.
    name = left.text_input(
        _("Name"), record.name, max_chars=120, key=f"runs_name_{record.id}_{record.name}"
    )
    chosen = right.multiselect(
        _("Tags"),
        sorted({*tags, *record.tags}),
        list(record.tags),
        accept_new_options=True,
        max_selections=MAX_TAGS,
        key=f"runs_tags_{record.id}_{record.tags}",
        placeholder=_("choose or write"),
        select_all=False,
    )
    notes = st.text_area(
        _("Notes"),
        record.notes,
        max_chars=MAX_NOTES_LENGTH,
        height=90,
        key=f"runs_notes_{record.id}_{hash(record.notes)}",
        placeholder=_("What did you try, and what did you find?"),
    )
    st.caption(_("Kept as soon as you leave the field."))
    _save_description(record, name=name, tags=tuple(chosen), notes=notes)


def _save_description(record: RunRecord, **values: object) -> None:
    """Save what was changed, and draw the page again if the store took it."""
    changed = {part: value for part, value in values.items() if value != getattr(record, part)}
    if changed:
        with show_errors():
            saved = update_run(caches.get_engine().store, session.own_run(record.id), **changed)
        if saved != record:  # the store refuses some values, such as an empty name
            st.rerun()


def _format_accuracy(record: RunRecord) -> str:
    if not record.result:
        return ""
    result = record.result
    return "; " + _(
        "test accuracy **{share:.1%}** ({low:.0%} to {high:.0%})",
        share=result.accuracy,
        low=result.low,
        high=result.high,
    )


def _describe_settings(config: RunConfig) -> str:
    """List the settings that differ most between runs."""
    strategy, settings = config.strategy, config.strategy.optimiser
    try:
        source = config.source()
        network, kept = source.title, source.format_titles((strategy.keep_through,))
    except NetworkError:  # a person's own weights, removed meanwhile
        network, kept = config.network, strategy.keep_through
    return _(
        "{network}, kept through {stage}, {weights} weights, learning rate {rate:g}, at most "
        "{epochs} epochs, seed {seed}",
        network=escape_markdown(network),
        stage=kept,
        weights=_(strategy.initial_weights),
        rate=settings.learning_rate,
        epochs=settings.epochs,
        seed=config.seed,
    )
