"""Decode untrusted image bytes, and transform images to network input. No labels here."""

from transfer_core.images.decoding import ImageInfo, check_image, decode_image
from transfer_core.images.transform import Transform, apply_transform

__all__ = ["ImageInfo", "Transform", "apply_transform", "check_image", "decode_image"]
