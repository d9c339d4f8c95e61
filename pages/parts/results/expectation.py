"""The result of a run beside what Decide told before it was started."""

import streamlit as st

from pages.shared.layout import format_duration
from transfer_core.runs import RunRecord, RunState


def show_expectation(record: RunRecord) -> None:
    """Say in a sentence or two whether accuracy and time are as they were expected."""
    if record.expectation is None:
        return
    sentences = [_compare_accuracy(record), _compare_time(record)]
    if record.state is not RunState.finished:
        sentences.append("The run was stopped, so it is not counted in the track record.")
    if words := " ".join(filter(None, sentences)):
        st.markdown(
            f":material/balance: {words}",
            help="An 80 % interval is meant to miss one result in five. The page Runs counts how "
            "often it did.",
        )


def _compare_accuracy(record: RunRecord) -> str:
    told, accuracy = record.expectation, record.result.accuracy
    holds = told.holds_accuracy(accuracy)
    if holds is None:
        return ""
    how = "measured" if told.measured else "forecast"
    where = "inside" if holds else "below that" if accuracy < told.low else "above that"
    return (
        f"Before the run, {told.low:.0%} to {told.high:.0%} was {how} (80 % interval). "
        f"The result, **{accuracy:.1%}**, lies **{where}**."
    )


def _compare_time(record: RunRecord) -> str:
    from transfer_core.timing import TimeRange, describe_time_range  # brings torch

    told, seconds = record.expectation, record.seconds
    holds = told.holds_seconds(seconds)
    if holds is None:
        return ""
    expected = describe_time_range(TimeRange(told.seconds_low, told.seconds_high))
    link = "and it took" if holds else "but it took"
    return f"It was to take {expected}, {link} {format_duration(seconds)}."
