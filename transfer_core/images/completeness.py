"""Find images whose header tells of more pixels than their data hold; decoders make these up."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress

from PIL import Image, ImageFile

from transfer_core.images.decoding import make_truncated_error, open_image, reduce_while_decoding
from transfer_core.images.limits import ImageLimits
from transfer_core.images.stripping import iter_png_chunks

GREY = 127, 128  # what a JPEG decoder makes of pixels that it has no data for
LOOKAHEAD = 64  # bytes that a JPEG decoder may read before it needs them
UNPACKED_BYTES = 1 << 20  # of a PNG at a time
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the kind of colours
# Of an interlaced PNG: first column, first row, columns and rows to the next pixel of a pass.
PNG_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def check_all_rows(image: Image.Image, data: bytes, limits: ImageLimits) -> None:
    """Refuse a JPEG or PNG whose data end before its pixels do.

    Only images whose last row looks as if it were missing are looked at closely.

    Args:
        image: Decoded, by Pillow, and not turned.
        data: Its file.
        limits: Of images.

    Raises:
        ImageError: If pixels are missing.
    """
    width, height = image.size
    kind = getattr(image, "format", None)
    if kind not in ("JPEG", "MPO", "PNG"):
        return
    low, high = (0, 0) if kind == "PNG" else GREY
    for corner in (image.getpixel((across, height - 1)) for across in (width - 1, 0)):
        values = corner if isinstance(corner, tuple) else (corner,)
        if min(values) < low or max(values) > high:
            return
    if _lacks_png_rows(data) if kind == "PNG" else _lacks_jpeg_rows(data, limits):
        raise make_truncated_error("a header that tells of more pixels than there are")


def count_coefficients(image: ImageFile.ImageFile, size: tuple[int, int]) -> int:
    """The number of coefficients that a JPEG of a size has, by how its colours are sampled."""
    layers = [across * down for _, across, down, _ in image.layer]
    return size[0] * size[1] * sum(layers) // max(layers)


def _lacks_jpeg_rows(data: bytes, limits: ImageLimits) -> bool:
    """Whether a JPEG has no data for its last row, which a decoder makes grey then.

    A row that really is grey is told by decoding again, with bytes instead of the end: rows
    without data stay black then.
    """
    again = open_image(data, limits)
    if again.info.get("progressive"):  # has all of its rows or none; a block takes a bit at least
        return 8 * len(data) < count_coefficients(again, again.size) // 64
    again = open_image(data[: data.rfind(b"\xff\xd9")] + bytes(LOOKAHEAD), limits)
    reduce_while_decoding(again, min_decoded_side=1)
    with suppress(OSError):  # the end is missing, of course
        again.load()
    pixel = again.im.getpixel((again.width - 1, again.height - 1))
    return not any(pixel if isinstance(pixel, tuple) else (pixel,))


def _lacks_png_rows(data: bytes) -> bool:
    """Whether a PNG unpacks to fewer bytes than its rows take; a decoder makes the others 0."""
    width, height, depth, colour, *_, interlaced = struct.unpack_from(">2L5B", data, 16)
    bits, needed = depth * PNG_CHANNELS[colour], 0
    for left, top, across, down in PNG_PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            needed += rows * (1 + -(-columns * bits // 8))
    return sum(map(len, _unpack_png(data, zlib.decompressobj()))) < needed


def has_surplus(data: bytes) -> bool:
    """Whether the pixels of a PNG end before the chunks that hold them."""
    unpacker = zlib.decompressobj()
    for _ in _unpack_png(data, unpacker):
        pass
    return bool(unpacker.unused_data)


def _unpack_png(data: bytes, unpacker: "zlib._Decompress") -> Iterator[bytes]:
    for kind, start, end in iter_png_chunks(data):
        if kind == b"IDAT":
            rest = data[start + 8 : end - 4]
            while rest:
                yield unpacker.decompress(rest, UNPACKED_BYTES)
                rest = unpacker.unconsumed_tail
    yield unpacker.flush()
