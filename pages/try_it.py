"""Try it: drop, photograph or name images, and see what the trained network says of them."""

import streamlit as st

from pages.shared import caches, session
from pages.shared.attribution import attribution_beside
from pages.shared.layout import (
    explained,
    literal,
    page_title,
    progress,
    show_problem,
    shown_errors,
    stop_unless,
)
from pages.shared.session import Pending
from transfer_core import dataset, images
from transfer_core.errors import DataSetError, ImageError
from transfer_core.figures.distances import describe_distances, distance_figure
from transfer_core.images import remote
from transfer_core.images.decoding import ENDINGS

MOST = 24  # images at a time
BARS = 5  # classes
MEGABYTES = 50  # of an image file


def brought() -> list[tuple[str, bytes]]:
    """Names and files of the images to try, whether they are images or not."""
    files = st.file_uploader(
        "Images", sorted(ENDINGS), accept_multiple_files=True, key="try_files",
        max_upload_size=MEGABYTES,
        help="JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF; they stay on this server.",
    )  # fmt: skip
    found = [(file.name, file.getvalue()) for file in files]
    if st.toggle("Take a photo with the camera", key="try_camera_on"):
        photo = st.camera_input("Camera", key="try_camera")
        found += [("photo", photo.getvalue())] if photo else []
    if remote.allowed():
        address = st.text_input("Address of an image", key="try_address", placeholder="https://")
        if address:
            try:
                found.append((address.rpartition("/")[2] or address, caches.fetched(address)))
            except ImageError as error:
                show_problem(error.problem, error.found, error.remedy)
    found = [(name, file) for file, name in {file: name for name, file in found}.items()]
    if len(found) > MOST:
        st.caption(f"The first {MOST} of {len(found)} images are tried.")
    return found[:MOST]


def show_answer(number: int, name: str, file: bytes) -> float | None:
    """One image with what the network says; returns its distance, None if it is no image."""
    try:
        answer, seconds = caches.answer(record.id, file, known is not None)
        picture = caches.small(file)
    except ImageError as error:
        st.markdown(f"**{number}. {literal(name)}**")
        show_problem(error.problem, error.found, error.remedy)
        return None
    with st.container(border=True):
        image, said = st.columns([1, 2])
        likely = sorted(answer.probabilities.items(), key=lambda item: -item[1])[:BARS]
        image.image(picture, alt=f"Image {name}", width="stretch")
        with said:
            st.markdown(f"**{number}. {literal(name)}**: {literal(likely[0][0])}")
            if answer.unknown:
                st.warning(
                    "This looks like nothing that the network knows; do not trust its answer. It "
                    "has to call every image one of its classes.",
                    icon=":material/help:",
                )
            for label, share in likely:
                st.progress(share, text=f"{literal(label)}: {share:.1%}")
            rest = len(answer.probabilities) - len(likely)
            others = f", {rest} further classes not shown" if rest else ""
            st.caption(f"Answered in {1000 * seconds:,.0f} ms, decoding included{others}.")
        if st.toggle(
            f"What it looks at in image {number}", key=f"try_maps_{caches.added_path(file)}",
            help="Where it finds evidence for the likeliest class and for the next one.",
        ):  # fmt: skip
            show_maps(file, [label for label, _ in likely[:2]])
        if known is not None:  # else the data set is not here
            keep(file)
    return answer.distance


def show_maps(file: bytes, labels: list[str]) -> None:
    """Attribution maps of an image for the likeliest classes."""
    transform = trained.transform
    pixels = images.apply(images.decode(file, transform.least_side), transform)
    roles = zip(labels, ("likeliest", "next"), strict=False)
    classes = [(trained.classes.index(label), role) for label, role in roles]
    with shown_errors():
        attribution_beside(trained, pixels, classes, key=f"try_map_{caches.added_path(file)}")


def keep(file: bytes) -> None:
    """A try as a new training image of a class: it waits in the basket of Repair."""
    data_id, path = record.config.data_id, caches.added_path(file)
    waiting = [each for each in session.basket(data_id) if each.change.path == path]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if waiting:
            st.markdown(
                ":material/pending: Waits as a training image of "
                f"**{literal(waiting[0].change.class_name)}**"
            )
            st.button(
                "Take back", key=f"try_back_{path}", icon=":material/undo:",
                on_click=session.take_from_basket, args=(data_id, path),
            )  # fmt: skip
            return
        if caches.holds(data_id, file):
            st.caption("This image is in the data set already.")
            return
        chosen = st.selectbox(
            "It is", trained.classes, index=None, key=f"try_class_{path}", width=220,
            placeholder="Choose its class",
        )  # fmt: skip
        if st.button(
            "Keep as a training image", key=f"try_keep_{path}", disabled=chosen is None,
            icon=":material/add_photo_alternate:",
            help="Choose its class first." if chosen is None else None,
        ):  # fmt: skip
            session.put_in_basket(data_id, Pending(dataset.addition(file, chosen), file))
            st.rerun()


page_title("Try it", "pages/try_it.py")
run_id = session.current("run")
stop_unless(run_id, "Train something first, or choose a run.", "pages/runs.py", "See runs")
with shown_errors():
    record = caches.engine().get(run_id)
    trained = caches.trained_network(run_id)
st.subheader(literal(record.name), anchor=False)
result = record.result
st.caption(
    f"It knows {len(trained.classes)} classes and is right for {result['accuracy']:.0%} of its "
    "test images. An image of anything else is called one of these classes too."
)
tries = brought()
if not tries:
    st.info("Drop one image or several, to see what the network says.", icon=":material/info:")
    st.stop()
try:
    with progress() as report:
        known = caches.known_images(run_id, report)
except DataSetError as error:
    known = None
    st.caption(f"Whether it knows an image cannot be said: {literal(error.problem)}")
distances = {}
for number, (name, file) in enumerate(tries, start=1):
    distance = show_answer(number, name, file)
    if distance is not None:
        distances[str(number)] = distance
if distances and known is not None:
    st.subheader("Does it know these images?", anchor=False)
    explained(
        distance_figure(known, distances), describe_distances(known, distances),
        key="try_distances",
    )  # fmt: skip
    st.caption(
        "The distance is measured between what the last layer sees of an image and of the nearest "
        "training image. One in twenty images of the known kinds lies beyond the line too. Images "
        "of quite other kinds are mostly found, such as a brain scan among insects; kinds that are "
        "close to the known ones are often missed. It is a warning, not a proof."
    )
if session.basket(record.config.data_id):
    st.page_link(
        "pages/repair.py", label="See what waits, and make a new version of the data set",
        icon=":material/healing:", query_params={"run": run_id, "data": record.config.data_id},
    )  # fmt: skip
