"""Drawings of plankton: any number of species of invented microscopic creatures.

A species is a random body plan, pattern and colours. Its individuals differ in pose, size,
form, shade and water. Everything follows from seeds, so every species can be drawn again.
"""

from dataclasses import dataclass

import numpy as np

SIZE = 64  # pixels a side
PATTERNS = ("plain", "bands", "lines", "rings", "spokes", "dots", "mottled")
SPIKE_COUNTS = (0, 0, 8, 14, 22, 32)  # around the edge; a third of all species has none
SYMMETRY_ORDERS = (1, 2, 3, 4, 5, 6, 8)  # of rotational symmetry
HUE_SPREAD = 0.12  # of individuals, as a fraction of the colour circle

_AXIS = ((np.arange(SIZE) + 0.5) / SIZE * 2 - 1).astype(np.float32)
_X, _Y = np.meshgrid(_AXIS, _AXIS)  # coordinates of pixels, from -1 to 1


@dataclass(frozen=True, slots=True)
class Species:
    """The traits that all individuals of a species share."""

    fold: int
    lobes: float  # depth of the bays between the arms, as a fraction of the radius
    ripple: float  # the same for twice as many bays
    stretch: float  # ratio of length to breadth
    bend: float
    pattern: str
    frequency: float  # of the pattern
    contrast: float
    spoke_count: int
    nucleus_count: int
    nucleus_distance: float  # from the centre, as a fraction of the radius
    nucleus_radius: float  # as a fraction of the radius
    spike_count: int
    spike_length: float  # as a fraction of the radius
    rim_width: float  # of the dark edge, as a fraction of the radius
    hues: np.ndarray  # of body, pattern and nuclei, shape (3,), in [0, 1]; so are the two below
    saturations: np.ndarray
    values: np.ndarray


def draw_species(number: int) -> Species:
    """The species with this number; the same one every time."""
    draw = np.random.default_rng([7, number])
    fold = int(draw.choice(SYMMETRY_ORDERS))
    long = fold <= 2  # others look the same from several sides
    return Species(
        fold=fold,
        lobes=draw.uniform(0.05, 0.38) if fold > 1 else draw.uniform(0, 0.15),
        ripple=draw.uniform(-0.14, 0.14),
        stretch=draw.uniform(1, 2.1) if long else draw.uniform(1, 1.25),
        bend=draw.uniform(-0.5, 0.5) if long else 0.0,
        pattern=str(draw.choice(PATTERNS)),
        frequency=draw.uniform(4.4, 13),
        contrast=draw.uniform(0.45, 1),
        spoke_count=int(draw.integers(3, 10)),
        nucleus_count=int(draw.integers(0, 6)),
        nucleus_distance=draw.uniform(0.2, 0.6),
        nucleus_radius=draw.uniform(0.1, 0.22),
        spike_count=int(draw.choice(SPIKE_COUNTS)),
        spike_length=draw.uniform(0.12, 0.4),
        rim_width=draw.uniform(0.06, 0.28),
        hues=draw.uniform(0, 1, 3),
        saturations=draw.uniform(0.25, 0.9, 3),
        values=draw.uniform(0.35, 0.95, 3),
    )


