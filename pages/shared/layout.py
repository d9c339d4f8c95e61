"""Parts of every page: title, errors as advice, links onwards, figures, safe names."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import streamlit as st

from pages.shared import language, presenting, session
from transfer_core import networks
from transfer_core.dataset import SPLITS, DataSet
from transfer_core.errors import TransferError
from transfer_core.figures import apply_theme
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork, has_weights
from transfer_core.system import translate_disk_errors

# The themes' blue is dark enough for white text on it, too dark as text itself. Less room at the
# edges and smaller titles leave more of a first screen to what the page shows. Streamlit's own CSV
# of a table is hidden: a spreadsheet would take a cell of it for a formula.
PAGE_STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 4.2rem max(1rem, 3%) 4rem; }
[data-testid="stMain"] h1 { padding: 0 !important; font-size: 1.8rem; }
[data-testid="stMain"] h2 { font-size: 1.45rem; } [data-testid="stMain"] h3 { font-size: 1.2rem; }
[data-testid="stSlider"] [data-testid="stSliderThumbValue"],
[data-testid="stButtonGroup"] button[data-selected="true"] { color: inherit !important; }
[data-testid="stElementToolbarButton"]:has([aria-label^="Download as CSV"]) { display: none; }
@media (min-width: 800px) { .st-key-layout_more_columns { display: none; } }
</style>"""


def show_page_title(title: str, page: str) -> None:
    """Draw the title of a page, the choice of a language, and the switch to present it.

    Args:
        title: For people.
        page: The page's path from the app's folder.
    """
    session.ensure_pages_arranged(page)
    with show_errors():
        session.get_belongings()  # ends the page if the workspace was emptied
    link_works = session.open_shared_link()
    st.html(PAGE_STYLE)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.title(title, anchor=False, width="stretch")
        language.offer_languages()
        presenting.offer_presenting()
    if not link_works:
        st.warning(_("This link was withdrawn."), icon=":material/link_off:")
    if session.is_of_tab_only():
        st.caption(_("Without cookies, what you do here ends with this tab."))
    session.ask_before_leaving()


@contextmanager
def show_errors() -> Iterator[None]:
    """Show a TransferError with its problem, evidence and remedy; then stop the page.

    An error of the disk is shown in the same way.
    """
    try:
        with translate_disk_errors():
            yield
    except TransferError as error:
        show_problem(error.problem, error.found, error.remedy)
        st.stop()


def show_problem(problem: str, found: str, remedy: str) -> None:
    """Draw a problem, the evidence for it, and the remedy."""
    problem, found = _(problem), _(found)
    remedy, __, drawing = _(remedy).partition("\n")
    with st.container(border=True):
        st.error(escape_markdown(problem), icon=":material/error:")
        if "\n" in found:
            st.code(found, language=None)
        elif found:
            st.markdown(f"**{_('Found:')}** {escape_markdown(found)}")
        st.markdown(f"**{_('What to do:')}** {escape_markdown(remedy)}")
        if drawing:
            st.code(drawing, language=None)


def stop_unless(present: object, message: str, page: str, label: str, **query: str) -> None:
    """End a page whose input is missing, with a link to the page that makes it."""
    if not present:
        st.info(message, icon=":material/info:")
        st.page_link(page, label=label, icon=":material/arrow_forward:", query_params=query)
        st.stop()


def require_weights(source: SourceNetwork) -> SourceNetwork:
    """Return the network if its weights are here; else end the page with two ways on."""
    if not has_weights(source):
        st.info(
            _(
                "The weights of {network} are not on this computer. Get them, or take the "
                "demonstration network, whose weights are part of the program.",
                network=escape_markdown(source.title),
            ),
            icon=":material/info:",
        )
        icon = ":material/arrow_forward:"
        st.page_link("pages/networks.py", label=_("Get them on Networks"), icon=icon)
        offer_demonstration_network()
        st.stop()
    return source


def offer_demonstration_network() -> None:
    """Draw a button that chooses the demonstration network, which needs no download."""
    # A callback also works if the button is not drawn again; the new key resets the widgets that
    # show another network.
    st.button(
        _("Take the demonstration network"),
        icon=":material/check:",
        key="layout_demonstration",
        on_click=session.change,
        kwargs={"network": networks.DEFAULT_NETWORK, "start_key": session.make_key()},
    )


def offer_next_page(label: str, page: str, **query: str) -> None:
    """Draw the button to the next page of the journey."""
    icon = ":material/arrow_forward:"
    if st.button(label, type="primary", icon=icon, key=f"go_on_{page}"):
        st.switch_page(page, query_params=query)


def build_page_url(**query: str) -> str:
    """The address of this page with another query, to share it."""
    url = (st.context.url or "").partition("?")[0]
    return f"{url}?{urlencode(query, safe=',')}"


def escape_markdown(text: str) -> str:
    """Escape a text that a person wrote, so that Markdown shows it as it is."""
    text = re.sub(r"([\\`*_{}\[\]()#+!|$<>~:^-])", r"\\\1", " ".join(text.split()))
    return text.replace("www.", "www\\.")


def describe_split(data: DataSet) -> str:
    """Say how many images learn, validate and test."""
    train, validation, test = (len(data.indices(split)) for split in SPLITS)
    return _(
        "{images:,} images: {train:,} train, {validation:,} validate, {test:,} test.",
        images=len(data.records),
        train=train,
        validation=validation,
        test=test,
    )


def show_figure(figure, description: str, *, key: str, caption: bool = True, **options):
    """Draw a Plotly figure with its text alternative; `caption` also shows the text below it."""
    config = {"displayModeBar": False}
    is_dark = st.context.theme.type == "dark"
    figure = apply_theme(figure, dark=is_dark, scale=presenting.get_scale())
    event = st.plotly_chart(figure, key=key, config=config, alt=description, **options)
    if caption:
        st.caption(escape_markdown(description))
    return event


def hint_at_more_columns() -> None:
    """Say, on a narrow screen, that a table above goes on at its right."""
    with st.container(key="layout_more_columns"):
        st.caption(_("↔ Swipe the table: it has more columns."))


def disable_taps(key: str) -> None:
    """Let figures whose keys begin with `key` ignore taps; lists beside them choose instead.

    Plotly takes a tap for a click on the point that was tapped before.
    """
    nothing = f'[class*="st-key-{key}"] * {{ pointer-events: none !important; }}'
    st.html(f"<style>@media (hover: none) {{ {nothing} }}</style>")


def format_duration(seconds: float) -> str:
    """Write seconds for people: "48 s", "3 min 20 s"."""
    if seconds < 60:
        return _("{s:.0f} s", s=seconds) if seconds >= 10 else _("{s:.1f} s", s=seconds)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return _("{minutes} min {s} s", minutes=minutes, s=rest)
    return _("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)
