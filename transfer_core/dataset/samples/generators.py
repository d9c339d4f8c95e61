"""Generators of the samples: images with their path in the zip, one class after the other."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from transfer_core.dataset.samples import plankton, stripes

SOURCE_SPECIES, SOURCE_IMAGES_PER_SPECIES, SOURCE_TRAIN_IMAGES_PER_SPECIES = 64, 280, 250
DIGIT_SIZE = 64  # pixels a side; scikit-learn's are 8

CLOTH_CLASSES = tuple(
    f"{width} {way}"
    for width in ("wide", "narrow")
    for way in ("upright", "rising", "level", "falling")
)

NamedImages = Iterator[tuple[str, Image.Image]]  # path in the zip, image


def generate_digits(images_per_class: int) -> NamedImages:
    """Scans of the digits 0 to 9, at most `images_per_class` of each, dark on white."""
    from sklearn.datasets import load_digits  # takes a second to import

    scans = load_digits()
    for label in range(10):
        for number in np.flatnonzero(scans.target == label)[:images_per_class]:
            yield f"{label}/{number:04}.png", _render_digit(scans.images[number])


def generate_plankton(numbers: range, images_per_class: int) -> NamedImages:
    """Drawings of plankton species; numbers from 64 on are not in the source data set."""
    for place, number in enumerate(numbers, start=1):
        drawn = plankton.draw_individuals(
            plankton.draw_species(number), images_per_class, np.random.default_rng([12, number])
        )
        for index, pixels in enumerate(drawn):
            yield f"species {place:02}/{index:03}.jpg", Image.fromarray(pixels)


def generate_cloths(images_per_class: int) -> NamedImages:
    """Drawings of eight kinds of striped cloth."""
    for kind in range(stripes.NUM_KINDS):
        drawn = stripes.draw_cloth(kind, images_per_class, np.random.default_rng([13, kind]))
        for index, pixels in enumerate(drawn):
            yield f"{CLOTH_CLASSES[kind]}/{index:03}.jpg", Image.fromarray(pixels)


def generate_source_data_set() -> NamedImages:
    """Drawings of 64 plankton species to pre-train a network on, in train and val folders."""
    for number in range(SOURCE_SPECIES):
        drawn = plankton.draw_individuals(
            plankton.draw_species(number),
            SOURCE_IMAGES_PER_SPECIES,
            np.random.default_rng([11, number]),
        )
        for index, pixels in enumerate(drawn):
            split = "val" if index >= SOURCE_TRAIN_IMAGES_PER_SPECIES else "train"
            yield f"{split}/plankton_{number:02}/{index:03}.jpg", Image.fromarray(pixels)


def _render_digit(ink: np.ndarray) -> Image.Image:
    """Draw a digit as dark ink on white paper.

    Args:
        ink: Shape (8, 8), values from 0 to 16.
    """
    framed = np.pad(ink, 1)  # the digits reach the edge, and a crop would cut them
    paper = Image.fromarray(np.round(255 - framed * (255 / 16)).astype(np.uint8))
    return paper.resize((DIGIT_SIZE, DIGIT_SIZE), Image.Resampling.BICUBIC)
