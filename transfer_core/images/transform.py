"""From an image of any size to the square input of a network."""

from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True, slots=True)
class Transform:
    """How an image becomes network input; the same for training, testing and prediction."""

    size: int  # pixels a side

    @property
    def key(self) -> str:
        """Names the transform in caches; changes whenever its result would."""
        return f"shorter-side-draft-bilinear-centre-{self.size}"

    @property
    def least_side(self) -> int:
        """Pixels of the shorter side that an image is decoded with at least, see `decode`.

        Twice as many as are wanted, so that the antialiasing stays ours.
        """
        return 2 * self.size

    def describe(self) -> str:
        """One sentence for people."""
        return (
            f"The shorter side is scaled to {self.size} pixels with antialiasing, and the "
            f"centre of {self.size} x {self.size} pixels is used."
        )


def apply(image: Image.Image, transform: Transform) -> np.ndarray:
    """Scale the shorter side and cut out the centre, in one resampling.

    Args:
        image: Mode RGB, any size.
        transform: The wanted size.

    Returns:
        uint8, shape (H, W, 3) with H = W = transform.size.
    """
    size, side = transform.size, min(image.size)
    if image.size != (size, size):
        left, top = (image.width - side) / 2, (image.height - side) / 2
        box = (left, top, left + side, top + side)
        # Pillow widens the filter when it reduces, which is what antialiasing means here.
        image = image.resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.asarray(image)
