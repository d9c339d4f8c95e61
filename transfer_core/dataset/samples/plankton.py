"""Drawn plankton: a world of microscopic creatures, as many species of it as are wanted.

A species is a draw of body plan, pattern and colours; its individuals differ in pose,
size, form, shade and water. All of it follows from seeds, so that a species can be met
again in any number of individuals.
"""

from dataclasses import dataclass

import numpy as np

SIZE = 64  # pixels a side
PATTERNS = ("plain", "bands", "lines", "rings", "spokes", "dots", "mottled")
SPIKES = (0, 0, 8, 14, 22, 32)  # around the edge; a third of all species has none
FOLDS = (1, 2, 3, 4, 5, 6, 8)  # of rotational symmetry
HUE_SPREAD = 0.12  # of individuals, of the whole colour circle

_AXIS = ((np.arange(SIZE) + 0.5) / SIZE * 2 - 1).astype(np.float32)
_X, _Y = np.meshgrid(_AXIS, _AXIS)  # of pixels, from -1 to 1


@dataclass(frozen=True, slots=True)
class Species:
    """What all individuals of a species have in common."""

    fold: int
    lobes: float  # depth of the bays between the arms, of the radius
    ripple: float  # the same, twice as many
    stretch: float  # of length to breadth
    bend: float
    pattern: str
    frequency: float  # of the pattern
    contrast: float
    spokes: int
    nuclei: int
    nuclei_at: float  # distance from the centre, of the radius
    nucleus: float  # radius
    spikes: int
    spike: float  # length
    rim: float  # breadth of the dark edge
    hues: np.ndarray  # of body, pattern, nuclei; shape (3,), from 0 to 1, as the two below
    saturations: np.ndarray
    values: np.ndarray


def species(number: int) -> Species:
    """The species of a number; the same one every time."""
    draw = np.random.default_rng([7, number])
    fold = int(draw.choice(FOLDS))
    long = fold <= 2  # others look the same from several sides
    return Species(
        fold=fold, lobes=draw.uniform(0.05, 0.38) if fold > 1 else draw.uniform(0, 0.15),
        ripple=draw.uniform(-0.14, 0.14),
        stretch=draw.uniform(1, 2.1) if long else draw.uniform(1, 1.25),
        bend=draw.uniform(-0.5, 0.5) if long else 0.0,
        pattern=str(draw.choice(PATTERNS)), frequency=draw.uniform(4.4, 13),
        contrast=draw.uniform(0.45, 1), spokes=int(draw.integers(3, 10)),
        nuclei=int(draw.integers(0, 6)), nuclei_at=draw.uniform(0.2, 0.6),
        nucleus=draw.uniform(0.1, 0.22), spikes=int(draw.choice(SPIKES)),
        spike=draw.uniform(0.12, 0.4), rim=draw.uniform(0.06, 0.28), hues=draw.uniform(0, 1, 3),
        saturations=draw.uniform(0.25, 0.9, 3), values=draw.uniform(0.35, 0.95, 3),
    )  # fmt: skip


def individuals(kind: Species, count: int, draw: np.random.Generator) -> np.ndarray:
    """Draw individuals of a species.

    Args:
        kind: The species.
        count: How many, N.
        draw: All differences between them come from it.

    Returns:
        Images, uint8, shape (N, 64, 64, 3).
    """
    size = _each(draw, count, 0.36, 0.62)
    radius, angle, along, across = _body_coordinates(kind, count, draw, size)
    edge, fringe = _outline(kind, count, draw, angle)
    inside = _sigmoid((edge - radius) * size * 30)
    covered = _sigmoid((fringe - radius) * size * 30)
    depth = radius / edge  # 0 in the middle, 1 at the edge
    share = _pattern(kind, count, draw, depth, angle, along, across)
    body, pattern, third = _colours(kind, count, draw)
    creature = body * (1 - share) + pattern * share
    light = 1.05 - 0.55 * np.minimum(depth, 1) ** 2 - 0.25 * np.clip(0.7 * (_X + _Y), -1, 1)
    rim = np.clip((depth - 1 + kind.rim) * 8, 0, 1) * inside
    creature *= (light * (1 - 0.55 * rim))[..., None]
    for number in range(kind.nuclei):
        turn = 2 * np.pi * number / kind.nuclei
        at = kind.nuclei_at if kind.nuclei > 1 else 0.0
        away = np.hypot(along - at * np.cos(turn), across - at * np.sin(turn))
        nucleus = _sigmoid((kind.nucleus - away) * 40 * size)[..., None]
        creature += (third - creature) * nucleus
    creature += (0.8 * third - creature) * (1 - inside[..., None])
    water = _water(count, draw)
    image = water + (creature - water) * (0.96 * covered[..., None])
    image *= _each(draw, count, 0.75, 1.15)[..., None]
    image += 0.02 * draw.standard_normal(image.shape, np.float32)
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


def _each(draw: np.random.Generator, count: int, low: float, high: float) -> np.ndarray:
    """One number for each individual, float32 (N, 1, 1)."""
    return draw.uniform(low, high, (count, 1, 1)).astype(np.float32)


