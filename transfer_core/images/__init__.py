"""Images: decoding untrusted bytes, and the transform to network input.

Knows nothing of labels.
"""

from transfer_core.images.decoding import ImageFacts, check, decode
from transfer_core.images.transform import Transform, apply

__all__ = ["ImageFacts", "Transform", "apply", "check", "decode"]
