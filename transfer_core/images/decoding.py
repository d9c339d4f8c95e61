"""Decode image bytes: an upright RGB image on white, or an ImageError.

The format is detected from the content, never from the name. Only the formats in `FORMATS`
are tried, so that a hidden EPS never starts Ghostscript. Width, height and the memory that it
takes are checked in the header, before any pixel is decoded.

What comes from outside is decoded by `transfer_core.images.outside`, in another process.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache

from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from transfer_core.errors import ImageError
from transfer_core.images.colours import convert_to_rgb
from transfer_core.images.limits import ImageLimits, read_limits
from transfer_core.languages import N_

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF")  # HEIF is loaded later
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
_TURNING_ORIENTATIONS = (5, 6, 7, 8)  # EXIF orientations that turn the image by a right angle

# A frame may be larger than the header says: turn Pillow's warning into an error too.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """Facts about an image that can be decoded completely."""

    format: str  # one of FORMATS
    width: int  # pixels, upright
    height: int  # pixels, upright
    frames: bool  # whether more than the first frame exists


def decode_image(data: bytes, min_decoded_side: int | None = None) -> Image.Image:
    """Decode the first frame, in this process: for images of the store, which were checked.

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
    with translate_decoding_errors():
        image = open_image(data, get_limits())
        reduce_while_decoding(image, min_decoded_side)
        turn_upright(image)
        image = convert_to_rgb(image)
        if isinstance(image, ImageFile.ImageFile):
            image = image.copy()  # leaves behind what Pillow read from the file
    image.info = {}  # nothing that we write carries a position, thumbnail or profile
    return image


@cache
def get_limits() -> ImageLimits:
    """The limits of images in this process."""
    return read_limits()


def open_image(data: bytes, limits: ImageLimits) -> ImageFile.ImageFile:
    """Read an image's header, and refuse sizes beyond the limits.

    Raises:
        ImageError: If the size cannot be used.
        Exception: Pillow's, of many kinds; see `translate_decoding_errors`.
    """
    if data[4:8] == b"ftyp":
        _register_heif()
    Image.MAX_IMAGE_PIXELS = limits.pixels
    formats = FORMATS if "HEIF" in Image.OPEN else FORMATS[:-1]
    image = Image.open(io.BytesIO(data), formats=formats)
    width, height = image.size
    if width * height > limits.pixels or max(width, height) > limits.side:
        allowed = f"at most {limits.pixels / 1e6:g} million pixels"
        raise _make_wrong_size_error(width, height, "too large", allowed)
    if min(width, height) < limits.min_side:
        allowed = f"at least {limits.min_side} pixels a side"
        raise _make_wrong_size_error(width, height, "too small", allowed)
    if max(width, height) > limits.aspect_ratio * min(width, height):
        allowed = f"at most {limits.aspect_ratio} times as long"
        raise _make_wrong_size_error(width, height, "too narrow", allowed)
    return image


def describe_image(image: ImageFile.ImageFile) -> ImageInfo:
    """Facts about an image that was opened and not decoded yet, before it is turned upright."""
    kind = "JPEG" if image.format == "MPO" else image.format  # MPO: JPEG with a preview
    return ImageInfo(kind, *image.size, kind != "JPEG" and getattr(image, "is_animated", False))


def reduce_while_decoding(image: ImageFile.ImageFile, min_decoded_side: int | None) -> None:
    """Let a JPEG be decoded smaller, while its shorter side keeps some pixels at least."""
    if min_decoded_side:
        image.draft(None, (min_decoded_side, min_decoded_side))


def turn_upright(image: Image.Image) -> bool:
    """Decode an image and rotate it by its EXIF orientation; whether that changed anything."""
    image.load()
    orientation = 1
    with suppress(Exception):  # damaged EXIF data; the pixels themselves are good
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if orientation != 1:
            ImageOps.exif_transpose(image, in_place=True)
    return orientation in _TURNING_ORIENTATIONS


@contextmanager
def translate_decoding_errors() -> Iterator[None]:
    """Turn whatever Pillow raises on hostile bytes into an ImageError; it has many classes."""
    try:
        yield
    except ImageError:
        raise
    except MemoryError as error:
        raise make_too_much_memory_error() from error
    except Exception as error:
        raise _make_undecodable_error(error) from error


def make_too_much_memory_error() -> ImageError:
    """The error for an image that cannot be decoded within the memory that it may take."""
    # In English, as all of them: they are stored with the data set, and translated where shown.
    return ImageError(
        N_("The image takes too much memory to read."),
        found=f"more than {get_limits().memory} MB",
        remedy=N_("Save it with fewer pixels, or leave it out."),
    )


def make_too_large_error(size: int) -> ImageError:
    """The error for an image file of too many bytes."""
    return ImageError(
        N_("The image is too large."),
        found=f"{size / 1e6:,.0f} MB, where at most {get_limits().megabytes} MB are allowed",
        remedy=N_("Save it with fewer pixels, or leave it out."),
    )


def make_too_long_error() -> ImageError:
    """The error for an image that takes longer to decode than it may."""
    return ImageError(
        N_("The image takes too long to read."),
        found=f"more than {get_limits().seconds} seconds",
        remedy=N_("Save it again as JPEG or PNG, or leave it out."),
    )


def make_truncated_error(found: str) -> ImageError:
    """The error for an image whose data end before its pixels do."""
    return ImageError(
        N_("The image is truncated: its end is missing."),
        found=found,
        remedy=N_("Save it again as JPEG or PNG, or leave it out."),
    )


@cache
def _register_heif() -> None:
    import pillow_heif  # takes longer to import than most images to decode

    pillow_heif.register_heif_opener()


def _make_wrong_size_error(width: int, height: int, what: str, allowed: str) -> ImageError:
    return ImageError(
        f"The image is {what}: {width:,} x {height:,} pixels.",
        found=f"{width:,} x {height:,} pixels",
        remedy=f"Images need {allowed}.",
    )


def _make_undecodable_error(error: Exception) -> ImageError:
    text = " ".join(str(error).split())[:120]
    if isinstance(error, UnidentifiedImageError):
        problem = N_("The file is not an image of a supported format, whatever its name says.")
        text = "no known image header"
    elif isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        problem = N_("The image is too large.")
    elif "truncated" in text.lower():
        return make_truncated_error(text)
    elif "memory" in text.lower():
        return make_too_much_memory_error()
    else:
        problem = N_("The image is damaged and cannot be decoded.")
    return ImageError(
        problem,
        found=text or type(error).__name__,
        remedy=N_("Save it again as JPEG or PNG, or leave it out."),
    )
