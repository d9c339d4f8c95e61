"""Images: decoding untrusted bytes, and the transform to network input.

Knows nothing of labels.
"""

from transfer_core.images.decoding import ImageInfo, check_image, decode_image
from transfer_core.images.transform import Transform, apply_transform

__all__ = ["ImageInfo", "Transform", "apply_transform", "check_image", "decode_image"]
