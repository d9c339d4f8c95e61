"""Calls of imaginary birds as spectrograms: time from left to right, pitch from bottom to top.

Each call is synthesised as sound and then transformed. A bird has a random melody, trill,
overtones and rhythm; its calls differ in pitch, tempo, loudness, distance and background noise.
"""

from dataclasses import dataclass

import numpy as np

SIZE = 64  # pixels a side
SAMPLE_RATE = 8_000  # sound samples per second
WINDOW = 128  # sound samples of one column
HOP_LENGTH = 120  # sound samples between two columns
SAMPLES_PER_CALL = WINDOW + HOP_LENGTH * (SIZE - 1)  # sound samples, about a second
DECIBEL_RANGE = (-55.0, 0.0)  # decibels under the loudest, drawn from white to black

_SECONDS = np.arange(SAMPLES_PER_CALL, dtype=np.float32) / SAMPLE_RATE  # seconds


@dataclass(frozen=True, slots=True)
class Bird:
    """Parameters that all calls of a bird share."""

    melody: np.ndarray  # hertz at five equally spaced moments of a syllable, shape (5,)
    syllables: int
    pause: float  # between syllables, of a syllable's length
    trill: float  # hertz
    trill_depth: float  # of the pitch
    flutter: float  # hertz, of the loudness
    overtones: np.ndarray  # loudness of the multiples of the pitch, shape (3,)


def make_bird(number: int) -> Bird:
    """Return the bird of a number; the same number gives the same bird."""
    draw = np.random.default_rng([13, number])
    start, turns = draw.uniform(700, 2_600), draw.uniform(-700, 700, 4)
    return Bird(
        melody=np.clip(np.cumsum([start, *turns]), 350, 3_500),
        syllables=int(draw.integers(1, 6)),
        pause=draw.uniform(0.1, 0.7),
        trill=draw.choice([0, draw.uniform(8, 45)]),
        trill_depth=draw.uniform(0.03, 0.15),
        flutter=draw.choice([0, draw.uniform(10, 60)]),
        overtones=np.array([1, draw.uniform(0, 0.6), draw.uniform(0, 0.4)]),
    )


def synthesise_spectrograms(bird: Bird, count: int, rng: np.random.Generator) -> np.ndarray:
    """Synthesise calls of a bird.

    Args:
        bird: The bird.
        count: Number of calls N.
        rng: Draws all differences between the calls.

    Returns:
        Images, dark on white, uint8, shape (N, 64, 64, 3).
    """
    sound = _synthesise_sound(bird, count, rng)
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW, axis=1)[:, ::HOP_LENGTH]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(WINDOW).astype(np.float32), axis=2))
    power = 20 * np.log10(spectrum[..., 1 : SIZE + 1] + 1e-9)
    power -= power.max((1, 2), keepdims=True)
    low, high = DECIBEL_RANGE
    grey = 255 * np.clip((high - power) / (high - low), 0, 1)
    picture = grey.transpose(0, 2, 1)[:, ::-1].astype(np.uint8)  # high pitch on top
    return np.repeat(picture[..., None], 3, axis=3)


def _synthesise_sound(bird: Bird, count: int, rng: np.random.Generator) -> np.ndarray:
    """Loudness over time, float32 (N, LENGTH)."""

    def draw_each(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (count, 1)).astype(np.float32)

    units = bird.syllables + bird.pause * (bird.syllables - 1)
    length = draw_each(0.55, 0.85) / np.float32(units)  # seconds of a syllable
    place = (_SECONDS - draw_each(0.02, 0.15)) / (length * np.float32(1 + bird.pause))
    number, within = np.floor(place), (place % 1) * np.float32(1 + bird.pause)
    sounding = (number >= 0) & (number < bird.syllables) & (within < 1)
    pitch = np.interp(within, np.linspace(0, 1, 5), bird.melody).astype(np.float32)
    pitch *= draw_each(0.9, 1.1)
    if bird.trill:
        wave = np.sin(2 * np.pi * np.float32(bird.trill) * draw_each(0.9, 1.1) * _SECONDS)
        pitch *= 1 + np.float32(bird.trill_depth) * wave
    loudness = np.where(sounding, np.sqrt(np.maximum(np.sin(np.pi * within), 0)), 0)
    if bird.flutter:
        loudness = loudness * (
            0.55 + 0.45 * np.sin(2 * np.pi * np.float32(bird.flutter) * _SECONDS)
        )
    phase = 2 * np.pi * np.cumsum(pitch, axis=1) / SAMPLE_RATE
    sound = sum(
        np.float32(share) * np.sin(multiple * phase) * (multiple * pitch < SAMPLE_RATE / 2)
        for multiple, share in enumerate(bird.overtones, start=1)
    )
    noise = rng.standard_normal((count, SAMPLES_PER_CALL), np.float32)
    rumble = np.cumsum(noise, axis=1, dtype=np.float32)
    rumble -= rumble.mean(1, keepdims=True)
    rumble /= rumble.std(1, keepdims=True)
    return (sound * loudness + draw_each(0.02, 0.25) * noise + draw_each(0.0, 0.3) * rumble).astype(
        np.float32
    )
