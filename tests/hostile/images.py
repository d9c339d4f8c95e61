"""Image files that mean harm or bad luck, made by code; the numbers are those of the catalogue.

Each case says what must become of it: kept, or left out with a sentence that holds some words.
"""

import io
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()

KEPT = "kept"
SECRET = b"secret place <script>alert(1)</script>"
TEXT_BOMB_BYTES = 200 << 20
PHOTO_SIZE = 160, 120


@dataclass(frozen=True)
class Case:
    """One image file and what must become of it."""

    number: str  # in the catalogue; C1 and so on are holes that were found
    name: str
    make: Callable[[], bytes]
    expected: str  # KEPT, or words of the reason why it is left out

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def make_photo(size: tuple[int, int] = PHOTO_SIZE) -> Image.Image:
    """Soft shapes, as photos have."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def make_chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    checked = kind + content
    return struct.pack(">L", len(content)) + checked + struct.pack(">L", zlib.crc32(checked))


def make_png(
    width: int, height: int, *, depth: int = 8, colour: int = 0, rows: bytes = b""
) -> bytes:
    """A PNG whose header tells of a size, whatever follows."""
    header = struct.pack(">2L5B", width, height, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(make_chunk(*chunk) for chunk in chunks)


def make_flat_png(width: int, height: int, *, depth: int, colour: int, samples: int) -> bytes:
    """A complete PNG of one colour."""
    rows = bytes((1 + width * samples * depth // 8) * height)
    return make_png(width, height, depth=depth, colour=colour, rows=rows)


def make_float_tiff(width: int, height: int) -> bytes:
    """A TIFF of floating-point values from -1 to 1."""
    values = np.zeros((height, width), np.float32)
    values[0, :2] = -1, 1
    return encode(Image.fromarray(values), "TIFF", compression="packbits")


def make_exif(orientation: int = 1) -> Image.Exif:
    """EXIF data with an orientation, a text and a position."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = orientation, SECRET.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 14.0), 0x1D: "2024:05:17"})
    return exif


def put_into_png(data: bytes, kind: bytes, content: bytes) -> bytes:
    """Put a chunk behind the header of a PNG."""
    return data[:33] + make_chunk(kind, content) + data[33:]


def put_into_jpeg(data: bytes, marker: int, content: bytes) -> bytes:
    """Put a segment at the beginning of a JPEG."""
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content + data[2:]


def hide_in_jpeg(data: bytes) -> bytes:
    """Put a text between the last pixel of a JPEG and its end, where decoders pass over it."""
    return data[:-2] + SECRET + data[-2:]


def hide_in_png() -> bytes:
    """A PNG whose chunk of pixels goes on behind them."""
    rows = zlib.compress(bytes(65 * 64)) + SECRET
    return make_png(64, 64)[:33] + make_chunk(b"IDAT", rows) + make_chunk(b"IEND", b"")


def claim_jpeg_size(data: bytes, width: int, height: int) -> bytes:
    """Write another size into the header of a JPEG."""
    changed = bytearray(data)
    frame = next(i for i in (data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) if i > 0)
    struct.pack_into(">2H", changed, frame + 5, height, width)
    return bytes(changed)


def repeat_last_scan(data: bytes, times: int) -> bytes:
    """Repeat the last scan of a progressive JPEG, which costs time and few bytes."""
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * times + b"\xff\xd9"


def make_scans(side: int, times: int) -> bytes:
    """A progressive JPEG of one colour, whose last scan comes many times."""
    flat = encode(Image.new("RGB", (side, side), "red"), "JPEG", progressive=True)
    return repeat_last_scan(flat, times)


def outgrow_gif_header() -> bytes:
    gif = bytearray(encode(Image.new("P", (16, 16)), "GIF"))
    struct.pack_into("<2H", gif, gif.index(b"\x2c") + 5, 60_000, 60_000)
    return bytes(gif)


def cut(kind: str, **options) -> bytes:
    data = encode(make_photo(), kind, **options)
    return data[: int(0.6 * len(data))]


def animate(kind: str, frames: int) -> bytes:
    colours = [Image.new("P" if kind == "GIF" else "RGB", (16, 16), n % 256) for n in range(frames)]
    return encode(colours[0], kind, save_all=True, append_images=colours[1:])


