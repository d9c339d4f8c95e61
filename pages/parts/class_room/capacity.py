"""What the server performs and what waits, for the teacher of a class."""

from __future__ import annotations

import html
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.class_room.board import REDRAW_SECONDS, name_run_owner
from pages.parts.class_room.device_minutes import show_device_minutes
from pages.parts.runs.runs_table import MAX_VISIBLE_ROWS
from pages.shared import caches, session
from pages.shared.layout import hint_at_more_columns, show_errors
from pages.shared.presenting import NAME_PIXELS, fit_table
from pages.shared.run_states import name_state
from transfer_core.languages import N_, _, ngettext
from transfer_core.runs import Lane
from transfer_core.workspaces import open_classes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transfer_core.runs import ActiveRun, Capacity, Place, QueuedRun, RunRecord

GIGABYTE = 1024**3
MAX_WAITING = 11  # that the drawing names
CLUSTERS = {"slurm": "SLURM", "ray": "Ray"}
FREE = {
    None: N_("free"),
    Lane.short: N_("free for a short run"),
    Lane.long: N_("free for a long run"),
}
WHY_FREE = {
    Lane.short: N_(
        "One place is kept for short runs, so that they need not wait behind long ones. Short: "
        "only the new layer learns, in about a minute at most."
    ),
    Lane.long: N_("One place is kept for long runs. Short ones take turns in the other."),
}
STYLE = """<style>
.capacity p { margin: 0.6rem 0 0.2rem; }
.capacity ul { display: flex; flex-wrap: wrap; gap: 0.4rem; margin: 0; padding: 0;
  list-style: none; }
.capacity li { box-sizing: border-box; flex: 0 1 10rem; margin: 0; padding: 0.25rem 0.6rem;
  border: 2px solid currentColor; border-radius: 0.4rem; overflow-wrap: anywhere; }
.capacity small { display: block; }
.capacity .busy { border-color: #2a78b5; background: linear-gradient(to right,
  rgb(42 120 181 / 35%) var(--done), transparent var(--done)); }
.capacity .free { border-style: dashed; }
.capacity .waits { border-width: 1px; }
</style>"""


@st.fragment(run_every=REDRAW_SECONDS)
def watch_capacity(class_id: str) -> None:
    """Draw what the server performs anew every few seconds, for the teacher of a class."""
    belongings = session.get_belongings()
    with show_errors():
        class_ = open_classes(belongings.home).get_taught(belongings.workspace, class_id)
        runs = {run.record.id: run for run in caches.get_class_board(class_.id).read(class_)[1]}
        capacity = caches.get_engine().read_capacity()
    active = {run.record.id: run for place in capacity.places for run in place.runs}
    records = [each.record for each in (*active.values(), *capacity.queue)]
    names = {each.id: name_run_owner(class_, each, runs.get(each.id)) for each in records}
    _draw(capacity, names)
    if reasons := _list_reasons(capacity):
        st.caption(" ".join(reasons))
    rows = [
        {
            "student": names[each.id],
            "run": each.name if each.id in runs else None,  # of others nobody is told
            "now": name_state(each),
            **_describe_place_of(each, active.get(each.id), capacity),
        }
        for each in records
    ]
    _show_table(rows, key=f"class_capacity_{class_.id}_{class_.names_hidden}")
    show_device_minutes(class_, list(runs.values()))


def _draw(capacity: Capacity, names: Mapping[str, str]) -> None:
    """Draw a row of boxes for each device or cluster, and one for the queue."""
    rows = []
    for number, place in enumerate(capacity.places):
        boxes = [_draw_run(names[run.record.id], run) for run in place.runs]
        boxes += [_draw_box("free", words) for words in _describe_free(place)]
        rows.append(_draw_row(_describe_place(place, number), boxes))
    waiting = [
        _draw_box("waits", f"{turn} {names[run.record.id]}", _describe_wait(run))
        for turn, run in enumerate(capacity.queue[:MAX_WAITING], 1)
    ]
    if more := len(capacity.queue) - len(waiting):
        waiting.append(_draw_box("waits", _("and {more:,} more", more=more)))
    title = _("Waiting, in the order of their turns") if waiting else _("Nobody waits.")
    st.html(f'{STYLE}<div class="capacity">{"".join(rows)}{_draw_row(title, waiting)}</div>')


