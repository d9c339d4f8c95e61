"""A made world: striped cloth of four directions and two widths, in any colours."""

import numpy as np

SIZE = 64  # pixels a side
KINDS = 8
_AXIS = ((np.arange(SIZE) + 0.5) / SIZE * 2 - 1).astype(np.float32)
_X, _Y = np.meshgrid(_AXIS, _AXIS)


def cloth(kind: int, count: int, draw: np.random.Generator) -> np.ndarray:
    """Draw pieces of one kind of cloth.

    Args:
        kind: In [0, 8): the direction, and from 4 on the narrow stripes.
        count: How many pieces N.
        draw: All randomness comes from it.

    Returns:
        uint8, shape (N, 64, 64, 3).
    """
    turn = np.pi * (kind % 4) / 4 + draw.normal(0, 0.09, (count, 1, 1))
    frequency = (5, 8)[kind // 4] * np.exp(draw.normal(0, 0.1, (count, 1, 1)))
    along = _X * np.cos(turn) + _Y * np.sin(turn)
    wave = 0.5 + 0.5 * np.sin(frequency * np.pi * along + draw.uniform(0, 6.3, (count, 1, 1)))
    return two_colours(wave, draw, noise=0.12)


def two_colours(share: np.ndarray, draw, noise: float = 0.0) -> np.ndarray:
    """Blend two random colours per image by shares in [0, 1], (N, 64, 64)."""
    first, second = draw.uniform(0, 255, (2, len(share), 1, 1, 3))
    image = first + (second - first) * share[..., None]
    image += 255 * noise * draw.normal(0, 1, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)
