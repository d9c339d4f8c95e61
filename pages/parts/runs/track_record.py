"""The track record: how often results lay where the app had expected them."""

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_errors
from transfer_core.languages import _
from transfer_core.runs import Tally, TrackRecord, load_track_records


def show_track_record() -> None:
    """Say for each network how often its results lay inside what was told before the run."""
    with show_errors():
        records = load_track_records(caches.get_engine().store)
    if not records:
        return
    names = session.list_names()
    with st.expander(_("How often were the forecasts right?"), icon=":material/balance:"):
        for record in records:
            title = escape_markdown(names.get(record.network, record.network))
            st.markdown(f"**{title}**: {_describe(record)}.")
        st.caption(
            _(
                "Runs that were started on this computer with the settings that Decide proposed, "
                "and finished. Deleted runs stay counted."
            )
        )


def _describe(record: TrackRecord) -> str:
    parts = [record.describe_accuracies()]
    if record.measured.total and record.forecast.total:
        parts[0] += " " + _(
            "(measured {measured}, forecast {forecast})",
            measured=_count(record.measured),
            forecast=_count(record.forecast),
        )
    if record.seconds.total:
        parts.append(record.describe_seconds())
    return "; ".join(parts)


def _count(tally: Tally) -> str:
    return _("{inside:,} of {total:,}", inside=tally.inside, total=tally.total)
