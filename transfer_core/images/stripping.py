"""Take out of image files whatever is not pixels, without decoding them: nothing is lost.

What stays of a JPEG are the segments that code its pixels, of a PNG and a WebP their chunks with
pixels, palette and transparency. Positions, thumbnails, texts, profiles, further pictures and
whatever follows the end stay behind. Everything here is plain Python, for hostile bytes.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from transfer_core.errors import ImageError
from transfer_core.languages import N_

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
PNG_MAY_TURN = frozenset({b"eXIf", b"iTXt", b"zTXt", b"tEXt"})  # may hold an orientation
WEBP_MAY_TURN = frozenset({b"EXIF", b"XMP "})
WEBP_ANIMATION, WEBP_ALPHA = 0x02, 0x10  # bits of the flags in VP8X
JPEG_START, JPEG_END, JPEG_SCAN = 0xD8, 0xD9, 0xDA
JPEG_JFIF, JPEG_EXIF, JPEG_ADOBE = 0xE0, 0xE1, 0xEE
# Frames (SOF), tables (DHT, DAC, DQT), the restart interval, scans and the end; 0xC8 is no frame.
JPEG_KEPT = frozenset({*range(0xC0, 0xD0), 0xDB, 0xDD, JPEG_SCAN, JPEG_END}) - {0xC8}
TAIL_BYTES = 4096  # in which a text is looked for
MIN_TEXT_BYTES = 16
_PRINTABLE = bytes(ord("a") if 32 <= byte < 127 else 0 for byte in range(256))
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # neither a stuffed byte nor a restart
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"  # as Pillow writes it
_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"  # and a byte that says how colours are

_ENDINGS = {  # by how a file begins
    b"\xff\xd8\xff": ("jpg", "jpeg", "jpe", "jfif"),
    PNG_SIGNATURE: ("png", "apng"),
    b"RIFF": ("webp",),
}

Piece = tuple[int, int] | bytes  # first byte and the one after the last; or bytes put in


@dataclass(frozen=True, slots=True)
class Stripped:
    """An image file without anything but its pixels, as pieces of the original."""

    pieces: tuple[Piece, ...]
    may_turn: bool  # whether something was taken out that may hold an orientation
    animated: bool = False  # whether the original holds further frames
    text_at: int | None = None  # where a text begins near the end of the coded pixels

    def join(self, data: bytes) -> bytes:
        """The bytes of the stripped file, from those of the original."""
        return join_pieces(self.pieces, data)


def join_pieces(pieces: tuple[Piece, ...], data: bytes) -> bytes:
    """Put pieces of a file together; the file itself if they are all of it."""
    if pieces == ((0, len(data)),):
        return data
    parts = (data[slice(*p)] if isinstance(p, tuple) else p for p in pieces)
    return b"".join(parts)


def find_endings(data: bytes) -> tuple[str, ...]:
    """The endings that a JPEG, PNG or WebP file may have, the usual one first."""
    return next((ends for begin, ends in _ENDINGS.items() if data.startswith(begin)), ())


def strip_metadata(data: bytes, max_scans: int) -> Stripped | None:
    """Find the pieces of an image file that make its pixels.

    Args:
        data: Any bytes.
        max_scans: Of a progressive JPEG, since each costs time.

    Returns:
        None if it is of no format whose pieces can be told apart, or an animated WebP. Damaged
        files keep their damage, so that decoding them fails.

    Raises:
        ImageError: If a JPEG has too many scans.
    """
    if data[:3] == b"\xff\xd8\xff":
        return _strip_jpeg(data, max_scans)
    if data.startswith(PNG_SIGNATURE):
        return _strip_png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _strip_webp(data)
    return None


def _strip_jpeg(data: bytes, max_scans: int) -> Stripped:
    pieces, may_turn, scans, last = _PieceList(data), False, 0, (0, 0)
    pieces.keep(0, 2)
    for marker, start, end in _iter_segments(data):
        if marker in JPEG_KEPT:
            pieces.keep(start, end)
            if marker == JPEG_SCAN:
                scans, last = scans + 1, (start, end)
        elif marker == JPEG_JFIF and data[start + 4 : start + 9] == b"JFIF\0":
            if end - start == len(_JFIF):
                pieces.keep(start, end)
            else:  # with a thumbnail
                pieces.replace(start, end, _JFIF)
        elif marker == JPEG_ADOBE and data[start + 4 : start + 9] == b"Adobe" and end - start > 15:
            pieces.replace(start, end, _ADOBE + data[start + 15 : start + 16])
        elif marker == JPEG_EXIF:
            may_turn = True
        if scans > max_scans:
            raise ImageError(
                N_("The image takes too long to read."),
                found=f"a JPEG of more than {max_scans} scans",
                remedy=N_("Save it again as JPEG or PNG, or leave it out."),
            )
    return Stripped(pieces.close(), may_turn, text_at=_find_text(data, *last))


def _find_text(data: bytes, start: int, end: int) -> int | None:
    """Where a text begins at the end of some coded pixels, which are hardly ever one.

    Decoders pass over bytes between the last pixel and the end, where something may hide.
    """
    start = max(start, end - TAIL_BYTES)
    found = data[start:end].translate(_PRINTABLE).find(b"a" * MIN_TEXT_BYTES)
    return None if found < 0 else start + found


def _iter_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment after the first one; a scan has its data with it."""
    found = _MARKER.search(data, 2)
    while found:
        start, marker = found.start(), data[found.start() + 1]
        end = start + 2
        if marker != JPEG_END and not 0xD0 <= marker <= JPEG_START and marker != 1:
            end += int.from_bytes(data[end : end + 2])
        if marker == JPEG_SCAN:
            after = _SCAN_END.search(data, end)
            end = after.start() if after else len(data)
        yield marker, start, min(end, len(data))
        if marker == JPEG_END:
            return
        found = _MARKER.search(data, end)


