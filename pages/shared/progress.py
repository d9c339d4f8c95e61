"""Progress bars for long work on a page; a click elsewhere cancels the work."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from transfer_core.errors import BusyError
from transfer_core.languages import N_, _

TIMING_MESSAGE = N_("Timing a few batches on this computer")


@contextmanager
def show_progress(*, cancel_page: str | None = None) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a callback that draws a progress bar, at most ten times a second for the same work.

    What is new is drawn at once, for it may be the last that is told for long. Drawing also lets
    a click elsewhere end the work, and so cancels it.

    Args:
        cancel_page: The page to which a link "Cancel" leads, for work without which this page
            cannot go on.
    """
    bar, cancel, is_linked = st.empty(), st.empty(), False
    drawn, shown = 0.0, None  # when, and what

    def report(what: str, done: int, total: int) -> None:
        nonlocal drawn, shown, is_linked
        if what != shown or time.monotonic() - drawn > 0.1:
            drawn, shown = time.monotonic(), what
            share = min(1.0, done / max(total, 1))
            text = _("{what}: {done:,} of {total:,}", what=_(what), done=done, total=total)
            bar.progress(share, text=text if total > 1 else _(what))
            if cancel_page and not is_linked:
                cancel.page_link(cancel_page, label=_("Cancel"), icon=":material/close:")
                is_linked = True

    with empty_on_exit(bar), empty_on_exit(cancel):
        yield report


@contextmanager
def empty_on_exit(placeholder) -> Iterator[None]:
    """Empty a placeholder of the page when the work ends, also after an error."""
    try:
        yield
    finally:
        placeholder.empty()


@contextmanager
def show_timing() -> Iterator[Callable[[str, int, int], None]]:
    """Show progress while batches are timed; show one sentence if they cannot be timed now."""
    try:
        with st.spinner(_(TIMING_MESSAGE)), show_progress() as report:
            yield report
    except BusyError as error:
        st.markdown(f":material/timer_off: {error.problem} {error.remedy}")
