"""What can be done with one chosen run: read it, name it, note it, repeat it, delete it."""

from collections.abc import Collection, Sequence
from datetime import datetime

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.live_run import STATE_LABELS
from transfer_core.errors import NetworkError
from transfer_core.runs.store import curation
from transfer_core.runs.store.records import RunRecord, UnreadableRun
from transfer_core.training.config import RunConfig


def show_run_details(record: RunRecord, tags: Collection[str]) -> None:
    """Draw one run with everything that can be done with it.

    Args:
        record: The run.
        tags: Those that any run has, to choose from.
    """
    icon, words = STATE_LABELS[record.state]
    with st.container(border=True):
        st.subheader(escape_markdown(record.name), anchor=False)
        st.markdown(
            f"{icon} {words}{_format_accuracy(record)}  \n:small[{_describe_settings(record.config)}]"
        )
        if record.error:
            st.caption(escape_markdown(f"{record.error.problem} {record.error.remedy}"))
        _show_actions(record)
        _edit_description(record, tags)


def _show_actions(record: RunRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        show_run_link(record.id, "pages/train.py", "Curves", ":material/show_chart:")
        if record.result:
            show_run_link(record.id, "pages/results.py", "Result", ":material/fact_check:")
        st.page_link(
            "pages/train.py",
            label="Repeat with changes",
            icon=":material/tune:",
            query_params={"repeat": record.id},
        )
        if st.button("Repeat exactly", icon=":material/replay:", key="runs_repeat"):
            _repeat(record)
        if not record.state.is_final and st.button("Stop", icon=":material/stop:", key="runs_stop"):
            with show_errors():
                caches.engine().stop(record.id)
            st.rerun()
        offer_deletion([record])


def show_run_link(run_id: str, page: str, label: str, icon: str) -> None:
    """A link to a page that shows this run."""
    st.page_link(page, label=label, icon=icon, query_params={"run": run_id})


def _repeat(record: RunRecord) -> None:
    from transfer_core.runs.launch import repeat

    work = session.workspace()
    with show_errors():
        caches.load_data_set(record.config.data_id)  # refuses a run whose images are gone
        run_id = repeat(
            caches.engine(),
            record.config,
            name=record.name,
            owner=work.owner,
            key=work.start_key,
        )
    session.change(start_key=session.make_key())
    st.switch_page("pages/train.py", query_params={"run": run_id})


def _edit_description(record: RunRecord, tags: Collection[str]) -> None:
    """What people say of the run, kept as soon as it is changed."""
    left, right = st.columns(2)
    # A key holds what is kept, so that another session's change is shown and not undone.
    name = left.text_input(
        "Name", record.name, max_chars=120, key=f"runs_name_{record.id}_{record.name}"
    )
    chosen = right.multiselect(
        "Tags",
        sorted({*tags, *record.tags}),
        list(record.tags),
        accept_new_options=True,
        max_selections=curation.MAX_TAGS,
        key=f"runs_tags_{record.id}_{record.tags}",
        placeholder="choose or write",
        select_all=False,
    )
    notes = st.text_area(
        "Notes",
        record.notes,
        max_chars=curation.MAX_NOTES_LENGTH,
        height=90,
        key=f"runs_notes_{record.id}_{hash(record.notes)}",
        placeholder="What did you try, and what did you find?",
    )
    st.caption("Kept as soon as you leave the field.")
    said = {"name": name, "tags": tuple(chosen), "notes": notes}
    changed = {part: value for part, value in said.items() if value != getattr(record, part)}
    if changed:
        with show_errors():
            kept = curation.update_run(caches.engine().store, record.id, **changed)
        if kept != record:  # not where nothing of it could be kept, such as an empty name
            st.rerun()


def offer_deletion(records: Sequence[RunRecord]) -> None:
    """Deletes runs at once; `offer_undo` offers the way back."""
    going = [record for record in records if not record.state.is_final]
    label = "Delete" if len(records) == 1 else f"Delete these {len(records)}"
    if st.button(
        label,
        icon=":material/delete:",
        key="runs_delete",
        disabled=bool(going),
        help="Stop it first: a run that is not over cannot be deleted." if going else None,
    ):
        ids = tuple(record.id for record in records)
        with show_errors():
            curation.delete_runs(caches.engine().store, ids)
        shown = session.workspace().run_id
        session.change(deleted=ids, run_id=None if shown in ids else shown)
        session.choose_runs(())
        st.rerun()


def show_unreadable_runs() -> None:
    """Every run whose settings this version cannot read, with a button that deletes it."""
    with show_errors():
        records = caches.engine().store.list_all()
    for run in records:
        if not isinstance(run, UnreadableRun):
            continue
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":material/help: **{escape_markdown(run.name)}**, "
                f"{datetime.fromtimestamp(run.created):%d %B %Y}: "
                f"{escape_markdown(f'{run.problem.problem} {run.problem.remedy}')}",
                width="stretch",
            )
            if st.button("Delete", icon=":material/delete:", key=f"runs_delete_{run.id}"):
                with show_errors():
                    curation.delete_runs(caches.engine().store, [run.id])
                session.change(deleted=(run.id,))
                st.rerun()


