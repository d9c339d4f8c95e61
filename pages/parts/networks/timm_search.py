"""Search all networks of timm, of which the table lists a dozen."""

import streamlit as st

from pages.shared import session
from pages.shared.layout import show_errors
from transfer_core import networks
from transfer_core.languages import _, ngettext
from transfer_core.networks import SourceNetwork, has_timm, list_timm_tags

MAX_MATCHES = 30  # networks to choose from


def search_timm_networks() -> SourceNetwork | None:
    """Draw the search; returns the network that was chosen there."""
    tags, key = list_timm_tags(), session.get_journey().start_key
    with st.expander(_("{n:,} more networks, of timm", n=len(tags)), icon=":material/search:"):
        if not has_timm():
            st.markdown(_("They need a package. Install it, and start the app again:"))
            st.code("pip install timm", language="bash")
            return None
        text = st.text_input(
            _("Part of a name"),
            key=f"networks_timm_text_{key}",
            placeholder="convnext nano",
        )
        matches = [tag for tag in tags if all(word in tag for word in text.lower().split())]
        if not text.strip():
            return None
        if not matches:
            st.caption(_("No network of timm is called so."))
            return None
        tag = st.selectbox(
            _describe_matches(len(matches)),
            matches[:MAX_MATCHES],
            index=None,
            placeholder=_("Choose one"),
            key=f"networks_timm_chosen_{text}_{key}",
        )
        if tag is None:
            return None
        with show_errors(), st.spinner(_("Looking at its layers")):
            return networks.get_network(f"timm.{tag}")


def _describe_matches(found: int) -> str:
    if found > MAX_MATCHES:
        return _("{n:,} networks, the first {shown} of them", n=found, shown=MAX_MATCHES)
    return ngettext("{n:,} network", "{n:,} networks", found)