def photo(kind: str, mode: str = "RGB", **options) -> Callable[[], bytes]:
    return lambda: encode(make_photo().convert(mode), kind, **options)


def lab() -> bytes:
    return encode(
        Image.merge("LAB", [Image.new("L", (16, 16), v) for v in (200, 128, 128)]), "TIFF"
    )


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n"
NOT_IMAGES = {
    "32 an empty file": b"",
    "32 a text": b"hello",
    "32 a web page": b"<html></html>",
    "33 PostScript": POSTSCRIPT,
    "33 PDF": b"%PDF-1.7\n",
    "33 Photoshop": b"8BPS\0\1" + bytes(40),
    "33 FITS": b"SIMPLE  =                    T" + bytes(2880),
    "34 SVG with a script": b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
}
METADATA = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")  # formats that hold EXIF data


def list_cases() -> Iterator[Case]:
    """All cases, the quick ones first."""
    yield Case("28", "PNG of 64 million pixels", lambda: make_png(8_000, 8_000), "too large")
    yield Case(
        "29", "PNG of 67 bytes, 50,000 a side", lambda: make_png(50_000, 50_000), "too large"
    )
    yield Case("30", "PNG that Pillow only warns of", lambda: make_png(9_400, 9_400), "too large")
    yield Case("30", "GIF whose frame outgrows its header", outgrow_gif_header, "")
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF"):
        yield Case("31", f"{kind} cut off", lambda kind=kind: cut(kind), "")
    yield Case("31", "progressive JPEG cut off", lambda: cut("JPEG", progressive=True), "truncated")
    for name, data in NOT_IMAGES.items():
        number, _, words = name.partition(" ")
        yield Case(number, words, lambda data=data: data, "not an image")
    yield Case("35", "HEIC", photo("HEIF"), KEPT)
    yield from _list_hiding_places()
    yield Case("37", "one pixel", lambda: encode(Image.new("RGB", (1, 1))), "too small")
    yield Case("37", "a line", lambda: make_png(200_000, 1), "too large")
    yield Case("37", "a ribbon", lambda: make_png(18_000, 10), "too narrow")
    yield Case("38", "GIF of 3,000 frames", lambda: animate("GIF", 3_000), KEPT)
    yield Case("38", "animated PNG", lambda: animate("PNG", 5), KEPT)
    yield Case("38", "animated WebP", lambda: animate("WEBP", 5), KEPT)
    for mode, kind in (
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("P", "PNG"),
        ("1", "PNG"),
        ("LA", "PNG"),
    ):
        yield Case("39", f"{mode} as {kind}", photo(kind, mode), KEPT)
    yield Case("39", "LAB as TIFF", lab, KEPT)
    yield Case(
        "40", "16-bit PNG", lambda: make_flat_png(64, 64, depth=16, colour=0, samples=1), KEPT
    )
    for kind in METADATA:
        for orientation in (1, 6, 99):
            data = {"exif": make_exif(orientation).tobytes()}
            yield Case(
                "41", f"{kind} with a position, turned {orientation}", photo(kind, **data), KEPT
            )
    for options in ({"keep_rgb": True}, {"subsampling": 1}, {"progressive": True}):
        yield Case(
            "41",
            f"turned JPEG, {options}",
            photo("JPEG", exif=make_exif(6).tobytes(), **options),
            KEPT,
        )
    for mode in ("L", "CMYK"):
        yield Case(
            "41", f"turned JPEG, {mode}", photo("JPEG", mode, exif=make_exif(6).tobytes()), KEPT
        )
    broken = b"Exif\0\0II*\0\xff\xff\xff\x7f"
    yield Case("42", "JPEG with broken EXIF data", photo("JPEG", exif=broken), KEPT)
    yield Case("42", "PNG with a broken profile", photo("PNG", icc_profile=SECRET), KEPT)
    yield from _list_lies()
    yield from _list_costly_images()


