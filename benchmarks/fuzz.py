"""Feed what was damaged at random to what reads files from outside: nothing may crash.

    python -m benchmarks.fuzz images --count 100000 [--seed 0]
    python -m benchmarks.fuzz archives --count 100000 [--seed 0]

Each image is a good one of eight formats with some bytes changed, cut out, repeated or put in.
It must be decoded or left out with a reason. Each archive is a zip whose names, fields, records
and bytes are changed; it must be read, under safe names, or refused with a reason. Ends with 1 if
a decoding process crashed, or an archive ended in anything else or took more than 5 seconds.
"""

import argparse
import io
import itertools
import random
import re
import struct
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

from transfer_core import images
from transfer_core.dataset import Limits, open_archive
from transfer_core.errors import ArchiveError, ImageError

BATCH_SIZE = 32  # images sent at once
MAX_CHANGES = 4  # of one image
MAX_SPAN = 64  # bytes of a change
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)  # bytes at the edges of what counters hold
CRASHED = "broke off"  # said of an image whose decoder did not survive it
ARCHIVE_SECONDS = 5.0  # that reading one archive may take
ENTRY_BYTES = 1_000_000  # of a file in it
GOOD_NAMES = "a/{}.png", "b/{}.png", "A/{}.PNG", "b/ä{}.png", "b/a\u0308{}.png", "犬/{}.jpg", "a{}/"
BAD_NAMES = (
    *("../1.png", "/1.png", "C:\\1.png", "a\\..\\1.png", "a/./1.png", "a//1.png", "", ".", ".."),
    *("a/\n.png", "a/\u202e.png", "__MACOSX/1", "con.png", "a/in.zip", "a/" * 40 + "1", "x" * 400),
)
FIELDS = {  # of the records of a zip: offset and bytes
    b"PK\1\2": (
        (4, 2),
        (6, 2),
        (8, 2),
        (10, 2),
        (16, 4),
        (20, 4),
        (24, 4),
        (28, 2),
        (30, 2),
        (32, 2),
        (34, 2),
        (38, 4),
        (42, 4),
    ),
    b"PK\3\4": ((6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    b"PK\5\6": ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
    b"PK\6\6": ((4, 8), (24, 8), (32, 8), (40, 8), (48, 8)),
    b"PK\6\7": ((4, 4), (8, 8), (16, 4)),
}
_MARKS = re.compile(b"|".join(map(re.escape, FIELDS)))
END_BYTES = 22  # of the last record of a zip


@dataclass
class Tally:
    """What became of the images or archives that were tried."""

    tried: int = 0
    kept: int = 0
    left_out: int = 0
    crashes: list[bytes | str] = field(default_factory=list)
    reasons: Counter = field(default_factory=Counter)


def make_good_images() -> list[bytes]:
    """Small images of every format, with metadata, palettes, transparency, frames and depths."""
    pillow_heif.register_heif_opener()
    noise = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    photo = Image.fromarray(noise).resize((44, 36), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a place"
    deep = Image.fromarray(np.arange(1584, dtype=np.uint16).reshape(36, 44) * 40)
    more = {"save_all": True, "append_images": [photo.rotate(9)]}
    variants = [
        (photo, "JPEG", {"exif": exif.tobytes(), "comment": b"a text"}),
        (photo, "JPEG", {"progressive": True, "subsampling": 0}),
        (photo.convert("CMYK"), "JPEG", {}),
        (photo, "PNG", {"exif": exif.tobytes()}),
        (photo.convert("P"), "PNG", {"transparency": 3}),
        (photo.convert("RGBA"), "PNG", more),
        (deep, "PNG", {}),
        (photo, "WEBP", {"exif": exif.tobytes()}),
        (photo.convert("RGBA"), "WEBP", {"lossless": True}),
        (photo, "WEBP", more),
        (photo, "BMP", {}),
        (photo.convert("P"), "BMP", {}),
        (photo, "GIF", more),
        (photo, "TIFF", {"compression": "tiff_lzw", "exif": exif.tobytes()}),
        (photo, "TIFF", {"compression": "jpeg"}),
        (deep, "TIFF", {"compression": "tiff_adobe_deflate"}),
        (photo, "AVIF", {"exif": exif.tobytes(), "speed": 10}),
        (photo, "HEIF", {"exif": exif.tobytes()}),
    ]
    files = []
    for image, kind, options in variants:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        files.append(buffer.getvalue())
    return files


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Change some bytes of a file; the beginning, where headers lie, more often than the rest."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, MAX_CHANGES)):
        reach = len(changed) if chance.random() < 0.7 else min(len(changed), 256)
        at, length = chance.randrange(reach), chance.randint(1, MAX_SPAN)
        match chance.randrange(6):
            case 0 | 1:
                changed[at] = chance.randrange(256)
            case 2:
                changed[at] = chance.choice(INTERESTING)
            case 3:
                del changed[at : at + length]
            case 4:
                changed[at:at] = changed[at : at + length]
            case 5:
                changed[at : at + 4] = chance.randbytes(4)
        if not changed:
            return b""
    return bytes(changed)


def iter_mutated_images(seed: int) -> Iterator[bytes]:
    """Damaged images without end, the same for a seed."""
    chance = random.Random(seed)
    for good in itertools.cycle(make_good_images()):
        yield mutate(good, chance)


def fuzz_images(count: int, seed: int) -> Tally:
    """Give damaged images to the processes that decode, and count what becomes of them."""
    tally, damaged = Tally(), itertools.islice(iter_mutated_images(seed), count)
    with images.ImageCleaner() as cleaner:
        while batch := list(itertools.islice(damaged, BATCH_SIZE)):
            for data, seen in zip(batch, cleaner.clean(batch), strict=True):
                tally.tried += 1
                if isinstance(seen, ImageError):
                    tally.left_out += 1
                    tally.reasons[seen.problem] += 1
                    tally.crashes += [data] if CRASHED in seen.problem else []
                else:
                    tally.kept += 1
    return tally


def make_archive(chance: random.Random) -> bytes:
    """A zip of a few files under good and bad names, sometimes with records of zip64."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(chance.randint(1, 4)):
            entry = zipfile.ZipInfo("x")  # the name is set later, so that it stays what it is
            entry.filename = chance.choice(GOOD_NAMES).format(number)
            if chance.random() < 0.06:
                entry.filename += chance.choice(BAD_NAMES)
            elif chance.random() < 0.06:
                entry.filename = chance.choice(BAD_NAMES)
            entry.create_system = chance.choice((0, 3))
            entry.external_attr = chance.choice((0o100644, 0o40755, 0)) << 16
            entry.compress_type = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            content = chance.randbytes(chance.randint(0, 80)) * chance.choice((1, 1, 1, 400))
            with archive.open(entry, "w", force_zip64=chance.random() < 0.2) as file:
                file.write(content)
            archive.NameToInfo.clear()  # which warns of a name that occurs twice
    data = buffer.getvalue()
    return add_zip64_end(data) if chance.random() < 0.2 else data


def add_zip64_end(data: bytes) -> bytes:
    """The same zip with the records that large zips have at their end."""
    end = len(data) - END_BYTES
    count, size, start = struct.unpack_from("<H2L", data, end + 10)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    return data[:end] + record + locator + last


def mutate_archive(data: bytes, chance: random.Random) -> bytes:
    """Change fields of a zip's records, or whole records; sometimes also any bytes."""
    changed = bytearray(data)
    for _ in range(chance.randint(0, 3)):
        starts = [(found.start(), found[0]) for found in _MARKS.finditer(changed)]
        if not starts:
            break
        at, mark = chance.choice(starts)
        after = min((other for other, _ in starts if other > at), default=len(changed))
        match chance.randrange(8):
            case 0:
                changed[at:at] = changed[at:after]
            case 1:
                del changed[at:after]
            case _:
                offset, size = chance.choice(FIELDS[mark])
                numbers = 0, 1, 2**15, *(2 ** (8 * size) - n for n in (1, 2)), len(changed), at
                number = chance.choice((*numbers, chance.getrandbits(8 * size)))
                new = number.to_bytes(8, "little")[:size]
                changed[at + offset : at + offset + size] = new
    return mutate(bytes(changed), chance) if chance.random() < 0.3 and changed else bytes(changed)


def read_archive(path: Path) -> None:
    """Read all files of an archive; the names of what is read must be harmless.

    Raises:
        ArchiveError: If the archive, or one of its files, cannot be read.
    """
    with open_archive(path, Limits(entry_bytes=ENTRY_BYTES)) as archive:
        for member in archive.members:
            parts = member.path.split("/")
            assert not {"", ".", ".."} & set(parts) and "\\" not in member.path, member.path
        for member in archive.members:
            assert len(archive.read(member)) <= ENTRY_BYTES


def fuzz_archives(count: int, seed: int) -> Tally:
    """Read changed archives, and count what becomes of them."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.zip"
        for number in range(count):
            chance = random.Random(f"archive {seed} {number}")
            path.write_bytes(mutate_archive(make_archive(chance), chance))
            tally.tried, began = tally.tried + 1, time.perf_counter()
            try:
                read_archive(path)
                tally.kept += 1
            except ArchiveError as error:
                tally.left_out += 1
                tally.reasons[error.problem] += 1
            except Exception:
                tally.crashes.append(f"archive {number}: {traceback.format_exc(limit=-4)}")
            if time.perf_counter() - began > ARCHIVE_SECONDS:
                tally.crashes.append(f"archive {number}: too slow")
            if [each.name for each in Path(folder).iterdir()] != [path.name]:
                tally.crashes.append(f"archive {number}: writes files")
    return tally


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    fuzzers = {"images": fuzz_images, "archives": fuzz_archives}
    parser.add_argument("kind", choices=fuzzers)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    given, began = parser.parse_args(), time.perf_counter()
    tally = fuzzers[given.kind](given.count, given.seed)
    print(
        f"{tally.tried:,} {given.kind}: {tally.kept:,} kept, {tally.left_out:,} left out, "
        f"{len(tally.crashes):,} crashes, {time.perf_counter() - began:.0f} s"
    )
    for reason, number in tally.reasons.most_common(12):
        print(f"{number:8,}  {reason}")
    for crash in tally.crashes[:5]:
        print(crash)
    return 1 if tally.crashes else 0


if __name__ == "__main__":
    sys.exit(main())
