"""What the server prints when it starts: where it is, and who can reach it."""

import io
from contextlib import suppress

import segno
import streamlit as st

from pages.server.hosts import is_shared, list_public_names
from transfer_core.system import list_addresses

WILDCARDS = ("0.0.0.0", "::")


def announce() -> None:
    """Print the server's addresses and what they mean; those for a phone also as a QR code."""
    addresses = list_urls()
    print(f"\n  Transfer Lab: {addresses[0]}", flush=True)
    if not is_shared():
        names = list_public_names()
        way_in = f"a proxy for {names[0]}" if names else "transfer-lab --share"
        print(f"  Only this computer can open it; {way_in} lets others in.", flush=True)
        return
    for address in addresses[1:]:
        print(f"           also {address}")
    print("\n  Everyone in this network can open it and lets this computer work: share it only")
    print("  among people whom you trust. Ctrl+C ends it.", end=" ")
    if st.get_option("server.sslCertFile"):
        print("Browsers warn of a certificate that this\n  computer made itself; go on anyway.")
    else:
        print("Only with --https, browsers give it their\n  cameras.")
    drawn = io.StringIO()
    segno.make(addresses[0], error="m").terminal(drawn, compact=True)
    with suppress(UnicodeError):  # not every terminal has the blocks that it is drawn with
        print(f"\n{drawn.getvalue()}", flush=True)


def list_urls() -> list[str]:
    """The addresses to open, the best one for others first."""
    address = st.get_option("server.address")
    hosts = ["localhost"] if not is_shared() else [address]
    if address in WILDCARDS or address is None:
        hosts = [*list_addresses(), "localhost"]
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    port, base = st.get_option("server.port"), st.get_option("server.baseUrlPath").strip("/")
    return [f"{scheme}://{_bracket(host)}:{port}" + (f"/{base}" if base else "") for host in hosts]


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host
