"""Make of an image file what is kept of it: pixels that were decoded once, and nothing else.

Pixels stay what they are to the bit: the coding of a JPEG, PNG or WebP is kept as it is, without
what lies around it, and everything else becomes a PNG. Two kinds change a little: a JPEG that has
to be turned is coded again with its own tables, and HEIC and AVIF become a JPEG of high quality.
Runs in the process that decodes what comes from outside.
"""

import io
from contextlib import suppress
from dataclasses import replace

from PIL import ExifTags, Image, ImageChops, ImageFile, JpegImagePlugin

from transfer_core.images.colours import convert_to_rgb
from transfer_core.images.completeness import check_all_rows, count_coefficients, has_surplus
from transfer_core.images.decoding import (
    ImageInfo,
    describe_image,
    make_too_much_memory_error,
    open_image,
    reduce_while_decoding,
    translate_decoding_errors,
    turn_upright,
)
from transfer_core.images.limits import ImageLimits
from transfer_core.images.stripping import Piece, Stripped, join_pieces, strip_metadata

MEGABYTE = 1 << 20
PROCESS_MEGABYTES = 64  # that the process takes before it decodes anything, and for small things
LOSSY_FORMATS = ("JPEG", "AVIF", "HEIF")
JPEG_QUALITY = 95  # of what was HEIC or AVIF, with colours at full size
PNG_LEVEL = 1  # of compression; higher ones take several times as long
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # of a pixel; others 4
_CODEC_BYTES = {"WEBP": 12, "AVIF": 6, "HEIF": 4, "TIFF": 4}  # of a pixel, beside the image


def clean_image(data: bytes, limits: ImageLimits) -> tuple[ImageInfo, tuple[Piece, ...]]:
    """Decode the first frame to its end, and find what is kept of the file.

    A check of the header alone would accept truncated photos. A JPEG is decoded at an eighth of
    its size, which reads all of its data.

    Returns:
        Facts about the image, and the pieces of the file that is kept; see `join_pieces`.

    Raises:
        ImageError: If the image cannot be used.
    """
    with translate_decoding_errors():
        stripped = strip_metadata(data, limits.scans)
        if stripped is None or (stripped.may_turn and _is_turned(data, limits)):
            return _encode_again(data, limits)
        kept = stripped.join(data)
        info = _check_stripped(stripped, kept, limits)
        if stripped.text_at is None:
            return info, stripped.pieces
        return _cut_text(data, stripped, info, limits)


def decode_outside_image(
    data: bytes, min_decoded_side: int | None, limits: ImageLimits
) -> Image.Image:
    """Decode the first frame of any file to mode RGB, upright; see `decode_image`.

    Raises:
        ImageError: If the image cannot be used.
    """
    with translate_decoding_errors():
        strip_metadata(data, limits.scans)  # counts them
        image = open_image(data, limits)
        size = image.size
        reduce_while_decoding(image, min_decoded_side)
        _check_memory(image, size, limits)
        image.load()
        check_all_rows(image, data, limits)
        turn_upright(image)
        return convert_to_rgb(image)


def _is_turned(data: bytes, limits: ImageLimits) -> bool:
    """Whether the metadata of a JPEG, PNG or WebP say that it does not lie upright."""
    with suppress(Exception):  # damaged metadata; the pixels themselves may be good
        image = open_image(data, limits)
        return image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
    return False


def _check_stripped(stripped: Stripped, kept: bytes, limits: ImageLimits) -> ImageInfo:
    image = open_image(kept, limits)
    size = image.size
    reduce_while_decoding(image, min_decoded_side=1)
    _check_memory(image, size, limits)
    image.load()
    check_all_rows(image, kept, limits)
    return ImageInfo("JPEG" if image.format == "MPO" else image.format, *size, stripped.animated)