def _body_coordinates(kind: Species, count: int, draw: np.random.Generator, size: np.ndarray):
    """Where each pixel lies in the body: radius, angle, along and across, (N, 64, 64) each."""
    x = _X - _each(draw, count, -0.3, 0.3) + _cloud(draw, count, 4, 0.035)
    y = _Y - _each(draw, count, -0.3, 0.3) + _cloud(draw, count, 4, 0.035)
    turn = _each(draw, count, 0, 2 * np.pi)
    stretch = np.float32(kind.stretch**0.5) * _each(draw, count, 0.9, 1.1)
    along = (np.cos(turn) * x + np.sin(turn) * y) / (size * stretch)
    across = (np.cos(turn) * y - np.sin(turn) * x) * stretch / size
    across += np.float32(kind.bend) * (along**2 - 0.3)
    return np.sqrt(along**2 + across**2) + 1e-6, np.arctan2(across, along), along, across


def _outline(kind: Species, count: int, draw: np.random.Generator, angle: np.ndarray):
    """Radius of the body and of its spikes in each direction, (N, 64, 64) each."""
    lobes = np.float32(kind.lobes) * _each(draw, count, 0.7, 1.3)
    edge = (
        1
        + lobes * np.cos(kind.fold * angle)
        + np.float32(kind.ripple) * np.cos(2 * kind.fold * angle + 1)
    )
    edge += 0.05 * np.cos(angle + _each(draw, count, 0, 2 * np.pi))  # nobody is quite regular
    if not kind.spikes:
        return edge, edge
    length = np.float32(kind.spike) * _each(draw, count, 0.7, 1.3)
    wave = np.cos(kind.spikes * angle + _each(draw, count, 0, 2 * np.pi))
    return edge, edge + length * np.maximum(wave, 0) ** 6


def _pattern(kind: Species, count: int, draw, depth, angle, along, across) -> np.ndarray:
    """Share of the pattern's colour, in [0, 1], shape (N, 64, 64, 1)."""
    frequency = np.float32(kind.frequency) * _each(draw, count, 0.9, 1.1)
    phase = _each(draw, count, 0, 2 * np.pi)
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
            wave = np.cos(kind.spokes * angle)
        case "dots":
            wave = 1.4 * np.sin(0.9 * frequency * along + phase) * np.sin(0.9 * frequency * across)
        case "mottled":
            wave = _cloud(draw, count, 12, 1.0)
    return np.clip(0.5 + np.float32(0.75 * kind.contrast) * wave, 0, 1)[..., None]


def _colours(kind: Species, count: int, draw: np.random.Generator) -> list[np.ndarray]:
    """Three colours of each individual, float32 (N, 1, 1, 3) each."""
    hues = kind.hues + draw.uniform(-HUE_SPREAD, HUE_SPREAD, (count, 1))
    saturations = np.clip(kind.saturations + draw.uniform(-0.12, 0.12, (count, 1)), 0, 1)
    values = np.clip(kind.values * draw.uniform(0.8, 1.2, (count, 1)), 0, 1)
    colours = _rgb(hues, saturations, values)
    return [colours[:, None, None, number] for number in range(3)]


def _water(count: int, draw: np.random.Generator) -> np.ndarray:
    """Tinted, uneven water with two specks in it, float32 (N, 64, 64, 3)."""
    tint = _rgb(
        draw.uniform(0, 1, count), draw.uniform(0.05, 0.5, count), draw.uniform(0.3, 0.95, count)
    )
    water = tint[:, None, None] * (1 + _cloud(draw, count, 3, 0.12)[..., None])
    water += _cloud(draw, count, 14, 0.03)[..., None]
    for _ in range(2):
        x, y = _X - _each(draw, count, -1, 1), _Y - _each(draw, count, -1, 1)
        speck = np.exp(-(x**2 + y**2) / _each(draw, count, 0.004, 0.03))
        water += (speck * _each(draw, count, -0.35, 0.35))[..., None]
    return water


def _cloud(draw: np.random.Generator, count: int, cells: int, height: float) -> np.ndarray:
    """Smooth noise with so many cells a side, float32 (N, 64, 64)."""
    coarse = draw.standard_normal((count, cells, cells), np.float32)
    place = np.linspace(0, cells - 1, SIZE)
    left = np.minimum(place.astype(int), cells - 2)
    between = np.zeros((SIZE, cells), np.float32)  # linear interpolation
    between[np.arange(SIZE), left] = 1 - (place - left)
    between[np.arange(SIZE), left + 1] = place - left
    return np.float32(height) * (between @ coarse @ between.T)


def _rgb(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Hue, saturation, value of any one shape S to red, green, blue, float32 (*S, 3)."""
    sector = (np.stack([5 + hue * 6, 3 + hue * 6, 1 + hue * 6], -1)) % 6
    fall = np.clip(np.minimum(sector, 4 - sector), 0, 1)
    return (value[..., None] * (1 - saturation[..., None] * fall)).astype(np.float32)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(np.clip(-values, -30, 30)))