def offer_undo() -> None:
    """Right after a deletion, the way back."""
    store, last = caches.engine().store, session.workspace().deleted
    with show_errors():
        deleted = {run.id: run for run in store.list_all(deleted=True)}
    again = [run_id for run_id in last if run_id in deleted]
    if again:
        told = f"“{deleted[again[0]].name}” was" if len(again) == 1 else f"{len(again)} runs were"
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/delete: {escape_markdown(told)} deleted.", width="stretch")
            if st.button("Undo", icon=":material/undo:", key="runs_undo"):
                _restore_runs(again)
            if st.button("Hide", type="tertiary", icon=":material/close:", key="runs_hide"):
                session.change(deleted=())
                st.rerun()


def show_deleted_runs() -> None:
    """Everything that was deleted and can still come back."""
    store = caches.engine().store
    with show_errors():
        deleted = store.list_all(deleted=True)
    if not deleted:
        return
    with st.expander(f"Deleted runs: {len(deleted)}", icon=":material/delete:"):
        st.caption("Their files are removed a day after the deletion.")
        names = {run.id: run.name for run in deleted}
        back = st.multiselect(
            "Runs to bring back", list(names), format_func=names.get, key="runs_back"
        )
        with st.container(horizontal=True):
            if st.button(
                "Bring back",
                icon=":material/undo:",
                key="runs_bring",
                disabled=not back,
                help=None if back else "Choose runs above first.",
            ):
                _restore_runs(back)
            with st.popover("Remove all of them for good", icon=":material/delete_forever:"):
                st.write("This cannot be undone: networks, curves and results are removed.")
                if st.button("Remove for good", key="runs_empty"):
                    curation.purge_deleted_runs(store, caches.engine().home, older_than=0)
                    st.rerun()


def _restore_runs(run_ids: Sequence[str]) -> None:
    with show_errors():
        curation.restore_runs(caches.engine().store, run_ids)
    session.choose_runs(run_ids)
    session.change(deleted=())
    st.rerun()


def _format_accuracy(record: RunRecord) -> str:
    if not record.result:
        return ""
    result = record.result
    return f"; test accuracy **{result.accuracy:.1%}** ({result.low:.0%} to {result.high:.0%})"


def _describe_settings(config: RunConfig) -> str:
    """What tells a run from its neighbours."""
    strategy, settings = config.strategy, config.strategy.optimiser
    try:
        source = config.source()
        network, kept = source.title, source.format_titles((strategy.keep_through,))
    except NetworkError:  # a person's own weights, removed meanwhile
        network, kept = config.network, strategy.keep_through
    return (
        f"{escape_markdown(network)}, kept through {kept}, {strategy.initialise} weights, learning rate "
        f"{settings.learning_rate:g}, at most {settings.epochs} epochs, seed {config.seed}"
    )