def _cut_text(
    data: bytes, stripped: Stripped, info: ImageInfo, limits: ImageLimits
) -> tuple[ImageInfo, tuple[Piece, ...]]:
    """Leave out a text behind the last pixel; what looks like one may also be pixels."""
    if info.format == "PNG":
        return _encode_again(data, limits) if has_surplus(data) else (info, stripped.pieces)
    *others, (start, _) = stripped.pieces
    cut = (*others, (start, stripped.text_at), b"\xff\xd9")
    before, after = (open_image(join_pieces(p, data), limits) for p in (stripped.pieces, cut))
    with suppress(OSError, MemoryError):  # cut in the middle of the pixels, or too large
        if ImageChops.difference(before.convert("RGB"), after.convert("RGB")).getbbox() is None:
            return info, cut
    return info, stripped.pieces


def _encode_again(data: bytes, limits: ImageLimits) -> tuple[ImageInfo, tuple[Piece, ...]]:
    image = open_image(data, limits)
    info, options = describe_image(image), {}
    if info.format == "JPEG" and image.mode in ("RGB", "L"):
        options = _read_jpeg_coding(image)
        if image.mode == "RGB" and not _is_coded_in_rgb(image):
            image.draft("YCbCr", None)  # colours as they are coded
    _check_memory(image, image.size, limits)
    image.load()
    check_all_rows(image, data, limits)
    swapped = turn_upright(image)
    if swapped:
        info = replace(info, width=info.height, height=info.width)
    kept, is_lossy = b"", info.format in LOSSY_FORMATS or image.info.get("compression") == "jpeg"
    if not is_lossy:
        kept = _save(convert_to_rgb(image), "PNG", compress_level=PNG_LEVEL)
    if not kept or len(kept) > limits.megabytes * MEGABYTE:
        image = image if options else convert_to_rgb(image)
        kept = _save(image, "JPEG", **_choose_jpeg_coding(options, swapped))
    if len(kept) > limits.megabytes * MEGABYTE:
        raise make_too_much_memory_error()
    return info, (kept,)


def _is_coded_in_rgb(image: ImageFile.ImageFile) -> bool:
    return image.info.get("adobe_transform") == 0 or bytes(n for n, *_ in image.layer) == b"RGB"


def _read_jpeg_coding(image: ImageFile.ImageFile) -> dict[str, object]:
    return {
        "qtables": {number: list(table) for number, table in image.quantization.items()},
        "subsampling": JpegImagePlugin.get_sampling(image),
    }


def _choose_jpeg_coding(options: dict[str, object], swapped: bool) -> dict[str, object]:
    """The options to code an image that was turned as it was coded before."""
    if not options:
        return {"quality": JPEG_QUALITY, "subsampling": "4:4:4"}
    tables, subsampling = options["qtables"], options["subsampling"]
    if swapped:
        order = [8 * column + row for row in range(8) for column in range(8)]
        tables = {number: [table[n] for n in order] for number, table in tables.items()}
    # Colours at half the width would need half the height now.
    keeps = subsampling == 2 or (subsampling == 1 and not swapped)
    return {"qtables": tables, "subsampling": subsampling if keeps else 0}


def _save(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.info = {}
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _check_memory(
    image: ImageFile.ImageFile, full_size: tuple[int, int], limits: ImageLimits
) -> None:
    """Refuse an image that would take too much memory, by what its header says.

    Args:
        image: Opened, and reduced if it may be decoded smaller.
        full_size: Width and height before that.
    """
    width, height = image.size
    pixel = _MODE_BYTES.get(image.mode, 4)
    is_rgb = image.mode in ("RGB", "YCbCr") and "transparency" not in image.info
    converted = 0 if is_rgb else 4
    needed = width * height * (pixel + max(_CODEC_BYTES.get(image.format, 0), converted))
    if image.info.get("progressive"):  # holds all coefficients, 2 bytes each
        needed += 2 * count_coefficients(image, full_size)
    if needed > (limits.memory - PROCESS_MEGABYTES) * MEGABYTE:
        raise make_too_much_memory_error()
