"""Choose images to try: files, the camera, or an address."""

import streamlit as st

from pages.parts.try_it.live_camera import forget_photos, list_photos, show_live_camera
from pages.shared import caches
from pages.shared.layout import show_problem
from transfer_core.errors import ImageError
from transfer_core.images import IMAGE_EXTENSIONS, remote
from transfer_core.languages import _

MAX_IMAGES = 24  # at a time
MAX_UPLOAD_MEGABYTES = 50  # of one image file


def collect_images(run_id: str) -> list[tuple[str, bytes]]:
    """Names and contents of the files to try; a file may turn out not to be an image.

    Args:
        run_id: The run whose network also answers live from the camera.
    """
    collected = []
    if st.toggle(_("Live from the camera"), key="try_camera_on"):
        show_live_camera(run_id)
        collected = list_photos()
    if collected:
        st.button(_("Remove the photos"), key="try_forget", on_click=forget_photos)
    files = st.file_uploader(
        _("Images"),
        sorted(IMAGE_EXTENSIONS),
        accept_multiple_files=True,
        key="try_files",
        max_upload_size=MAX_UPLOAD_MEGABYTES,
        help=_("JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF; they stay on this server."),
    )
    collected += [(file.name, file.getvalue()) for file in files]
    if remote.is_allowed():
        collected += _fetch_address()
    names = {content: name for name, content in collected}  # each file once
    if len(names) > MAX_IMAGES:
        st.caption(
            _(
                "The first {shown} of {images:,} images are tried.",
                shown=MAX_IMAGES,
                images=len(names),
            )
        )
    return [(name, content) for content, name in names.items()][:MAX_IMAGES]


def _fetch_address() -> list[tuple[str, bytes]]:
    address = st.text_input(_("Address of an image"), key="try_address", placeholder="https://")
    if not address:
        return []
    try:
        return [(address.rpartition("/")[2] or address, caches.download_image(address))]
    except ImageError as error:
        show_problem(error.problem, error.found, error.remedy)
        return []
