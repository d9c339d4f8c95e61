"""Try it: drop, photograph or name images, and see what the trained network says of them."""

import streamlit as st

from pages.shared import caches, session
from pages.shared.attribution import show_attribution_maps
from pages.shared.layout import (
    escape_markdown,
    show_errors,
    show_figure,
    show_page_title,
    show_problem,
    show_progress,
    stop_unless,
)
from pages.shared.session import PendingChange
from transfer_core import dataset, images
from transfer_core.errors import DataSetError, ImageError
from transfer_core.figures.distances import describe_distances, plot_distances
from transfer_core.images import remote
from transfer_core.images.decoding import IMAGE_EXTENSIONS

MAX_IMAGES = 24  # images at a time
MAX_CLASSES_SHOWN = 5  # classes
MAX_UPLOAD_MEGABYTES = 50  # of an image file


def collect_images() -> list[tuple[str, bytes]]:
    """Names and files of the images to try, whether they are images or not."""
    files = st.file_uploader(
        "Images",
        sorted(IMAGE_EXTENSIONS),
        accept_multiple_files=True,
        key="try_files",
        max_upload_size=MAX_UPLOAD_MEGABYTES,
        help="JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF; they stay on this server.",
    )
    found = [(file.name, file.getvalue()) for file in files]
    if st.toggle("Take a photo with the camera", key="try_camera_on"):
        photo = st.camera_input("Camera", key="try_camera")
        found += [("photo", photo.getvalue())] if photo else []
    if remote.is_allowed():
        address = st.text_input("Address of an image", key="try_address", placeholder="https://")
        if address:
            try:
                found.append(
                    (address.rpartition("/")[2] or address, caches.download_image(address))
                )
            except ImageError as error:
                show_problem(error.problem, error.found, error.remedy)
    found = [(name, file) for file, name in {file: name for name, file in found}.items()]
    if len(found) > MAX_IMAGES:
        st.caption(f"The first {MAX_IMAGES} of {len(found)} images are tried.")
    return found[:MAX_IMAGES]


def show_prediction(number: int, name: str, file: bytes) -> float | None:
    """One image with what the network says; returns its distance, None if it is no image."""
    try:
        answer, seconds = caches.predict_image(record.id, file, known is not None)
        picture = caches.shrink_image(file)
    except ImageError as error:
        st.markdown(f"**{number}. {escape_markdown(name)}**")
        show_problem(error.problem, error.found, error.remedy)
        return None
    with st.container(border=True):
        image, said = st.columns([1, 2])
        likely = sorted(answer.probabilities.items(), key=lambda item: -item[1])[:MAX_CLASSES_SHOWN]
        image.image(picture, alt=f"Image {name}", width="stretch")
        with said:
            st.markdown(f"**{number}. {escape_markdown(name)}**: {escape_markdown(likely[0][0])}")
            if answer.is_out_of_distribution:
                st.warning(
                    "This looks like nothing that the network knows; do not trust its answer. It "
                    "has to call every image one of its classes.",
                    icon=":material/help:",
                )
            for label, share in likely:
                st.progress(share, text=f"{escape_markdown(label)}: {share:.1%}")
            rest = len(answer.probabilities) - len(likely)
            others = f", {rest} further classes not shown" if rest else ""
            st.caption(f"Answered in {1000 * seconds:,.0f} ms, decoding included{others}.")
        if st.toggle(
            f"What it looks at in image {number}",
            key=f"try_maps_{caches.get_added_path(file)}",
            help="Where it finds evidence for the likeliest class and for the next one.",
        ):
            show_maps(file, [label for label, _ in likely[:2]])
        if known is not None:  # else the data set is not here
            offer_as_training_image(file)
    return answer.distance


def show_maps(file: bytes, labels: list[str]) -> None:
    """Attribution maps of an image for the likeliest classes."""
    transform = trained.transform
    pixels = images.apply_transform(
        images.decode_image(file, transform.min_decoded_side), transform
    )
    roles = zip(labels, ("likeliest", "next"), strict=False)
    classes = [(trained.classes.index(label), role) for label, role in roles]
    with show_errors():
        show_attribution_maps(
            trained, pixels, classes, key=f"try_map_{caches.get_added_path(file)}"
        )


def offer_as_training_image(file: bytes) -> None:
    """A try as a new training image of a class: it waits in the basket of Repair."""
    data_id, path = record.config.data_id, caches.get_added_path(file)
    waiting = [each for each in session.basket(data_id) if each.change.path == path]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if waiting:
            st.markdown(
                ":material/pending: Waits as a training image of "
                f"**{escape_markdown(waiting[0].change.class_name)}**"
            )
            st.button(
                "Take back",
                key=f"try_back_{path}",
                icon=":material/undo:",
                on_click=session.take_from_basket,
                args=(data_id, path),
            )
            return
        if caches.has_file(data_id, file):
            st.caption("This image is in the data set already.")
            return
        chosen = st.selectbox(
            "It is",
            trained.classes,
            index=None,
            key=f"try_class_{path}",
            width=220,
            placeholder="Choose its class",
        )
        if st.button(
            "Keep as a training image",
            key=f"try_keep_{path}",
            disabled=chosen is None,
            icon=":material/add_photo_alternate:",
            help="Choose its class first." if chosen is None else None,
        ):
            session.put_in_basket(data_id, PendingChange(dataset.make_addition(file, chosen), file))
            st.rerun()


show_page_title("Try it", "pages/try_it.py")
run_id = session.get_current_id("run")
stop_unless(run_id, "Train something first, or choose a run.", "pages/runs.py", "See runs")
with show_errors():
    record = caches.engine().get(run_id)
    trained = caches.load_trained_network(run_id)
st.subheader(escape_markdown(record.name), anchor=False)
result = record.result
st.caption(
    f"It knows {len(trained.classes)} classes and is right for {result.accuracy:.0%} of its "
    "test images. An image of anything else is called one of these classes too."
)
tries = collect_images()
if not tries:
    st.info("Drop one image or several, to see what the network says.", icon=":material/info:")
    st.stop()
try:
    with show_progress() as report:
        known = caches.load_known_images(run_id, report)
except DataSetError as error:
    known = None
    st.caption(f"Whether it knows an image cannot be said: {escape_markdown(error.problem)}")
distances = {}
for number, (name, file) in enumerate(tries, start=1):
    distance = show_prediction(number, name, file)
    if distance is not None:
        distances[str(number)] = distance
if distances and known is not None:
    st.subheader("Does it know these images?", anchor=False)
    show_figure(
        plot_distances(known, distances),
        describe_distances(known, distances),
        key="try_distances",
    )
    st.caption(
        "The distance is measured between what the last layer sees of an image and of the nearest "
        "training image. One in twenty images of the known kinds lies beyond the line too. Images "
        "of quite other kinds are mostly found, such as a brain scan among insects; kinds that are "
        "close to the known ones are often missed. It is a warning, not a proof."
    )
if session.basket(record.config.data_id):
    st.page_link(
        "pages/repair.py",
        label="See what waits, and make a new version of the data set",
        icon=":material/healing:",
        query_params={"run": run_id, "data": record.config.data_id},
    )
