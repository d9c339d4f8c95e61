"""Small line charts with a cursor for mouse, finger and keyboard, redrawn in an instant."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from transfer_core.languages import get_language

_SCRIPT = Path(__file__).with_suffix(".js")
_COMPONENT = st.components.v2.component(
    "transfer_lab_curve_chart",
    html='<div class="curve-charts"></div>',
    css=_SCRIPT.with_suffix(".css").read_text(encoding="utf-8"),
    js=_SCRIPT.read_text(encoding="utf-8"),
    isolate_styles=False,  # all classes begin with "curve-"
)


def show_curve_charts(charts: Sequence[dict[str, Any]], description: str, *, key: str) -> None:
    """Draw charts side by side, one above the other on a narrow screen.

    Args:
        charts: From `figures.build_head_charts` or `figures.build_enough_chart`.
        description: Text alternative of all charts.
        key: Constant while the charts are the same ones with other numbers.
    """
    given = {"charts": list(charts), "description": description, "language": get_language()}
    _COMPONENT(key=key, data=given)
