"""The image sets of the panel: real ones, modified real ones, and synthetic ones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.panel.worlds import WORLDS
from transfer_core import dataset, images
from transfer_core.dataset import samples
from transfer_core.transferability import stratify_order

SIZE = 64  # pixels a side, but for real sets of larger images
SMALL = images.Transform(SIZE)
MAX_POOL_IMAGES = 3_500  # images of a pool, to learn from and to test on
MAX_PHOTOS = 200  # of each class of photos, which is as many as the pools can hold
SOURCE_CLASSES = 20  # of the source photos, for the control
IMAGES_PER_WORLD = 4_500  # images of a world
SOURCE_ZIP = "source_photos_160.zip"
CONTROLS = {"source photos", "shuffled labels", "noise"}
PHOTOS_ZIP, OBJECTS_ZIP = "new_photos_20_large.zip", "cifar10_5k.zip"
TINTS = np.array([(60, 0, 0), (0, 60, 0), (0, 0, 60), (60, 60, 0), (60, 0, 60), (0, 60, 60)])
ANIMALS = {"bird", "cat", "deer", "dog", "frog", "horse"}


@dataclass(frozen=True)
class Pool:
    """Images of one kind; data sets are drawn from them."""

    name: str
    family: str  # held out as a whole when a model is fitted
    pixels: np.ndarray  # uint8, shape (N, S, S, 3)
    labels: np.ndarray  # int64, shape (N,)


class Pools:
    """Builds pools by name.

    Args:
        data: Folder of the real image sets; without it there are only synthetic ones.
        home: The data folder.
        transform: Of the network, for the real sets whose images are larger than 64 pixels.
    """

    def __init__(self, data: Path, home: Path, transform: images.Transform = SMALL) -> None:
        self._data, self._home, self._transform = data, home, transform
        self._make: dict[str, tuple[str, Callable[[], tuple[np.ndarray, np.ndarray]]]] = {
            name: (name, lambda name=name: WORLDS[name](IMAGES_PER_WORLD, _make_rng(name)))
            for name in WORLDS
        }
        self._make["digits"] = (
            "digits",
            lambda: self._read_archive(samples.resolve_path("sample:digits", home)),
        )
        for name, (family, make) in self._list_real_sets().items():
            if (data / family).exists():
                self._make[name] = family.removesuffix(".zip"), make
        for name, task in (("tint", _tint), ("rotation", _rotate), ("sharpness", _blur)):
            if (data / PHOTOS_ZIP).exists():  # a new kind of label makes a family of its own
                self._make[name] = name, lambda task=task: task(self._read_zip(PHOTOS_ZIP)[0])
        self._read_zip = cache(self._read_zip)

        self._make["noise"] = "noise", _make_noise
        if (data / PHOTOS_ZIP).exists():
            self._make["shuffled labels"] = "shuffled labels", self._shuffle_labels
        if (data / SOURCE_ZIP).exists():
            self._make["source photos"] = "source photos", self._read_source_photos

    def names(self) -> list[str]:
        """Return the names of all pools but the controls."""
        return [name for name in self._make if name not in CONTROLS]

    def controls(self) -> list[str]:
        """Return the names of the pools for which the right estimate is known beforehand."""
        return [name for name in self._make if name in CONTROLS]

    def pool(self, name: str) -> Pool:
        """Build a pool of at most 3,500 images, the same share of each class."""
        family, make = self._make[name]
        pixels, labels = make()
        order = np.random.default_rng(0).permutation(len(labels))
        chosen = np.sort(stratify_order(order, labels)[:MAX_POOL_IMAGES])
        return Pool(name, family, pixels[chosen], labels[chosen])

    def get_family(self, name: str) -> str:
        """Return the family of a pool without building it."""
        return self._make[name][0]

    def _list_real_sets(self):
        changes = {
            "photos": lambda photos: photos,
            "grey photos": _convert_to_grey,
            "inverted photos": lambda photos: 255 - photos,
            "blurred photos": _make_filter(ImageFilter.GaussianBlur(3)),
            "outlines of photos": _make_filter(ImageFilter.FIND_EDGES),
            "photos in swapped colours": lambda photos: photos[..., [1, 2, 0]],
            "middles of photos": _crop_middle,
        }
        changed = {
            name: (PHOTOS_ZIP, lambda change=change: self._transform_photos(change))
            for name, change in changes.items()
        }
        return changed | {
            "objects": (OBJECTS_ZIP, lambda: self._read_zip(OBJECTS_ZIP)),
            "animals or vehicles": (OBJECTS_ZIP, self._group_objects),
            "brain scans": ("brain_mri_253.zip", lambda: self._read_large("brain_mri_253.zip")),
            "ants and bees": ("ants_bees.zip", lambda: self._read_large("ants_bees.zip")),
        }

    def _read_large(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        return self._read_archive(self._data / name, self._transform)

    def _read_zip(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        pixels, labels = self._read_archive(self._data / name)
        if name != PHOTOS_ZIP:
            return pixels, labels
        classes = range(labels.max() + 1)
        kept = np.concatenate([np.flatnonzero(labels == k)[:MAX_PHOTOS] for k in classes])
        return pixels[kept], labels[kept]

    def _read_archive(
        self, path: Path, transform: images.Transform = SMALL
    ) -> tuple[np.ndarray, np.ndarray]:
        data = dataset.ingest(path, home=self._home)
        pixels = dataset.load_pixels(self._home, data, transform)[:]
        first = {}  # each image once: copies could be on both sides of a split
        for index, record in enumerate(data.records):
            first.setdefault(record.digest, index)
        kept = np.array(sorted(first.values()))
        return pixels[kept], data.labels[kept]

    def _transform_photos(self, change) -> tuple[np.ndarray, np.ndarray]:
        pixels, labels = self._read_zip(PHOTOS_ZIP)
        return change(pixels), labels

    def _group_objects(self) -> tuple[np.ndarray, np.ndarray]:
        data = dataset.ingest(self._data / OBJECTS_ZIP, home=self._home)
        animal = np.array([any(word in name for word in ANIMALS) for name in data.classes])
        pixels, labels = self._read_zip(OBJECTS_ZIP)
        return pixels, animal[labels].astype(np.int64)

    def _shuffle_labels(self) -> tuple[np.ndarray, np.ndarray]:
        pixels, labels = self._read_zip(PHOTOS_ZIP)
        return pixels, _make_rng("shuffled labels").permutation(labels)

    def _read_source_photos(self) -> tuple[np.ndarray, np.ndarray]:
        """Held-out images of classes that the network was trained on."""
        data = dataset.ingest(self._data / SOURCE_ZIP, home=self._home)
        held = data.indices("validation")
        held = held[data.labels[held] < SOURCE_CLASSES]
        pixels = dataset.load_pixels(self._home, data, images.Transform(SIZE))
        return pixels[held], data.labels[held]


def _make_noise() -> tuple[np.ndarray, np.ndarray]:
    shape = 1_500, SIZE, SIZE, 3
    return _make_rng("noise").integers(0, 256, shape, dtype=np.uint8), np.arange(1_500) % 5


def _make_rng(name: str) -> np.random.Generator:
    return np.random.default_rng(list(name.encode()))


def _convert_to_grey(photos: np.ndarray) -> np.ndarray:
    return photos.mean(3, keepdims=True).astype(np.uint8).repeat(3, axis=3)


def _make_filter(kernel: ImageFilter.Filter):
    return lambda photos: np.stack([np.asarray(Image.fromarray(p).filter(kernel)) for p in photos])


def _crop_middle(photos: np.ndarray) -> np.ndarray:
    quarter = SIZE // 4
    inner = photos[:, quarter:-quarter, quarter:-quarter]
    return inner.repeat(2, axis=1).repeat(2, axis=2)


def _tint(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Task: name the one of six tints that was laid over a photo."""
    labels = np.arange(len(photos)) % len(TINTS)
    tinted = photos * 0.75 + TINTS[labels][:, None, None] * _make_rng("tint").uniform(
        0.5, 1, (len(photos), 1, 1, 1)
    )
    return np.clip(tinted, 0, 255).astype(np.uint8), labels


def _rotate(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Task: count the quarter turns by which a photo was rotated."""
    labels = np.arange(len(photos)) % 4
    return np.stack([np.rot90(p, k) for p, k in zip(photos, labels, strict=True)]), labels


def _blur(photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Task: tell how much a photo was blurred, in four steps."""
    labels = np.arange(len(photos)) % 4
    kernels = [ImageFilter.GaussianBlur(radius) for radius in (0, 0.6, 1.2, 2.4)]
    blurred = [
        np.asarray(Image.fromarray(p).filter(kernels[k]))
        for p, k in zip(photos, labels, strict=True)
    ]
    return np.stack(blurred), labels
