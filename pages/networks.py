"""Networks: which one suits the images, the catalog, downloads, and a person's own weights."""

import streamlit as st

from pages.parts.networks.catalog_table import filter_networks, show_catalog
from pages.parts.networks.comparison import show_comparison
from pages.parts.networks.network_details import show_network_details, upload_own_weights
from pages.parts.networks.timm_search import search_timm_networks
from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_errors, show_page_title
from transfer_core import networks
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork, has_weights

CHOICE_KEY = "networks_choice"


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Networks"), "pages/networks.py")
    with show_errors():
        data_id = session.get_current_id("data")
        data = caches.load_data_set(data_id) if data_id else None
        # The demonstration network has no ImageNet accuracy and comes first.
        catalog = sorted(
            networks.list_networks(),
            key=lambda each: (not has_weights(each), -each.card.get("accuracy", 1)),
        )
    st.subheader(_("Which of these suits my images?"), anchor=False)
    if data:
        st.caption(
            _(
                "{name}: {images:,} images",
                name=escape_markdown(data.name),
                images=len(data.records),
            )
        )
        show_comparison(data)
    else:
        st.page_link(
            "pages/data.py", label=_("Bring images in to compare"), icon=":material/photo_library:"
        )
    show_all_networks(catalog)


def show_all_networks(catalog: list[SourceNetwork]) -> None:
    """Draw the catalog with its filters, and one network of it in detail."""
    st.subheader(_("All networks"), anchor=False)
    best = networks.choose_network_for_photos()
    st.caption(
        _(
            "The demonstration network is small enough to watch; the others are larger, and most "
            "learned from ImageNet's 1.28 million photos. Own photos start with: {network}.",
            network=escape_markdown(best.title),
        )
    )
    shown = filter_networks(catalog)
    if not shown:
        st.info(_("No network is so. Loosen the filters."), icon=":material/filter_alt_off:")
        return
    st.caption(
        _(
            "{shown} of {networks} networks. Click a header to sort.",
            shown=len(shown),
            networks=len(catalog),
        )
    )
    clicked = show_catalog(shown)
    network = search_timm_networks() or choose_network(shown, clicked)
    with st.container(border=True):
        show_network_details(network)
    if network.origin != "own":
        with st.expander(_("Your own weights for this network"), icon=":material/upload:"):
            upload_own_weights(network)


def choose_network(shown: list[SourceNetwork], clicked: str | None) -> SourceNetwork:
    """Let a network be chosen from a list; at first the one clicked, else the one in use."""
    work, titles = session.get_journey(), {each.name: each.title for each in shown}
    own, names = session.get_network_name(), list(titles)
    choice = own, work.start_key
    # A network that was just taken is looked at, whatever the address says.
    looked = session.get_requested("look")
    if st.session_state.get(CHOICE_KEY, choice) != choice:
        looked = None
    st.session_state[CHOICE_KEY] = choice
    current = clicked or looked or own
    name = st.selectbox(
        _("Look at"),
        names,
        index=names.index(current) if current in names else 0,
        format_func=titles.get,
        key=f"networks_chosen_{current}_{len(shown)}_{work.start_key}",
    )
    session.write_to_url("look", None if name == own else name)
    return networks.get_network(name)


draw()
