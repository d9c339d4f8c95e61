"""Images: decoding untrusted bytes, the transform to network input, the pixel cache.

Knows nothing of labels.
"""

from transfer_core.images.decoding import ImageFacts, check, decode
from transfer_core.images.pixel_cache import are_kept, pixels, some_pixels
from transfer_core.images.transform import Transform, apply

__all__ = [
    "ImageFacts", "Transform", "apply", "are_kept", "check", "decode", "pixels", "some_pixels",
]  # fmt: skip