def _strip_png(data: bytes) -> Stripped:
    pieces, may_turn, animated, last = _PieceList(data), False, False, (0, 0)
    pieces.keep(0, len(PNG_SIGNATURE))
    for kind, start, end in iter_png_chunks(data):
        if kind in PNG_KEPT:
            pieces.keep(start, end)
        may_turn |= kind in PNG_MAY_TURN
        if kind == b"IDAT":
            last = start + 8, end
        elif kind == b"acTL":
            animated |= int.from_bytes(data[start + 8 : start + 12]) > 1
    return Stripped(pieces.close(), may_turn, animated, _find_text(data, *last))


def iter_png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk of a PNG up to the last one."""
    position, kind = len(PNG_SIGNATURE), b""
    while position + 8 <= len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">L4s", data, position)
        end = min(position + 12 + length, len(data))
        yield kind, position, end
        position = end


def _strip_webp(data: bytes) -> Stripped | None:
    spans, may_turn, flags, canvas = {}, False, 0, b""
    position, total = 12, min(8 + int.from_bytes(data[4:8], "little"), len(data))
    while position + 8 <= total:
        kind, length = struct.unpack_from("<4sL", data, position)
        end = min(position + 8 + length + length % 2, len(data))
        if kind == b"VP8X" and end - position >= 18:
            flags, canvas = data[position + 8], data[position + 12 : position + 18]
        spans.setdefault(kind, (position, end))
        may_turn |= kind in WEBP_MAY_TURN
        position = end
    if flags & WEBP_ANIMATION:
        return None
    kept = [spans[kind] for kind in (b"VP8 ", b"VP8L") if kind in spans][:1]
    head = b""
    if canvas and b"ALPH" in spans:
        head = struct.pack("<4sL4B", b"VP8X", 10, WEBP_ALPHA, 0, 0, 0) + canvas
        kept.insert(0, spans[b"ALPH"])
    size = 4 + len(head) + sum(end - start for start, end in kept)
    start = b"RIFF" + size.to_bytes(4, "little") + b"WEBP" + head
    pieces = _PieceList(data)
    pieces.replace(0, len(start), start)
    for span in kept:
        pieces.keep(*span)
    return Stripped(pieces.close(), may_turn)


class _PieceList:
    """Pieces of a file in their order; neighbours are joined, so that few are left."""

    def __init__(self, data: bytes) -> None:
        self._data, self._pieces = data, []

    def keep(self, start: int, end: int) -> None:
        """Keep some bytes of the file."""
        last = self._pieces[-1] if self._pieces else None
        if isinstance(last, tuple) and last[1] == start:
            self._pieces[-1] = (last[0], end)
        else:
            self._pieces.append((start, end))

    def replace(self, start: int, end: int, new: bytes) -> None:
        """Put in other bytes for some of the file, unless they are the same."""
        if self._data[start:end] == new:
            self.keep(start, end)
        else:
            self._pieces.append(new)

    def close(self) -> tuple[Piece, ...]:
        """All pieces."""
        return tuple(self._pieces)
