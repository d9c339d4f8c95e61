"""Zips for tests, good and hostile, written byte by byte where the library would refuse."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()

LOCAL = "<4s5H3L2H"
CENTRAL = "<4s6H3L5H2L"
END = "<4s4H2LH"


def make_picture(seed: int = 0, size: tuple[int, int] = (24, 16), kind: str = "PNG") -> bytes:
    """An image file whose content depends on the seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).save(data, kind)
    return data.getvalue()


def write_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip of these files; equal ones have equal bytes, whatever the clock says."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, method)
    return path


def make_class_files(counts: dict[str, int], ending: str = ".png") -> dict[str, bytes]:
    """Make so many different images in each folder."""
    files: dict[str, bytes] = {}
    for folder, count in counts.items():
        for number in range(count):
            files[f"{folder}/{number}{ending}"] = make_picture(len(files))
    return files


class RawZip:
    """Write zip records by hand, true or false."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.directory = bytearray()
        self.count = 0

    def add(self, name: bytes | str, content: bytes = b"", **overrides) -> "RawZip":
        """Add an entry.

        Args:
            name: Name of the entry.
            content: Unpacked bytes.
            overrides: False values to write instead: flags, method, packed, crc,
                stored_size, size, header (offset), local_name, mode, extra (central).
        """
        raw = name.encode() if isinstance(name, str) else name
        flags = overrides.get("flags", 0x800 if isinstance(name, str) else 0)
        method = overrides.get("method", 8)
        packed = overrides.get("packed", deflate(content) if method == 8 else content)
        crc, size = overrides.get("crc", zlib.crc32(content)), overrides.get("size", len(content))
        header, local_name = (
            overrides.get("header", len(self.data)),
            overrides.get("local_name", raw),
        )
        if "header" not in overrides:
            self.data += (
                struct.pack(
                    LOCAL,
                    b"PK\3\4",
                    20,
                    flags,
                    method,
                    0,
                    33,
                    crc,
                    len(packed),
                    size,
                    len(local_name),
                    0,
                )
                + local_name
                + packed
            )
        extra = overrides.get("extra", b"")
        self.directory += (
            struct.pack(
                CENTRAL,
                b"PK\1\2",
                3 << 8 | 20,
                20,
                flags,
                method,
                0,
                33,
                crc,
                overrides.get("stored_size", len(packed)),
                size,
                len(raw),
                len(extra),
                0,
                0,
                0,
                overrides.get("mode", 0o100644) << 16,
                header,
            )
            + raw
            + extra
        )
        self.count += 1
        return self

    def bytes(self) -> bytes:
        count = min(self.count, 0xFFFF)
        end = struct.pack(
            END, b"PK\5\6", 0, 0, count, count, len(self.directory), len(self.data), 0
        )
        return bytes(self.data + self.directory + end)

    def bytes_with_zip64_count(self, count: int) -> bytes:
        """The same with a zip64 record that claims so many entries."""
        start, end = len(self.data), len(self.data) + len(self.directory)
        size = len(self.directory)
        record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
        locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
        last = struct.pack(END, b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
        return bytes(self.data + self.directory) + record + locator + last

    def write(self, path: Path) -> Path:
        path.write_bytes(self.bytes())
        return path


def deflate(content: bytes) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return squeeze.compress(content) + squeeze.flush()
