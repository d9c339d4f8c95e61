"""Turn pixels of any mode into RGB, in bands of rows, so that no large copies lie in memory."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    import numpy as np

BAND_PIXELS = 1 << 18  # converted at a time
Conversion = Callable[[Image.Image], Image.Image]


def convert_to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image to mode RGB: transparency on white, more than 8 bits scaled to 8."""
    convert = _choose_conversion(image)
    if convert is None:
        return image
    width, height = image.size
    rows = max(1, BAND_PIXELS // width)
    if rows >= height:
        return convert(image)
    result = Image.new("RGB", image.size)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        result.paste(convert(band), (0, top))
    return result


def _choose_conversion(image: Image.Image) -> Conversion | None:
    if image.mode.startswith("I") or image.mode == "F":
        return _make_scaling(image)
    if image.mode == "LAB":
        return _make_lab_conversion()
    if image.has_transparency_data:
        return _lay_on_white
    return None if image.mode == "RGB" else lambda band: band.convert("RGB")


def _lay_on_white(band: Image.Image) -> Image.Image:
    band = band.convert("RGBA")
    white = Image.new("RGBA", band.size, "white")
    return Image.alpha_composite(white, band).convert("RGB")


def _make_scaling(image: Image.Image) -> Conversion:
    """Scale grey values of more than 8 bits; Pillow's own conversion would clip them to white.

    The full scale is 12 bits (medical images) or 16 bits, the smaller one that the values fit
    into; for floating-point values it is 1 or 255. Other values are stretched from their minimum
    to their maximum.
    """
    import numpy as np  # takes longer to import than most images to decode

    width, height = image.size
    rows = max(1, BAND_PIXELS // width)
    lows, highs = [], []
    for top in range(0, height, rows):
        values = _read_values(image.crop((0, top, width, min(top + rows, height))))
        lows.append(values.min())
        highs.append(values.max())
    low, high = min(lows), max(highs)
    scales = (1, 255) if image.mode == "F" else (4_095, 65_535)
    fitting = [scale for scale in scales if low >= 0 and high <= scale]
    if fitting:
        low, high = 0, fitting[0]

    def scale(band: Image.Image) -> Image.Image:
        values = np.round((_read_values(band) - low) * (255 / max(high - low, 1e-12)))
        return Image.fromarray(values.astype(np.uint8)).convert("RGB")

    return scale


def _read_values(band: Image.Image) -> "np.ndarray":
    import numpy as np

    return np.nan_to_num(np.asarray(band, dtype=np.float64))


def _make_lab_conversion() -> Conversion:
    from PIL import ImageCms

    profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(*profiles, "LAB", "RGB")
    return lambda band: ImageCms.applyTransform(band, transform)
