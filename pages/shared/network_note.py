"""A note on the network that the images start with."""

import streamlit as st

from pages.shared import session
from pages.shared.layout import escape_markdown
from transfer_core.dataset import is_sample
from transfer_core.languages import _
from transfer_core.networks import describe_missing_photo_network
from transfer_core.system import get_home


def show_network_note(data_id: str) -> None:
    """Name the network; where photos lack a better one, say why and how to get it."""
    source = session.get_source()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            _("From: **{network}**", network=escape_markdown(source.title)), width="content"
        )
        st.page_link(
            "pages/networks.py",
            label=_("Choose another network"),
            icon=":material/hub:",
            query_params=session.make_query(data=data_id),
        )
    missing = describe_missing_photo_network()
    if missing and not session.get_journey().network and not is_sample(get_home(), data_id):
        reason, command = missing
        st.info(_(reason), icon=":material/info:")
        st.code(command, language="bash")
