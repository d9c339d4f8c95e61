"""Networks: the catalog, what suits this computer, downloads, and a person's own weights."""

import tempfile
from pathlib import Path

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import (
    empty_on_exit,
    escape_markdown,
    format_duration,
    offer_demonstration_network,
    offer_next_page,
    show_errors,
    show_page_title,
    show_progress,
)
from transfer_core import networks
from transfer_core.errors import DownloadError
from transfer_core.networks.recommendation import estimate_embedding_seconds, recommend_network
from transfer_core.networks.weights_location import get_weights_status
from transfer_core.transferability.calibration import is_calibrated

DEFAULT_IMAGE_COUNT = 1_000  # that times are told for where no data set is chosen
WEIGHTS_LABELS = {
    "bundled": "part of the program",
    "cached": "on this computer",
    "download": "to download",
}
COST_HELP = "Billion multiplications, each with an addition, for one image"
COLUMN_CONFIG = {
    "ImageNet accuracy (%)": st.column_config.NumberColumn(
        format="%.1f", help="Top-1, on photos of 1,000 classes that it was not trained on"
    ),
    "download (MB)": st.column_config.NumberColumn(format="%.0f"),
    "cost per image (billion)": st.column_config.NumberColumn(format="%.2f", help=COST_HELP),
    "time here (min)": st.column_config.NumberColumn(
        format="%.1f", help="At best, for all images to pass through once, as in cases 1 and 2"
    ),
    "weights (million)": st.column_config.NumberColumn(format="%.1f"),
}


def show_recommendation(candidates, images: int, images_phrase: str, speed: float) -> None:
    """A short word on what to take, with its reason."""
    best = recommend_network(candidates, images, speed)
    here = recommend_network(
        tuple(n for n in candidates if get_weights_status(n) != "download"), images, speed
    )
    told = f"This computer does about {speed:,.0f} billion multiplications a second. "
    if best is None:
        told += f"With {images_phrase} take the demonstration network: every other one would take minutes."
    else:
        took = format_duration(estimate_embedding_seconds(best, images, speed))
        told += (
            f"For {images_phrase}, **{escape_markdown(best.title)}** is the most accurate on ImageNet of those that "
            f"see all images in two minutes ({took} at best, {best.card['file_size']:,.0f} MB). "
            "Training everything costs about three times that for each epoch."
        )
        if here is None:
            told += " Without a download there is the demonstration network."
        elif here != best:
            told += f" Of those on this computer it is {escape_markdown(here.title)}."
    st.info(told, icon=":material/lightbulb:")


def show_catalog(shown, images: int, speed: float) -> str | None:
    """Draw the catalog; returns the name of the row that was clicked."""
    rows = [
        {
            "network": network.title,
            "ImageNet accuracy (%)": 100 * network.card["accuracy"]
            if "accuracy" in network.card
            else None,
            "its weights are": WEIGHTS_LABELS[get_weights_status(network)],
            "download (MB)": network.card["file_size"],
            "time here (min)": estimate_embedding_seconds(network, images, speed) / 60,
            "cost per image (billion)": network.card["operations"],
            "weights (million)": network.card["parameters"] / 1e6,
            "input (pixels)": network.input_size,
        }
        for network in shown
    ]
    height = min(420, 38 + 35 * len(rows))
    chosen = st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        height=height,
        column_config=COLUMN_CONFIG,
        on_select="rerun",
        selection_mode="single-row",
        placeholder="–",
        alt=f"Table of {len(rows)} networks; each row can be chosen, as in the list below it.",
        key=f"networks_table_{session.workspace().start_key}",
    )
    picked = chosen.selection.rows
    return shown[picked[0]].name if picked and picked[0] < len(shown) else None


def filter_networks(candidates):
    """The networks that the person wants to see."""
    first, second, third = st.columns([2, 2, 1], vertical_alignment="bottom")
    text = first.text_input("Name", key="networks_name", placeholder="part of a name: resnet")
    sizes = [10, 50, 100, 200, 500, 5_000]
    most = second.select_slider(
        "Download at most (MB)",
        sizes,
        value=5_000,
        key="networks_size",
        format_func=lambda size: f"{size:,}",
    )
    here = third.toggle("On this computer", key="networks_here")
    wanted = text.lower().split()
    return [
        network
        for network in candidates
        if all(word in f"{network.name} {network.title}".lower() for word in wanted)
        and network.card["file_size"] <= most
        and not (here and get_weights_status(network) == "download")
    ]


