"""The common look of all figures: colours for colour-blind people, in light and dark themes."""

import plotly.graph_objects as go

from transfer_core.languages import find_number_marks, get_language

# Okabe and Ito 2008, "Color universal design", darkened to a contrast of 3:1 against the
# backgrounds of both themes.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#2a78b5", "#d1720a", "#12876a", "#a8558a", "#7a7f87"
TRANSPARENT = "rgba(0, 0, 0, 0)"
TEXT_ON_LIGHT, TEXT_ON_DARK = "#2b303b", "#e6e9ef"
# Opaque, so that numbers in the cells have contrast in both themes.
COLOURSCALE_ON_LIGHT = [[0, "#e3edf6"], [1, "#1d5a8c"]]
COLOURSCALE_ON_DARK = [[0, "#1c3348"], [1, "#bfe0f8"]]

# Colour and hatching: colour never carries meaning alone.
LAYER_STATE_STYLES = {
    "kept": (GREEN, ""),
    "frozen": (BLUE, "/"),
    "cut away": (GREY, "x"),
    "new": (ORANGE, "-"),
    "randomised": (PURPLE, "."),
}


def apply_layout(figure: go.Figure, title: str, *, height: int = 380) -> go.Figure:
    """Set the title, background, margins and marks of numbers that all figures share."""
    _set_number_marks(figure)
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure.update_layout(
        title={
            "text": title,
            "font": {"size": 16},
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 8},
        },
        height=height,
        margin={"l": 10, "r": 10, "t": 88, "b": 10},  # room for a legend of two rows
        paper_bgcolor=TRANSPARENT,
        plot_bgcolor=TRANSPARENT,
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        hoverlabel={"namelength": -1},
        dragmode=False,  # a swipe over it on a phone scrolls the page
    )


def _set_number_marks(figure: go.Figure) -> None:
    """Write numbers as the reader's language does, on hover all but the percent sign."""
    decimal, group, percent = find_number_marks(get_language())
    figure.update_layout(separators=decimal + group)
    if percent != "%":  # Plotly itself knows no other
        labels = {f"{number}%": f"{number}{percent}" for number in range(101)}
        figure.update_xaxes(labelalias=labels).update_yaxes(labelalias=labels)
        figure.update_traces(colorbar_labelalias=labels, selector={"type": "heatmap"})


def apply_theme(figure: go.Figure, *, dark: bool, scale: float = 1.0) -> go.Figure:
    """Set the colours that depend on the theme of the page, and the size of type and lines.

    The colours are those of all text and the colour scale of heatmaps: in both themes, high values
    stand out from the background.

    Args:
        figure: To change.
        dark: Whether the page is dark.
        scale: How many times larger than usual type and lines are.
    """
    colour = TEXT_ON_DARK if dark else TEXT_ON_LIGHT
    axis = {"tickfont": {"color": colour}, "title": {"font": {"color": colour}}}
    figure.update_layout(font={"color": colour}, title={"font": {"color": colour}})
    figure.update_layout(legend={"font": {"color": colour}})
    shares = COLOURSCALE_ON_DARK if dark else COLOURSCALE_ON_LIGHT
    figure.update_traces(colorscale=shares, selector={"type": "heatmap"})
    if scale != 1:
        _enlarge(figure, scale)
    return figure.update_xaxes(axis).update_yaxes(axis)


def _enlarge(figure: go.Figure, scale: float) -> None:
    """Draw type, lines and points larger, and the figure taller to make room for them."""
    figure.update_layout(font_size=12 * scale, title_font_size=16 * scale)
    figure.update_annotations(font_size=12 * scale)
    if figure.layout.height:
        figure.update_layout(height=figure.layout.height * (1 + (scale - 1) / 2))
    for trace in figure.data:
        if trace.type == "scatter":
            trace.line.width = scale * (trace.line.width or 2)
            if trace.marker.size is None or isinstance(trace.marker.size, int | float):
                trace.marker.size = scale * (trace.marker.size or 6)


def escape_label(text: str, max_length: int = 40) -> str:
    """Shorten a name that a person gave, and escape it: figures must not read it as markup."""
    text = text if len(text) <= max_length else text[: max_length - 1] + "…"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
