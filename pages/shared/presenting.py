"""The switch that makes type and lines larger, for a projector; the address keeps it."""

import streamlit as st

from pages.shared import session
from transfer_core.languages import _

SCALE = 1.6  # times as large are type and lines while presenting
SWITCH_KEY = "layout_present"
ROW_PIXELS = 35  # of a table
NAME_PIXELS = 120  # of a table's column of names, of which a long one would hide all others
# The menu keeps its size: Streamlit measures once how many pages have room in it.
STYLE = f"""<style>
html {{ font-size: {SCALE:.0%} !important; }}
[data-testid="stHeader"] {{ zoom: {1 / SCALE}; }}
[data-testid="stMainBlockContainer"] {{ padding-top: {4.2 / SCALE}rem !important; }}
</style>"""


def is_presenting() -> bool:
    """Whether type and lines are larger; what the address says is kept on the other pages."""
    if session.get_requested("present") and not session.get_journey().present:
        session.change(present=True)
    return session.get_journey().present


def get_scale() -> float:
    """How many times larger than usual type and lines are."""
    return SCALE if is_presenting() else 1.0


def fit_table(key: str, rows: int) -> dict[str, str | int]:
    """What makes a table as large as its type, which it reads when it is drawn first.

    Args:
        key: Of the table.
        rows: That are seen.
    """
    height = round(get_scale() * ROW_PIXELS)
    return {
        "key": f"{key}_{height}",
        "row_height": height,
        "height": height * (rows + 1) + 3,
    }


def offer_presenting() -> None:
    """Draw the switch, and make the page larger if it is on."""
    if is_presenting():
        st.html(STYLE)
        session.write_to_url("present", "yes")
    st.session_state[SWITCH_KEY] = is_presenting()
    st.toggle(
        _("Present"),
        key=SWITCH_KEY,
        on_change=_switch,
        help=_("Larger type and lines, for a projector. The address keeps it."),
        width="content",
    )


def _switch() -> None:
    is_on = st.session_state[SWITCH_KEY]
    session.change(present=is_on)
    session.write_to_url("present", "yes" if is_on else None)
