"""Show progress while a page measures how fast this computer trains."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from pages.shared.layout import show_progress
from transfer_core.errors import BusyError

TIMING_MESSAGE = "Timing a few batches on this computer"


@contextmanager
def show_timing() -> Iterator[Callable[[str, int, int], None]]:
    """Show progress while batches are timed; show one sentence if they cannot be timed now."""
    try:
        with st.spinner(TIMING_MESSAGE), show_progress() as report:
            yield report
    except BusyError as error:
        st.markdown(f":material/timer_off: {error.problem} {error.remedy}")