def _list_hiding_places() -> Iterator[Case]:
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"):
        yield Case(
            "36",
            f"{kind} with a zip behind it",
            lambda kind=kind: photo(kind)() + b"PK\3\4" + SECRET,
            KEPT,
        )
    for marker in (*range(0xE0, 0xF0), 0xFE):
        yield Case(
            "C8",
            f"JPEG with a text in segment {marker:X}",
            lambda marker=marker: put_into_jpeg(photo("JPEG")(), marker, SECRET),
            KEPT,
        )
    yield Case(
        "C8",
        "PNG with a text",
        lambda: put_into_png(photo("PNG")(), b"tEXt", b"k\0" + SECRET),
        KEPT,
    )
    yield Case(
        "C8",
        "PNG with a chunk of its own",
        lambda: put_into_png(photo("PNG")(), b"seCr", SECRET),
        KEPT,
    )
    yield Case("C8", "GIF with a comment", photo("GIF", comment=SECRET), KEPT)
    yield Case("C8", "WebP with XMP", photo("WEBP", xmp=SECRET), KEPT)
    yield Case(
        "C8", "WebP with alpha and EXIF", photo("WEBP", "RGBA", exif=make_exif().tobytes()), KEPT
    )
    yield Case("C8", "JPEG with a text before its end", lambda: hide_in_jpeg(photo("JPEG")()), KEPT)
    yield Case(
        "C8",
        "progressive JPEG with a text before its end",
        lambda: hide_in_jpeg(photo("JPEG", progressive=True)()),
        KEPT,
    )
    yield Case("C8", "PNG with a text behind its pixels", hide_in_png, KEPT)
    yield Case(
        "C8", "JPEG in a JPEG", photo("JPEG", exif=make_exif().tobytes(), comment=SECRET), KEPT
    )


def _list_lies() -> Iterator[Case]:
    for options in ({}, {"progressive": True}):
        yield Case(
            "C13",
            f"JPEG of 64 pixels that claims 7,000 {options or ''}".strip(),
            lambda options=options: claim_jpeg_size(
                encode(make_photo((64, 64)), "JPEG", **options), 7_000, 7_000
            ),
            "truncated",
        )
    yield Case(
        "C13", "PNG without its rows", lambda: make_png(700, 700, rows=bytes(701 * 20)), "truncated"
    )
    yield Case(
        "C13",
        "a JPEG that really is grey",
        lambda: encode(Image.new("RGB", (640, 480), (128,) * 3), "JPEG"),
        KEPT,
    )
    yield Case(
        "C13",
        "a progressive JPEG that really is grey",
        lambda: encode(Image.new("L", (640, 480), 128), "JPEG", progressive=True),
        KEPT,
    )


def _list_costly_images() -> Iterator[Case]:
    def bomb() -> bytes:
        packed = zlib.compress(bytes(TEXT_BOMB_BYTES), 9)
        return put_into_png(photo("PNG")(), b"zTXt", b"k\0\0" + packed)

    yield Case("42", "PNG with a text of 200 MB", bomb, KEPT)
    yield Case("C1", "JPEG of 2,000 scans", lambda: make_scans(640, 2_000), "too long")
    yield Case("C9", "float TIFF of 48 million pixels", lambda: make_float_tiff(8_000, 6_000), KEPT)
    yield Case(
        "C9",
        "16-bit PNG of 48 million pixels",
        lambda: make_flat_png(8_000, 6_000, depth=16, colour=0, samples=1),
        KEPT,
    )
    yield Case(
        "C9",
        "PNG of 48 million pixels with transparency",
        lambda: make_flat_png(8_000, 6_000, depth=8, colour=6, samples=4),
        KEPT,
    )
    yield Case(
        "C9",
        "JPEG of 48 million pixels, turned",
        lambda: encode(Image.new("RGB", (8_000, 6_000), "red"), "JPEG", exif=make_exif(6)),
        KEPT,
    )
    yield Case(
        "C9",
        "WebP of 48 million pixels",
        lambda: encode(Image.new("RGB", (8_000, 6_000), "red"), "WEBP", method=0),
        "memory",
    )


CASES = tuple(list_cases())


def main() -> None:
    """Print the table with what is seen: `PYTHONPATH=. python tests/hostile/images.py`."""
    from transfer_core import images
    from transfer_core.errors import ImageError

    print("| case | expected | seen | s |\n|---|---|---|---|")
    for case in CASES:
        data, began = case.make(), time.perf_counter()
        try:
            info = images.clean_image(data).info
            seen = f"{KEPT}: {info.format}, {info.width} x {info.height}"
        except ImageError as error:
            seen = error.problem
        seconds = time.perf_counter() - began
        expected = case.expected or "left out"
        print(f"| {case} | {expected} | {seen} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