def draw_individuals(kind: Species, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw individuals of a species.

    Args:
        kind: The species.
        count: Number of individuals N.
        rng: Source of all differences between them.

    Returns:
        Images, uint8, shape (N, 64, 64, 3).
    """
    size = _draw_per_individual(rng, count, 0.36, 0.62)
    radius, angle, along, across = _compute_body_coordinates(kind, count, rng, size)
    edge, fringe = _compute_outline(kind, count, rng, angle)
    inside = _sigmoid((edge - radius) * size * 30)
    covered = _sigmoid((fringe - radius) * size * 30)
    depth = radius / edge  # 0 in the middle, 1 at the edge
    share = _draw_pattern(kind, count, rng, depth, angle, along, across)
    body, pattern, third = _draw_colours(kind, count, rng)
    creature = body * (1 - share) + pattern * share
    light = 1.05 - 0.55 * np.minimum(depth, 1) ** 2 - 0.25 * np.clip(0.7 * (_X + _Y), -1, 1)
    rim = np.clip((depth - 1 + kind.rim_width) * 8, 0, 1) * inside
    creature *= (light * (1 - 0.55 * rim))[..., None]
    for number in range(kind.nucleus_count):
        turn = 2 * np.pi * number / kind.nucleus_count
        at = kind.nucleus_distance if kind.nucleus_count > 1 else 0.0
        away = np.hypot(along - at * np.cos(turn), across - at * np.sin(turn))
        nucleus = _sigmoid((kind.nucleus_radius - away) * 40 * size)[..., None]
        creature += (third - creature) * nucleus
    creature += (0.8 * third - creature) * (1 - inside[..., None])
    water = _draw_water(count, rng)
    image = water + (creature - water) * (0.96 * covered[..., None])
    image *= _draw_per_individual(rng, count, 0.75, 1.15)[..., None]
    image += 0.02 * rng.standard_normal(image.shape, np.float32)
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


def _draw_per_individual(
    rng: np.random.Generator, count: int, low: float, high: float
) -> np.ndarray:
    """One number for each individual, float32 (N, 1, 1)."""
    return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)


def _compute_body_coordinates(
    kind: Species, count: int, rng: np.random.Generator, size: np.ndarray
):
    """Body coordinates of each pixel: radius, angle, along and across, (N, 64, 64) each."""
    x = _X - _draw_per_individual(rng, count, -0.3, 0.3) + _draw_noise(rng, count, 4, 0.035)
    y = _Y - _draw_per_individual(rng, count, -0.3, 0.3) + _draw_noise(rng, count, 4, 0.035)
    turn = _draw_per_individual(rng, count, 0, 2 * np.pi)
    stretch = np.float32(kind.stretch**0.5) * _draw_per_individual(rng, count, 0.9, 1.1)
    along = (np.cos(turn) * x + np.sin(turn) * y) / (size * stretch)
    across = (np.cos(turn) * y - np.sin(turn) * x) * stretch / size
    across += np.float32(kind.bend) * (along**2 - 0.3)
    return np.sqrt(along**2 + across**2) + 1e-6, np.arctan2(across, along), along, across


def _compute_outline(kind: Species, count: int, rng: np.random.Generator, angle: np.ndarray):
    """Radius of the body without and with spikes in each direction, (N, 64, 64) each."""
    lobes = np.float32(kind.lobes) * _draw_per_individual(rng, count, 0.7, 1.3)
    edge = (
        1
        + lobes * np.cos(kind.fold * angle)
        + np.float32(kind.ripple) * np.cos(2 * kind.fold * angle + 1)
    )
    # No individual is quite regular.
    edge += 0.05 * np.cos(angle + _draw_per_individual(rng, count, 0, 2 * np.pi))
    if not kind.spike_count:
        return edge, edge
    length = np.float32(kind.spike_length) * _draw_per_individual(rng, count, 0.7, 1.3)
    wave = np.cos(kind.spike_count * angle + _draw_per_individual(rng, count, 0, 2 * np.pi))
    return edge, edge + length * np.maximum(wave, 0) ** 6


def _draw_pattern(kind: Species, count: int, rng, depth, angle, along, across) -> np.ndarray:
    """Fraction of the pattern's colour in each pixel, in [0, 1], shape (N, 64, 64, 1)."""
    frequency = np.float32(kind.frequency) * _draw_per_individual(rng, count, 0.9, 1.1)
    phase = _draw_per_individual(rng, count, 0, 2 * np.pi)
    match kind.pattern:
        case "plain":
            wave = np.zeros_like(depth)
        case "bands":
            wave = np.sin(frequency * along + phase)
        case "lines":
            wave = np.sin(frequency * across + phase)
        case "rings":
            wave = np.sin(1.1 * frequency * depth + 0.15 * phase)
        case "spokes":
            wave = np.cos(kind.spoke_count * angle)
        case "dots":
            wave = 1.4 * np.sin(0.9 * frequency * along + phase) * np.sin(0.9 * frequency * across)
        case "mottled":
            wave = _draw_noise(rng, count, 12, 1.0)
    return np.clip(0.5 + np.float32(0.75 * kind.contrast) * wave, 0, 1)[..., None]


def _draw_colours(kind: Species, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Three colours of each individual, float32 (N, 1, 1, 3) each."""
    hues = kind.hues + rng.uniform(-HUE_SPREAD, HUE_SPREAD, (count, 1))
    saturations = np.clip(kind.saturations + rng.uniform(-0.12, 0.12, (count, 1)), 0, 1)
    values = np.clip(kind.values * rng.uniform(0.8, 1.2, (count, 1)), 0, 1)
    colours = _hsv_to_rgb(hues, saturations, values)
    return [colours[:, None, None, number] for number in range(3)]


def _draw_water(count: int, rng: np.random.Generator) -> np.ndarray:
    """Tinted, uneven water with two specks in it, float32 (N, 64, 64, 3)."""
    tint = _hsv_to_rgb(
        rng.uniform(0, 1, count), rng.uniform(0.05, 0.5, count), rng.uniform(0.3, 0.95, count)
    )
    water = tint[:, None, None] * (1 + _draw_noise(rng, count, 3, 0.12)[..., None])
    water += _draw_noise(rng, count, 14, 0.03)[..., None]
    for _ in range(2):
        x, y = (
            _X - _draw_per_individual(rng, count, -1, 1),
            _Y - _draw_per_individual(rng, count, -1, 1),
        )
        speck = np.exp(-(x**2 + y**2) / _draw_per_individual(rng, count, 0.004, 0.03))
        water += (speck * _draw_per_individual(rng, count, -0.35, 0.35))[..., None]
    return water


def _draw_noise(rng: np.random.Generator, count: int, cells: int, height: float) -> np.ndarray:
    """Smooth noise with `cells` values a side, float32 (N, 64, 64)."""
    coarse = rng.standard_normal((count, cells, cells), np.float32)
    place = np.linspace(0, cells - 1, SIZE)
    left = np.minimum(place.astype(int), cells - 2)
    between = np.zeros((SIZE, cells), np.float32)  # linear interpolation
    between[np.arange(SIZE), left] = 1 - (place - left)
    between[np.arange(SIZE), left + 1] = place - left
    return np.float32(height) * (between @ coarse @ between.T)


def _hsv_to_rgb(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Convert hue, saturation and value, each of shape S, to RGB, float32 (*S, 3)."""
    sector = (np.stack([5 + hue * 6, 3 + hue * 6, 1 + hue * 6], -1)) % 6
    fall = np.clip(np.minimum(sector, 4 - sector), 0, 1)
    return (value[..., None] * (1 - saturation[..., None] * fall)).astype(np.float32)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(np.clip(-values, -30, 30)))
