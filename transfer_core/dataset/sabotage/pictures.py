"""Pictures that flaws are made of: a coloured background, and a copy that is not quite equal."""

import io

import numpy as np
from PIL import Image, ImageEnhance

from transfer_core.dataset.near_duplicates import look_alike
from transfer_core.images import decode_image

MAX_SIDE = 640  # pixels of a picture that is made; networks see fewer
CLEAR_RADIUS, FULL_RADIUS = 0.55, 1.0  # from the middle (0) to the middle of an edge (1)
BACKGROUND_OPACITY = 0.9
COPY_BRIGHTNESS = (1.03, 1.02, 1.01, 1.0)  # the first whose copy Repair can find is taken
JPEG_QUALITY = 95


def paint_background(data: bytes, colour: tuple[int, int, int]) -> bytes:
    """Paint everything around the middle of a picture in one colour.

    Args:
        data: An image file.
        colour: Red, green and blue, from 0 to 255.

    Returns:
        A JPEG file.
    """
    pixels = np.asarray(_decode_small(data), np.float32)
    rows, columns = (np.abs(np.linspace(-1, 1, count)) for count in pixels.shape[:2])
    radius = np.hypot(rows[:, None], columns[None])
    share = np.clip((radius - CLEAR_RADIUS) / (FULL_RADIUS - CLEAR_RADIUS), 0, 1)
    share = BACKGROUND_OPACITY * share[..., None]
    painted = pixels * (1 - share) + np.float32(colour) * share
    return _encode(Image.fromarray(painted.round().astype(np.uint8)))


def make_near_copy(data: bytes) -> bytes:
    """Copy a picture a little brighter, so that it still looks the same; returns a JPEG file.

    The hash of a picture with few structures, such as even stripes, changes with a breath of noise.
    """
    picture = ImageEnhance.Brightness(_decode_small(data))
    copies = (_encode(picture.enhance(brightness)) for brightness in COPY_BRIGHTNESS)
    return next((copy for copy in copies if look_alike(data, copy)), _encode(picture.enhance(1.0)))


def _decode_small(data: bytes) -> Image.Image:
    image = decode_image(data, MAX_SIDE)
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    return image


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
