"""The device minutes that a class has used: of each student, and of each run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.class_room.board import name_run_owner
from pages.parts.runs.runs_table import MAX_VISIBLE_ROWS
from pages.shared.presenting import NAME_PIXELS, fit_table
from pages.shared.run_states import name_state
from transfer_core.languages import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transfer_core.workspaces import Class, ClassRun


def show_device_minutes(class_: Class, runs: Sequence[ClassRun]) -> None:
    """Draw what the runs of a class have cost that began, and say what is counted."""
    runs = [run for run in runs if run.record.started is not None]
    minutes = sum(run.device_seconds for run in runs) / 60
    told = ngettext(
        "**The class has used {minutes:,.1f} device minutes in {runs:,} run.**",
        "**The class has used {minutes:,.1f} device minutes in {runs:,} runs.**",
        len(runs),
        minutes=minutes,
        runs=len(runs),
    )
    st.markdown(told)
    if runs:
        _show_minutes(class_, runs)
    st.caption(
        _(
            "A device minute: a run keeps one processor or one GPU busy for a minute. Every "
            "attempt counts, waiting does not. If two runs share a device, both count. Deleted "
            "runs do not count."
        )
    )


def _show_minutes(class_: Class, runs: Sequence[ClassRun]) -> None:
    names = {run.record.id: name_run_owner(class_, run.record, run) for run in runs}
    counts, seconds = Counter(names.values()), Counter()
    for run in runs:
        seconds[names[run.record.id]] += run.device_seconds
    key = f"{class_.id}_{class_.names_hidden}"
    _show_table(
        [
            {"student": who, "runs": counts[who], "minutes": round(spent / 60, 1)}
            for who, spent in seconds.most_common()
        ],
        _("Device minutes of each of {students:,} students.", students=len(counts)),
        key=f"class_cost_{key}",
    )
    with st.expander(_("Device minutes of each run")):
        _show_table(
            [
                {
                    "student": names[run.record.id],
                    "run": run.record.name,
                    "now": name_state(run.record),
                    "attempts": run.record.attempt,
                    "minutes": round(run.device_seconds / 60, 1),
                }
                for run in reversed(runs)
            ],
            _("Device minutes of each of {runs:,} runs.", runs=len(runs)),
            key=f"class_run_cost_{key}",
        )


def _show_table(rows: Sequence[Mapping[str, object]], alt: str, key: str) -> None:
    st.dataframe(
        rows,
        **fit_table(key, min(len(rows), MAX_VISIBLE_ROWS)),
        hide_index=True,
        width="stretch",
        column_config={
            "student": st.column_config.TextColumn(_("student"), width=NAME_PIXELS),
            "run": st.column_config.TextColumn(_("run"), width=NAME_PIXELS),
            "runs": _("runs"),
            "now": _("now"),
            "attempts": _("attempts"),
            "minutes": st.column_config.NumberColumn(_("device minutes"), format="localized"),
        },
        alt=alt,
    )
