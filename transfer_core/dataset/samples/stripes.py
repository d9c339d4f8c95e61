"""Drawings of striped cloth: four directions, two widths, any colours."""

import numpy as np

SIZE = 64  # pixels a side
NUM_KINDS = 8
_AXIS = ((np.arange(SIZE) + 0.5) / SIZE * 2 - 1).astype(np.float32)
_X, _Y = np.meshgrid(_AXIS, _AXIS)


def draw_cloth(kind: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw pieces of one kind of cloth.

    Args:
        kind: In [0, 8): the direction is kind % 4; kinds from 4 on have narrow stripes.
        count: Number of pieces N.
        rng: Source of all randomness.

    Returns:
        uint8, shape (N, 64, 64, 3).
    """
    turn = np.pi * (kind % 4) / 4 + rng.normal(0, 0.09, (count, 1, 1))
    frequency = (5, 8)[kind // 4] * np.exp(rng.normal(0, 0.1, (count, 1, 1)))
    along = _X * np.cos(turn) + _Y * np.sin(turn)
    wave = 0.5 + 0.5 * np.sin(frequency * np.pi * along + rng.uniform(0, 6.3, (count, 1, 1)))
    return blend_two_colours(wave, rng, noise=0.12)


def blend_two_colours(mix: np.ndarray, rng, noise: float = 0.0) -> np.ndarray:
    """Blend two random colours per image.

    Args:
        mix: Fraction of the second colour, in [0, 1], shape (N, 64, 64).
        rng: Source of all randomness.
        noise: Standard deviation of the pixels' noise, as a fraction of the full scale.

    Returns:
        uint8, shape (N, 64, 64, 3).
    """
    first, second = rng.uniform(0, 255, (2, len(mix), 1, 1, 3))
    image = first + (second - first) * mix[..., None]
    image += 255 * noise * rng.normal(0, 1, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)
