"""Live charts that keep the person's zoom and legend choices while new points arrive.

`st.plotly_chart` builds its chart anew with every change of data, so a zoom is lost
within a second. This component hands new data to Plotly.react with a constant
`uirevision`, which is what Plotly offers to keep such choices.
"""

from pathlib import Path

import plotly
import streamlit as st
import streamlit.components.v1 as served

from pages.shared.language import translate_words
from pages.shared.presenting import get_scale
from pages.shared.served_scripts import build_file_url, make_loader
from transfer_core.languages import N_, find_number_marks, get_language

# The library comes from the installed plotly package, served (and cached by the browser)
# as a static file: a component declared with a folder does exactly that.
_PLOTLY_COMPONENT = served.declare_component(
    "plotly_library", path=str(Path(plotly.__file__).parent / "package_data")
)
_STYLE = """
.live-charts { display: grid; gap: 1rem; }
.live-charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); }
.live-chart { height: 20rem; min-width: 0; }
@media (prefers-reduced-motion: reduce) { .live-chart * { transition: none !important; } }
"""
POSITIONS = ("x", "customdata")  # of a trace; charts of the same rows have the same
WORDS = {
    "name": N_("Live charts"),
    "steps": N_("training steps, one batch each"),
    "failed": N_("This chart could not be loaded."),
}
_COMPONENT = st.components.v2.component(
    "transfer_lab_live_chart",
    html='<div class="live-charts"></div>',
    css=_STYLE,
    js=make_loader("live_chart.js"),
    isolate_styles=False,  # Plotly's own styles lie in the page, not in a shadow tree
)


def show_live_charts(
    charts: list[dict], description: str, *, key: str, pace: dict | None = None
) -> None:
    """Draw charts side by side, one above the other on a narrow screen.

    Args:
        charts: Each {"title", "x", "y", "traces"}: axis titles and Plotly traces whose x
            is in epochs and whose customdata is the training step of each point; all have as
            many traces.
        description: Text alternative of all charts.
        key: Constant while the charts are the same ones with more points.
        pace: {"run", "epochsPerSecond"}: draws the points of this run no faster than that, so
            that a person can follow; None draws what is there at once.
    """
    given = {
        "charts": _leave_out_repeated(charts),
        "description": description,
        "library": build_library_url(),
        "pace": pace,
        "words": translate_words(WORDS),
        "separators": "".join(find_number_marks(get_language())[:2]),
        "scale": get_scale(),
    }
    _COMPONENT(key=key, data=given)


def build_library_url() -> str:
    """Path of plotly.min.js on this server."""
    return build_file_url(_PLOTLY_COMPONENT.name, "plotly.min.js", plotly.__version__)


def _leave_out_repeated(charts: list[dict]) -> list[dict]:
    """The charts without the lists that the trace at the same place of the first one has too."""
    first, *others = charts
    return [
        first,
        *(
            chart | {"traces": list(map(_leave_out, chart["traces"], first["traces"]))}
            for chart in others
        ),
    ]


def _leave_out(trace: dict, known: dict) -> dict:
    repeated = [name for name in POSITIONS if trace[name] == known[name]]
    return {name: value for name, value in trace.items() if name not in repeated}
