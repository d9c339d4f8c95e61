"""The result of a run beside what Decide told before it was started."""

import streamlit as st

from pages.shared.layout import format_duration
from transfer_core.languages import N_, _
from transfer_core.runs import RunRecord, RunState


def show_expectation(record: RunRecord) -> None:
    """Say in a sentence or two whether accuracy and time are as they were expected."""
    if record.expectation is None:
        return
    sentences = [_compare_accuracy(record), _compare_time(record)]
    if record.state is not RunState.finished:
        sentences.append(_("The run was stopped, so it is not counted in the track record."))
    if words := " ".join(filter(None, sentences)):
        st.markdown(
            f":material/balance: {words}",
            help=_(
                "An 80 % interval is meant to miss one result in five. The page Runs counts how "
                "often it did."
            ),
        )


def _compare_accuracy(record: RunRecord) -> str:
    told, result = record.expectation, record.result
    holds = told.holds_accuracy(result.accuracy)
    if holds is None:
        return ""
    values = {"low": told.low, "high": told.high}
    if told.measured:
        before = _(
            "Before the run, {low:.0%} to {high:.0%} was measured (80 % interval).", **values
        )
    else:
        before = _(
            "Before the run, {low:.0%} to {high:.0%} was forecast (80 % interval).", **values
        )
    if holds:
        after = N_("The result, **{share:.1%}**, lies **inside**.")
    elif result.accuracy < told.low:
        after = N_("The result, **{share:.1%}**, lies **below that**: {why}.")
    else:
        after = N_("The result, **{share:.1%}**, lies **above that**: {why}.")
    return f"{before} {_(after, share=result.accuracy, why=_explain_miss(record))}"


def _explain_miss(record: RunRecord) -> str:
    """Say what can be behind a result outside of its interval."""
    told, result = record.expectation, record.result
    if result.low <= told.high and result.high >= told.low:  # the 95 % interval of the test
        return _("with {images:,} test images, that may be chance", images=result.images)
    if result.accuracy < told.low:
        return _("what was told was too high, or the images have a flaw (see Repair)")
    return _("what was told was too low, or test images resemble training images (see Repair)")


def _compare_time(record: RunRecord) -> str:
    from transfer_core.timing import TimeRange, describe_time_range  # brings torch

    told, seconds = record.expectation, record.seconds
    if told.holds_seconds(seconds) is None:
        return ""
    expected = describe_time_range(TimeRange(told.seconds_low, told.seconds_high))
    took = format_duration(seconds)
    return _("It was to take {expected}; it took {took}.", expected=expected, took=took)
