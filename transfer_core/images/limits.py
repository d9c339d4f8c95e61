"""What an image from outside may be and may cost; settable by environment variables."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from transfer_core.system import read_limit

LIMIT_VARIABLES = {  # of the environment, by the field that they set
    "megabytes": "TRANSFER_IMAGE_MEGABYTES",
    "pixels": "TRANSFER_IMAGE_PIXELS",
    "side": "TRANSFER_IMAGE_SIDE",
    "min_side": "TRANSFER_IMAGE_MIN_SIDE",
    "aspect_ratio": "TRANSFER_IMAGE_ASPECT_RATIO",
    "scans": "TRANSFER_IMAGE_SCANS",
    "seconds": "TRANSFER_IMAGE_SECONDS",
    "memory": "TRANSFER_IMAGE_MEMORY",
}


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Limits of one image file. What lies beyond them is left out, with the reason."""

    megabytes: int = 50  # of the file
    pixels: int = 50_000_000
    side: int = 20_000  # pixels of the longer side
    min_side: int = 8  # pixels of the shorter side
    aspect_ratio: int = 50  # longer side over shorter side
    scans: int = 100  # of a progressive JPEG; usual ones have ten
    seconds: int = 4  # of processor time
    memory: int = 512  # megabytes that the process may hold that decodes it


def read_limits(environment: Mapping[str, str] = os.environ) -> ImageLimits:
    """The limits, with those that the environment sets.

    Raises:
        SettingsError: If one is no whole number above 0.
    """
    usual = asdict(ImageLimits())
    read = (read_limit(LIMIT_VARIABLES[name], usual[name], environment) for name in usual)
    return ImageLimits(*read)
