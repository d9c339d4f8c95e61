"""Delete runs, restore them, and remove them for good."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_errors
from transfer_core.languages import _
from transfer_core.runs import (
    RunRecord,
    UnreadableRun,
    delete_runs,
    purge_deleted_runs,
    restore_runs,
)


def offer_deletion(records: Sequence[RunRecord]) -> None:
    """Delete runs at once; `offer_undo` restores them."""
    unfinished = [record for record in records if not record.state.is_final]
    label = _("Delete") if len(records) == 1 else _("Delete these {runs:,}", runs=len(records))
    if st.button(
        label,
        icon=":material/delete:",
        key="runs_delete",
        disabled=bool(unfinished),
        help=_("Stop it first: a run that is not over cannot be deleted.") if unfinished else None,
    ):
        ids = tuple(record.id for record in records)
        with show_errors():
            delete_runs(caches.get_engine().store, session.get_belongings().own_runs(ids))
        shown = session.get_journey().run_id
        session.change(deleted=ids, run_id=None if shown in ids else shown)
        session.choose_runs(())
        st.rerun()


def show_unreadable_runs() -> None:
    """List the runs whose settings this version cannot read, each with a Delete button."""
    with show_errors():
        records = session.get_belongings().list_all_runs()
    for run in records:
        if isinstance(run, UnreadableRun):
            _show_unreadable_run(run)


def _show_unreadable_run(run: UnreadableRun) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":material/help: **{escape_markdown(run.name)}**, "
            f"{datetime.fromtimestamp(run.created):%Y-%m-%d}: "
            f"{escape_markdown(f'{run.problem.problem} {run.problem.remedy}')}",
            width="stretch",
        )
        if st.button(_("Delete"), icon=":material/delete:", key=f"runs_delete_{run.id}"):
            with show_errors():
                delete_runs(caches.get_engine().store, [session.own_run(run.id)])
            session.change(deleted=(run.id,))
            st.rerun()


def offer_undo() -> None:
    """Offer to restore the runs that were deleted last."""
    last = session.get_journey().deleted
    with show_errors():
        belongings = session.get_belongings()
        deleted = {run.id: run for run in belongings.list_all_runs(deleted=True)}
    again = [run_id for run_id in last if run_id in deleted]
    if again:
        if len(again) == 1:
            name = escape_markdown(deleted[again[0]].name)
            words = _(":material/delete: “{name}” was deleted.", name=name)
        else:
            words = _(":material/delete: {runs:,} runs were deleted.", runs=len(again))
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(words, width="stretch")
            if st.button(_("Undo"), icon=":material/undo:", key="runs_undo"):
                _restore_runs(again)
            if st.button(_("Hide"), type="tertiary", icon=":material/close:", key="runs_hide"):
                session.change(deleted=())
                st.rerun()


def show_deleted_runs() -> None:
    """List the deleted runs that can be restored, and offer to remove them for good."""
    with show_errors():
        deleted = session.get_belongings().list_all_runs(deleted=True)
    if not deleted:
        return
    with st.expander(_("Deleted runs: {runs:,}", runs=len(deleted)), icon=":material/delete:"):
        st.caption(_("Their files are removed a day after the deletion."))
        names = {run.id: run.name for run in deleted}
        back = st.multiselect(
            _("Runs to bring back"), list(names), format_func=names.get, key="runs_back"
        )
        with st.container(horizontal=True):
            if st.button(
                _("Bring back"),
                icon=":material/undo:",
                key="runs_bring",
                disabled=not back,
                help=None if back else _("Choose runs above first."),
            ):
                _restore_runs(back)
            with st.popover(_("Remove all of them for good"), icon=":material/delete_forever:"):
                st.write(_("This cannot be undone: networks, curves and results are removed."))
                if st.button(_("Remove for good"), key="runs_empty"):
                    engine = caches.get_engine()
                    purge_deleted_runs(engine.store, engine.home, older_than=0, among=set(names))
                    st.rerun()


def _restore_runs(run_ids: Sequence[str]) -> None:
    with show_errors():
        restore_runs(caches.get_engine().store, session.get_belongings().own_runs(run_ids))
    session.choose_runs(run_ids)
    session.change(deleted=())
    st.rerun()
