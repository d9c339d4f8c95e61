"""Decode untrusted image bytes: an upright RGB image on white, or an ImageError.

The format is detected from the content, never from the name. Only the formats in `FORMATS`
are tried, so that a hidden EPS never starts Ghostscript. Width and height are checked in the
header, before any pixel is decoded.
"""

import io
import warnings
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from transfer_core.errors import ImageError
from transfer_core.languages import N_

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF")
IMAGE_EXTENSIONS = frozenset(
    {
        "jpg",
        "jpeg",
        "jpe",
        "jfif",
        "png",
        "apng",
        "webp",
        "bmp",
        "dib",
        "gif",
        "tif",
        "tiff",
        "avif",
        "heic",
        "heif",
        "hif",
    }
)
MAX_PIXELS = 50_000_000
MAX_SIDE = 20_000  # pixels
MIN_SIDE = 8  # pixels
MAX_ASPECT_RATIO = 50  # longer side over shorter side
_ROTATED_ORIENTATIONS = (5, 6, 7, 8)  # EXIF orientations that turn the image by a right angle

pillow_heif.register_heif_opener()
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# A frame may be larger than the header says: turn Pillow's warning into an error too.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """Facts about an image that can be decoded completely."""

    format: str  # one of FORMATS
    width: int  # pixels, upright
    height: int  # pixels, upright
    frames: bool  # whether more than the first frame exists


def check_image(data: bytes) -> ImageInfo:
    """Decode the first frame to its end, and return only facts about it.

    A check of the header alone would accept truncated photos. A JPEG is decoded at an eighth of
    its size, which reads all of its data.

    Raises:
        ImageError: If the image cannot be used.
    """
    return _decode_with_info(data, min_decoded_side=1)[1]


def decode_image(data: bytes, min_decoded_side: int | None = None) -> Image.Image:
    """Decode the first frame.

    Args:
        data: The bytes of an image file in one of FORMATS.
        min_decoded_side: Pixels that the shorter side needs at least. A JPEG is then decoded at
            a half, a quarter or an eighth of its size if it has enough, which is much faster.
            None decodes at full size; so do all other formats.

    Returns:
        Mode RGB, upright by its EXIF orientation, transparency on white, 16 bits scaled to 8,
        without any metadata of the file.

    Raises:
        ImageError: If the image cannot be used.
    """
    # The copy leaves behind what Pillow read from the file.
    image = _decode_with_info(data, min_decoded_side)[0].copy()
    image.info = {}  # nothing that we write carries a position, thumbnail or profile
    return image


def _decode_with_info(data: bytes, min_decoded_side: int | None) -> tuple[Image.Image, ImageInfo]:
    try:
        image = _open(data)
        kind = "JPEG" if image.format == "MPO" else image.format  # MPO: JPEG with a preview
        frames = kind != "JPEG" and getattr(image, "is_animated", False)
        size = image.size
        if min_decoded_side:
            image.draft(None, (min_decoded_side, min_decoded_side))
        image.load()
        if _apply_exif_orientation(image):
            size = size[::-1]
        result = _convert_to_rgb(image)
    except ImageError:
        raise
    except Exception as error:  # Pillow raises more than seven classes on hostile bytes
        raise _make_undecodable_error(error) from error
    return result, ImageInfo(kind, *size, frames)


def _open(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise _make_wrong_size_error(width, height, "too large", "at most 50 million pixels")
    if min(width, height) < MIN_SIDE:
        raise _make_wrong_size_error(
            width, height, "too small", f"at least {MIN_SIDE} pixels a side"
        )
    if max(width, height) > MAX_ASPECT_RATIO * min(width, height):
        raise _make_wrong_size_error(
            width, height, "too narrow", f"at most {MAX_ASPECT_RATIO} times as long"
        )
    return image


def _apply_exif_orientation(image: Image.Image) -> bool:
    """Rotate an image by its EXIF orientation; returns whether width and height are swapped."""
    orientation = 1
    with suppress(Exception):  # damaged EXIF data; the pixels themselves are good
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if orientation != 1:
            ImageOps.exif_transpose(image, in_place=True)
    return orientation in _ROTATED_ORIENTATIONS


def _convert_to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_scale_to_8_bits(image)).convert("RGB")
    if image.mode == "LAB":
        return _convert_lab_to_rgb(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _scale_to_8_bits(image: Image.Image) -> np.ndarray:
    """Scale grey values of more than 8 bits; Pillow's own conversion would clip them to white.

    Returns:
        uint8, shape (H, W). The full scale is 12 bits (medical images) or 16 bits, the smaller
        one that the values fit into; for floating-point values it is 1 or 255. Other values are
        stretched from their minimum to their maximum.
    """
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = values.min(), values.max()
    scales = (1, 255) if image.mode == "F" else (4_095, 65_535)
    fitting = [scale for scale in scales if low >= 0 and high <= scale]
    if fitting:
        low, high = 0, fitting[0]
    return np.round((values - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)


def _convert_lab_to_rgb(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")


def _make_wrong_size_error(width: int, height: int, what: str, allowed: str) -> ImageError:
    return ImageError(
        f"The image is {what}: {width:,} x {height:,} pixels.",
        found=f"{width:,} x {height:,} pixels",
        remedy=f"Images need {allowed}.",
    )


def _make_undecodable_error(error: Exception) -> ImageError:
    # In English: it is stored with the data set, and translated where it is shown.
    text = " ".join(str(error).split())[:120]
    if isinstance(error, UnidentifiedImageError):
        problem = N_("The file is not an image of a supported format, whatever its name says.")
        text = "no known image header"
    elif isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        problem = N_("The image is too large.")
    elif "truncated" in text.lower():
        problem = N_("The image is truncated: its end is missing.")
    else:
        problem = N_("The image is damaged and cannot be decoded.")
    return ImageError(
        problem,
        found=text or type(error).__name__,
        remedy=N_("Save it again as JPEG or PNG, or leave it out."),
    )
