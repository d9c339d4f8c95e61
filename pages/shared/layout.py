"""What all pages have in common: errors shown as advice, missing steps, safe names."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import streamlit as st

from pages.shared import session
from transfer_core import networks
from transfer_core.errors import TransferError
from transfer_core.figures.theme import apply_theme
from transfer_core.networks import SourceNetwork
from transfer_core.networks.weights_location import get_weights_status

# The themes' blue is dark enough for white text on it, too dark as text itself.
CONTRAST_STYLE = """<style>
[data-testid="stSlider"] [data-testid="stSliderThumbValue"],
[data-testid="stButtonGroup"] button[data-selected="true"] { color: inherit !important; }
</style>"""


def show_page_title(title: str, page: str) -> None:
    """The head of a page; the page is named by its path from the app's folder."""
    session.ensure_pages_arranged(page)
    st.html(CONTRAST_STYLE)
    st.title(title, anchor=False)


@contextmanager
def show_errors() -> Iterator[None]:
    """Show a TransferError as what is wrong, what was found, and what to do; then stop."""
    try:
        yield
    except TransferError as error:
        show_problem(error.problem, error.found, error.remedy)
        st.stop()


def show_problem(problem: str, found: str, remedy: str) -> None:
    """Three parts: what is wrong, what shows it, what to do."""
    remedy, _, drawing = remedy.partition("\n")
    with st.container(border=True):
        st.error(escape_markdown(problem), icon=":material/error:")
        if "\n" in found:
            st.code(found, language=None)
        elif found:
            st.markdown(f"**Found:** {escape_markdown(found)}")
        st.markdown(f"**What to do:** {escape_markdown(remedy)}")
        if drawing:
            st.code(drawing, language=None)


def stop_unless(present: object, message: str, page: str, label: str) -> None:
    """End a page that lacks its input, with a link to where it is made."""
    if not present:
        st.info(message, icon=":material/info:")
        st.page_link(page, label=label, icon=":material/arrow_forward:")
        st.stop()


def require_weights(source: SourceNetwork) -> SourceNetwork:
    """A network whose weights are on this computer; else the page ends with the ways on."""
    if get_weights_status(source) == "download":
        st.info(
            f"The weights of {escape_markdown(source.title)} are not on this computer. Download them, or "
            "take the demonstration network, whose weights are part of the program.",
            icon=":material/info:",
        )
        icon = ":material/arrow_forward:"
        st.page_link("pages/networks.py", label="Download them on Networks", icon=icon)
        offer_demonstration_network()
        st.stop()
    return source


def offer_demonstration_network() -> None:
    """A button that chooses the network that is always there."""
    # By a callback, which also works where the button is not drawn again; the new key lets
    # widgets that show another network begin anew.
    st.button(
        "Take the demonstration network",
        icon=":material/check:",
        key="layout_demonstration",
        on_click=session.change,
        kwargs={"network": networks.DEFAULT_NETWORK, "start_key": session.make_key()},
    )


def offer_next_page(label: str, page: str, **query: str) -> None:
    """The way to the next page of the journey."""
    icon = ":material/arrow_forward:"
    if st.button(label, type="primary", icon=icon, key=f"go_on_{page}"):
        st.switch_page(page, query_params=query)


def build_page_url(**query: str) -> str:
    """This page's address with another query, to be shared."""
    url = (st.context.url or "").partition("?")[0]
    return f"{url}?{urlencode(query, safe=',')}"


def escape_markdown(text: str) -> str:
    """Text of a person's, so that markdown shows it as it is."""
    text = re.sub(r"([\\`*_{}\[\]()#+!|$<>~:^-])", r"\\\1", " ".join(text.split()))
    return text.replace("www.", "www\\.")


@contextmanager
def show_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar while something works, as a callback; drawn ten times a second at most.

    Drawing also lets a click elsewhere end the work, which is how it is cancelled.
    """
    bar, drawn = st.empty(), time.monotonic()

    def report(what: str, done: int, total: int) -> None:
        nonlocal drawn
        if time.monotonic() - drawn > 0.1:
            drawn = time.monotonic()
            share = min(1.0, done / max(total, 1))
            bar.progress(share, text=f"{what}: {done:,} of {total:,}")

    with empty_on_exit(bar):
        yield report


@contextmanager
def empty_on_exit(place) -> Iterator[None]:
    """Empty a place of the page when the work that it belongs to has ended, well or not."""
    try:
        yield
    finally:
        place.empty()


def show_figure(figure, description: str, *, key: str, caption: bool = True, **options):
    """A Plotly figure with its text alternative, which is also shown unless it repeats labels."""
    config = {"displayModeBar": False}
    figure = apply_theme(figure, dark=st.context.theme.type == "dark")
    event = st.plotly_chart(figure, key=key, config=config, alt=description, **options)
    if caption:
        st.caption(escape_markdown(description))
    return event


def disable_taps(key: str) -> None:
    """Let figures whose keys begin so ignore taps, beside which buttons or lists choose.

    Plotly takes a tap for a click on what was tapped before it.
    """
    nothing = f'[class*="st-key-{key}"] * {{ pointer-events: none !important; }}'
    st.html(f"<style>@media (hover: none) {{ {nothing} }}</style>")


def format_duration(seconds: float) -> str:
    """Seconds for people: "48 s", "3 min 20 s"."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
