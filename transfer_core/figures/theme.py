"""One look for all figures: colours that colour-blind people tell apart, in light and dark."""

import plotly.graph_objects as go

# Okabe and Ito 2008, "Color universal design"; each keeps 3:1 against white and near-black
# when drawn with the outline that figures give it.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#2a78b5", "#d1720a", "#12876a", "#a8558a", "#7a7f87"
FAINT = "rgba(128, 132, 140, 0.25)"

STATES = {  # of a layer: colour and hatching, so that colour never carries meaning alone
    "kept": (GREEN, ""),
    "frozen": (BLUE, "/"),
    "cut away": (GREY, "x"),
    "new": (ORANGE, ""),
    "randomised": (PURPLE, "."),
}


def styled(figure: go.Figure, title: str, *, height: int = 380) -> go.Figure:
    """Title, transparent background and margins that all figures share."""
    return figure.update_layout(
        title={
            "text": title,
            "font": {"size": 16},
            "x": 0,
            "xanchor": "left",
            "y": 0.98,
            "yanchor": "top",
        },
        height=height,
        margin={"l": 10, "r": 10, "t": 80, "b": 10},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        legend={"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0},
        hoverlabel={"namelength": -1},
    )


def plain(text: str, length: int = 40) -> str:
    """A name that people gave, for a figure: never read as markup, never too long."""
    text = text if len(text) <= length else text[: length - 1] + "…"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
