"""The names that the server answers to.

A web page elsewhere may give its own name the address of this computer (DNS rebinding), and
would then reach an app that answers to any name.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

import streamlit as st
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from transfer_core.system import LOCAL_HOSTS


def is_shared() -> bool:
    """Whether other computers can reach this server."""
    return st.get_option("server.address") not in LOCAL_HOSTS


def is_answered_to(host: str) -> bool:
    """Whether the server answers to the `Host` of a request.

    `server.allowedHosts` decides where it is set. Otherwise these are the names of this computer
    alone; a server for other computers answers to its network name and to every number too: a
    page that was rebound has a name, never a number.
    """
    if st.get_option("server.allowedHosts"):
        return is_host_allowed(host)
    name = _parse_name(host)
    if name in LOCAL_HOSTS:
        return True
    own = socket.gethostname().lower()
    return is_shared() and (_is_number(name) or name in (own, f"{own}.local"))


def list_public_names() -> list[str]:
    """The names that were set for others, such as that of a proxy; none unless they were set."""
    names = st.get_option("server.allowedHosts")
    return [name for name in names if "*" not in name and _parse_name(name) not in LOCAL_HOSTS]


def _parse_name(host: str) -> str:
    """The name without port, in lower case; empty if it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _port = parts.port  # raises if it is no number
    except ValueError:
        return ""
    has_more = parts.username or parts.path or parts.query or parts.fragment
    return "" if has_more else (parts.hostname or "").rstrip(".")


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
