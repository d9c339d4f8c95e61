"""The table of runs: filters above it, rows that can be chosen."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import streamlit as st

from pages.shared import session
from pages.shared.layout import format_duration, hint_at_more_columns
from pages.shared.presenting import fit_table
from pages.shared.result_words import describe_interval
from pages.shared.run_states import STATE_NAMES, name_state
from transfer_core.cases import TransferCase
from transfer_core.languages import _
from transfer_core.runs import SORT_KEYS, RunFilter, RunRecord, RunState, filter_runs

MAX_VISIBLE_ROWS = 12  # the table scrolls if it has more


def show_run_filters(
    records: Sequence[RunRecord], names: Mapping[str, str]
) -> tuple[RunRecord, ...]:
    """Draw the filters; returns the runs that pass them, in the chosen order."""
    left, right = st.columns([3, 1])
    session.keep_in_url("runs_text", "")
    session.keep_in_url("runs_order", next(iter(SORT_KEYS)), SORT_KEYS)
    text = left.text_input(
        _("Search"),
        key="runs_text",
        persist_state="session",
        icon=":material/search:",
        placeholder=_("words of the name, notes, tags, data set or network"),
    )
    order = right.selectbox(
        _("Order"),
        list(SORT_KEYS),
        key="runs_order",
        persist_state="session",
        format_func=_,
    )
    wanted = _choose_filters(records, names)
    shown = filter_runs(records, RunFilter(text, *wanted), order, names)
    if len(shown) < len(records):
        st.caption(_("{shown:,} of {runs:,} runs.", shown=len(shown), runs=len(records)))
    return shown


def _choose_filters(
    records: Sequence[RunRecord], names: Mapping[str, str]
) -> tuple[list, list, list, list]:
    """Let tags, data sets, states and cases be chosen, in this order."""
    used = list({record.config.data_id: None for record in records})
    cases = [case.value for case in TransferCase]
    with st.expander(_("Filter by tag, data set, state or case"), icon=":material/filter_list:"):
        first, second = st.columns(2)
        third, fourth = st.columns(2)
        return (
            _choose_several(first, _("With all these tags"), "tags", sorted(collect_tags(records))),
            _choose_several(
                second, _("On these data sets"), "data", used, lambda each: names.get(each, each)
            ),
            _choose_several(
                third,
                _("In these states"),
                "states",
                [state.value for state in RunState],
                lambda each: _(STATE_NAMES[each]),
            ),
            _choose_several(
                fourth,
                _("Of these cases"),
                "cases",
                cases,
                lambda each: _(TransferCase(each).title),
            ),
        )


def collect_tags(records: Sequence[RunRecord]) -> set[str]:
    """Every tag that a run has."""
    return {tag for record in records for tag in record.tags}


def _choose_several(place, label: str, name: str, options: list, words=str) -> list:
    session.keep_several_in_url(f"runs_{name}", options)
    return place.multiselect(
        label,
        options,
        format_func=words,
        key=f"runs_{name}",
        persist_state="session",
        placeholder=_("any"),
    )


def show_runs_table(
    shown: Sequence[RunRecord], names: Mapping[str, str], chosen: Collection[str]
) -> tuple[str, ...]:
    """Draw the runs; returns the ids of the rows that are chosen.

    Args:
        shown: The runs, one for each row.
        names: Names of the data sets by their ids, titles of the networks by their names.
        chosen: Ids of the runs whose rows are chosen at first.
    """
    event = st.dataframe(
        [make_row(record, names) for record in shown],
        # A selection holds row numbers, so another list of runs needs another table.
        **fit_table(
            f"runs_table_{hash(tuple(record.id for record in shown))}",
            min(len(shown), MAX_VISIBLE_ROWS),
        ),
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={
            "selection": {"rows": [i for i, r in enumerate(shown) if r.id in chosen]}
        },
        column_config={
            "run": st.column_config.TextColumn(_("run"), width="medium"),
            "test accuracy (%)": st.column_config.NumberColumn(
                _("test accuracy (%)"),
                format="%.1f",
                help=_("On images that nothing has learned from."),
            ),
            "95 % interval": st.column_config.TextColumn(
                _("95 % interval"),
                help=_("Where the accuracy on very many images of this kind would lie."),
            ),
            "state": _("state"),
            "case": _("case"),
            "data set": _("data set"),
            "network": _("network"),
            "took": _("took"),
            "notes": _("notes"),
            "tags": st.column_config.ListColumn(_("tags")),
            "started": st.column_config.DatetimeColumn(_("started"), format="YYYY-MM-DD, HH:mm"),
        },
        placeholder="–",
        alt=_("Table of {runs:,} runs; each row can be chosen.", runs=len(shown)),
    )
    hint_at_more_columns()
    return tuple(shown[row].id for row in event.selection.rows if row < len(shown))


def make_row(record: RunRecord, names: Mapping[str, str]) -> dict:
    """A row of the table."""
    result, config = record.result, record.config
    return {
        "run": record.name,
        "state": _("imported") if record.is_imported else name_state(record),
        "test accuracy (%)": 100 * result.accuracy if result else None,
        "95 % interval": describe_interval(result.low, result.high) if result else "",
        "case": config.strategy.textbook_case,  # none beyond the textbook
        "data set": names.get(config.data_id, _("removed")),
        "network": names.get(config.network, config.network),
        "tags": list(record.tags),
        "started": datetime.fromtimestamp(record.created),
        "took": "" if record.seconds is None else format_duration(record.seconds),
        "notes": record.notes,
    }