def download_weights(network) -> None:
    """Fetch the weights; a click on Cancel ends this run of the page."""
    from transfer_core.networks.download import download_weights

    cancel = st.empty()
    cancel.button("Cancel", key="networks_cancel", help="What has come is kept.")
    try:
        with show_progress() as report, empty_on_exit(cancel):
            report("Connecting", 0, 1)
            download_weights(
                network,
                progress=report,
            )
    except DownloadError as error:
        show_download_failure(network, error)
    session.change(network=network.name)
    st.rerun()


def show_download_failure(network, error: DownloadError) -> None:
    """Say plainly that weights did not come, with the ways on; the page then ends."""
    st.error(
        f"The weights of {escape_markdown(network.title)} could not be downloaded. Is this computer "
        "connected to the internet? What has come is kept; try again later, or go on without.",
        icon=":material/cloud_off:",
    )
    offer_demonstration_network()
    with st.expander("Details, for who looks after this computer"):
        st.markdown(f"{escape_markdown(error.found)}  \n{escape_markdown(error.remedy)}")
    st.stop()


def show_network_details(network) -> None:
    """What is known of a network, and what can be done with it."""
    card = network.card
    st.subheader(escape_markdown(network.title), anchor=False)
    measured = (
        "Estimates for it were checked by measurement."
        if is_calibrated(network)
        else "Estimates for it were not checked by measurement; training tells for certain."
    )
    st.markdown(
        f"Learned from: {escape_markdown(card['data'])}. {len(card['classes']):,} classes, "
        f"{network.input_size} x {network.input_size} pixels. Stages: "
        f"{network.format_titles(network.stage_names)}. {measured}"
    )
    for detail in (card.get("how"), card.get("licence")):
        if detail:
            st.caption(escape_markdown(detail))
    if get_weights_status(network) == "download":
        label = f"Download its weights ({card['file_size']:,.0f} MB)"
        if st.button(label, type="primary", icon=":material/download:", key="networks_download"):
            download_weights(network)
    elif network.name == session.workspace().network:
        st.success("This network is used now.", icon=":material/task_alt:")
        offer_next_page("Go on: decide how to transfer", "pages/decide.py")
    elif st.button("Use this network", type="primary", icon=":material/check:", key="networks_use"):
        session.change(network=network.name)
        st.rerun()


def upload_own_weights(network) -> None:
    """Take a file of the person's own in, as weights of the chosen network."""
    upload = st.file_uploader(
        f"A safetensors file with weights of {network.title}",
        key=f"networks_upload_{session.workspace().upload_count}",
        help="With the names that torchvision gives them; any number of classes.",
    )
    if upload is None:
        return
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(upload.getbuffer())
        file.flush()
        with show_errors(), st.spinner("Checking every weight"):
            from transfer_core.networks.own_weights import import_weights

            taken = import_weights(Path(file.name), network, upload.name)
    session.change(network=taken.name, upload_count=session.workspace().upload_count + 1)
    st.rerun()


show_page_title("Networks", "pages/networks.py")
st.markdown(
    "What is transferred is what a network has already learned. The demonstration network is "
    "small enough to watch; the others are larger, were trained on 1.28 million photos, and see "
    "more. The same four cases apply to all."
)
with show_errors():
    data_id = session.get_current_id("data")
    data = caches.load_data_set(data_id) if data_id else None
    # The demonstration network first, then the most accurate: what is looked for mostly.
    listed = sorted(networks.list_networks(), key=lambda network: -network.card.get("accuracy", 1))
images = len(data.records) if data else DEFAULT_IMAGE_COUNT
speed = caches.measure_speed()
what = f"your {images:,} images" if data else f"{images:,} images"
show_recommendation(listed, images, what, speed)
shown = filter_networks(listed)
if not shown:
    st.info("No network is so. Loosen the filters.", icon=":material/filter_alt_off:")
    st.stop()
st.caption(f"{len(shown)} of {len(listed)} networks; times are for {what}. Click a head to sort.")
picked = show_catalog(shown, images, speed)
names = [network.name for network in shown]
now = picked or session.workspace().network
name = st.selectbox(
    "Look at",
    names,
    index=names.index(now) if now in names else 0,
    format_func={network.name: network.title for network in shown}.get,
    key=f"networks_chosen_{now}_{len(shown)}_{session.workspace().start_key}",
)
network = networks.get_network(name)
with st.container(border=True):
    show_network_details(network)
if network.origin != "own":
    with st.expander("Your own weights for this network", icon=":material/upload:"):
        upload_own_weights(network)