def _draw_run(who: str, run: ActiveRun) -> str:
    words = name_state(run.record)
    if run.since:
        words = _("{state}, {done:.0%}", state=words, done=run.progress)
    return _draw_box("busy", who, words, f' style="--done: {run.progress:.0%}"')


def _draw_box(kind: str, words: str, below: str = "", style: str = "") -> str:
    small = f"<small>{html.escape(below)}</small>" if below else ""
    return f'<li class="{kind}"{style}>{html.escape(words)}{small}</li>'


def _draw_row(title: str, boxes: Sequence[str]) -> str:
    row = f"<ul>{''.join(boxes)}</ul>" if boxes else ""
    return f"<p>{html.escape(title)}</p>{row}"


def _name_place(place: Place, number: int) -> str:
    """Name a device or a cluster; the number counts from the processor, which is 0."""
    if place.hardware is None:
        return CLUSTERS.get(place.name, place.name)
    return _("GPU {number}", number=number) if number else _("Processor")


def _describe_place(place: Place, number: int) -> str:
    parts, hardware = [_name_place(place, number)], place.hardware
    if hardware:
        parts.append(hardware.name)
        if hardware.cores:
            parts.append(ngettext("{n} core", "{n} cores", hardware.cores, n=hardware.cores))
        if hardware.memory:
            parts.append(_("{size:,.0f} GB", size=hardware.memory / GIGABYTE))
    if place.at_once:
        parts.append(_("at most {runs:,} runs at a time", runs=place.at_once))
    return " · ".join(parts)


def _describe_free(place: Place) -> list[str]:
    """Say what a place has room for, once for each kind of run."""
    if not (place.runs or place.at_once):
        return [_("not used for training")]
    counts = Counter(place.free).items()
    return [f"{n:,} × {_(FREE[lane])}" if n > 1 else _(FREE[lane]) for lane, n in counts]


def _describe_wait(run: QueuedRun) -> str:
    from transfer_core.timing import TimeRange, describe_time_range  # brings torch

    if run.seconds is None:
        return _("not known yet")
    return _("in about {time}", time=describe_time_range(TimeRange(run.seconds, run.seconds)))


def _list_reasons(capacity: Capacity) -> list[str]:
    """Say why a place stays free while runs wait, and why it is not known how long they do."""
    free = {lane for place in capacity.places for lane in place.free}
    waiting = {run.lane for run in capacity.queue}
    reasons = [_(WHY_FREE[lane]) for lane in Lane if waiting and lane in free - waiting]
    if all(run.seconds is not None for run in capacity.queue):
        return reasons
    if any(place.hardware is None for place in capacity.places):
        return [*reasons, _("A cluster does not tell when it has room.")]
    return [
        *reasons,
        _("A wait is known once runs like all those before it were trained here."),
    ]


def _describe_place_of(
    record: RunRecord, run: ActiveRun | None, capacity: Capacity
) -> dict[str, object]:
    """The cells of a run that tell where it is performed, or when it will be."""
    if run is None:
        wait = next(_describe_wait(each) for each in capacity.queue if each.record is record)
        return {"wait": wait}
    on = [_name_place(place, n) for n, place in enumerate(capacity.places) if run in place.runs]
    return {
        "where": " ".join(filter(None, (", ".join(on), run.job))),
        "since": run.since and datetime.fromtimestamp(run.since),
        "done": 100 * run.progress if run.since else None,
    }


def _show_table(rows: Sequence[Mapping[str, object]], key: str) -> None:
    if not rows:
        return
    number = st.column_config.NumberColumn
    st.dataframe(
        rows,
        **fit_table(key, min(len(rows), MAX_VISIBLE_ROWS)),
        hide_index=True,
        width="stretch",
        column_order=("student", "run", "now", "where", "since", "done", "wait"),
        column_config={
            "student": st.column_config.TextColumn(_("student"), width=NAME_PIXELS),
            "run": st.column_config.TextColumn(_("run"), width=NAME_PIXELS),
            "now": _("now"),
            "where": _("where"),
            "since": st.column_config.DatetimeColumn(_("since"), format="HH:mm:ss"),
            "done": number(
                _("done (%)"), format="%.0f", help=_("Of its preparation, then of its training.")
            ),
            "wait": _("starts"),
        },
        placeholder="–",
        alt=_("A row for each of {runs:,} runs that train or wait.", runs=len(rows)),
    )
    hint_at_more_columns()
