"""Feed what was damaged at random to what reads files from outside: nothing may crash.

    python -m benchmarks.fuzz images --count 100000 [--seed 0]

Each image is a good one of eight formats with some bytes changed, cut out, repeated or put in.
It must be decoded or left out with a reason. Ends with 1 if a decoding process crashed.
"""

import argparse
import io
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pillow_heif
from PIL import Image

from transfer_core import images
from transfer_core.errors import ImageError

BATCH_SIZE = 32  # images sent at once
MAX_CHANGES = 4  # of one image
MAX_SPAN = 64  # bytes of a change
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)  # bytes at the edges of what counters hold
CRASHED = "broke off"  # said of an image whose decoder did not survive it


@dataclass
class Tally:
    """What became of the images that were tried."""

    tried: int = 0
    kept: int = 0
    left_out: int = 0
    crashes: list[bytes] = field(default_factory=list)
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


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    chosen = kinds.add_parser("images", help="image files")
    chosen.add_argument("--count", type=int, default=2_000)
    chosen.add_argument("--seed", type=int, default=0)
    given, began = parser.parse_args(), time.perf_counter()
    tally = fuzz_images(given.count, given.seed)
    print(
        f"{tally.tried:,} images: {tally.kept:,} kept, {tally.left_out:,} left out, "
        f"{len(tally.crashes):,} crashes, {time.perf_counter() - began:.0f} s"
    )
    for reason, number in tally.reasons.most_common(12):
        print(f"{number:8,}  {reason}")
    return 1 if tally.crashes else 0


if __name__ == "__main__":
    sys.exit(main())
