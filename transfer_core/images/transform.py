"""Resize and crop an image of any size to the square input of a network."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PIL import Image

if TYPE_CHECKING:
    import numpy as np

Interpolation = Literal["bilinear", "bicubic"]


@dataclass(frozen=True, slots=True)
class Transform:
    """Settings that turn images into network input; the same in training and prediction."""

    size: int  # pixels a side
    resize: int | None = None  # pixels of the shorter side after scaling; None means `size`
    interpolation: Interpolation = "bilinear"

    @property
    def key(self) -> str:
        """The name of the transform in caches; it changes whenever the result would."""
        whole = self.resize in {None, self.size}
        cut = f"{self.size}" if whole else f"{self.size}-of-{self.resize}"
        return f"shorter-side-draft-{self.interpolation}-centre-{cut}"

    @property
    def min_decoded_side(self) -> int:
        """Pixels that the shorter side of a decoded image needs, see `decode_image`.

        Twice the scaled size, so that our own antialiasing does the last step.
        """
        return 2 * (self.resize or self.size)

    def describe(self) -> str:
        """One sentence for people."""
        return (
            f"The shorter side is scaled to {self.resize or self.size} pixels "
            f"({self.interpolation}, with antialiasing), and the centre of "
            f"{self.size} x {self.size} pixels is used."
        )


def fit_image(image: Image.Image, transform: Transform) -> Image.Image:
    """Scale the shorter side and cut out the centre, in one resampling.

    Args:
        image: Mode RGB, any size.
        transform: Sizes and interpolation.

    Returns:
        An image of `transform.size` pixels a side.
    """
    size, resize = transform.size, transform.resize or transform.size
    if image.size == (size, size) and resize == size:
        return image
    side = min(image.size) * size / resize
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    # Pillow widens the filter when it reduces, which is what antialiasing means here.
    resampling = Image.Resampling[transform.interpolation.upper()]
    return image.resize((size, size), resampling, box=box)


def apply_transform(image: Image.Image, transform: Transform) -> "np.ndarray":
    """Scale and cut an image as `fit_image`; return uint8, shape (H, W, 3)."""
    import numpy as np  # takes longer to import than most images to decode

    return np.asarray(fit_image(image, transform))
