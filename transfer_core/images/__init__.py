"""Images: decoding untrusted bytes, the transform to network input, the pixel cache.

Knows nothing of labels.
"""

from transfer_core.images.decoding import ImageFacts, check, decode
from transfer_core.images.pixel_cache import Pixels, in_batches, pixels
from transfer_core.images.transform import Transform, apply

__all__ = [
    "ImageFacts", "Pixels", "Transform", "apply", "check", "decode", "in_batches", "pixels",
]  # fmt: skip
