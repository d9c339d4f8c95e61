"""Synthetic image sets for the panel, each with its own kind of picture.

Every function takes how many images are wanted and a generator that all randomness
comes from, and returns pixels, uint8 (N, 64, 64, 3), and labels, int64 (N,).
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from benchmarks.panel.calls import make_bird, synthesise_spectrograms
from transfer_core.dataset.samples import stripes
from transfer_core.dataset.samples.plankton import draw_individuals, draw_species
from transfer_core.dataset.samples.stripes import blend_two_colours

SIZE = 64  # pixels a side
SUPERSAMPLING = 2  # drawings are made so many times larger and then reduced, against jagged edges

ImageSet = tuple[np.ndarray, np.ndarray]
_AXIS = ((np.arange(SIZE) + 0.5) / SIZE * 2 - 1).astype(np.float32)
_X, _Y = np.meshgrid(_AXIS, _AXIS)


def plankton(count: int, rng: np.random.Generator) -> ImageSet:
    """Ten species that the network was not pre-trained on."""
    return _make_by_label(
        count, 10, lambda k, n: draw_individuals(draw_species(500 + k), n, rng), rng
    )


def calls(count: int, rng: np.random.Generator) -> ImageSet:
    """Spectrograms of ten birds."""
    return _make_by_label(
        count, 10, lambda k, n: synthesise_spectrograms(make_bird(500 + k), n, rng), rng
    )


def gratings(count: int, rng: np.random.Generator) -> ImageSet:
    """Striped cloth of four directions and two widths, in any colours."""
    return _make_by_label(count, stripes.NUM_KINDS, lambda k, n: stripes.draw_cloth(k, n, rng), rng)


def clouds(count: int, rng: np.random.Generator) -> ImageSet:
    """Noise of six roughnesses."""
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None])
    frequency[0, 0] = 1

    def make_images(label: int, number: int) -> np.ndarray:
        exponent = 0.6 + 0.45 * label + rng.normal(0, 0.08, (number, 1, 1))
        spectrum = np.fft.rfft2(rng.normal(0, 1, (number, SIZE, SIZE))) / frequency**exponent
        spectrum[:, 0, 0] = 0
        waves = np.fft.irfft2(spectrum, (SIZE, SIZE))
        waves = 0.5 + 0.22 * waves / waves.std((1, 2), keepdims=True)
        return blend_two_colours(np.clip(waves, 0, 1), rng)

    return _make_by_label(count, 6, make_images, rng)


def cells(count: int, rng: np.random.Generator) -> ImageSet:
    """Stained cells: few or many, small or large, with or without a nucleus."""

    def draw_picture(label: int) -> Image.Image:
        many, large, nucleus = label % 2, label // 2 % 2, label // 4
        image, pen = _make_canvas(_jitter(rng, (236, 214, 226), 14))
        body, core = _jitter(rng, (205, 130, 175), 25), _jitter(rng, (95, 50, 130), 20)
        for _ in range(int(rng.integers(*((5, 9), (14, 22))[many]))):
            radius = rng.uniform(*((5, 8), (10, 14))[large])
            x, y = rng.uniform(0, SIZE * SUPERSAMPLING, 2)
            pen.ellipse(_make_box(x, y, radius * rng.uniform(0.8, 1.2), radius), fill=body)
            if nucleus:
                x, y = x + rng.uniform(-2, 2), y + rng.uniform(-2, 2)
                pen.ellipse(_make_box(x, y, radius * 0.4, radius * 0.4), fill=core)
        return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.4)))

    return _draw_pictures(count, 8, draw_picture, rng)


def dots(count: int, rng: np.random.Generator) -> ImageSet:
    """Pictures of one to eight dots; the class is their number."""

    def draw_picture(label: int) -> Image.Image:
        image, pen = _make_canvas(_draw_colour(rng))
        colour, placed = _draw_colour(rng), []
        while len(placed) < label + 1:
            x, y = rng.uniform(14, SIZE * SUPERSAMPLING - 14, 2)
            if all(np.hypot(x - a, y - b) > 24 for a, b in placed):
                placed.append((x, y))
                pen.ellipse(_make_box(x, y, *[rng.uniform(6, 10)] * 2), fill=colour)
        return image

    return _draw_pictures(count, 8, draw_picture, rng)


def polygons(count: int, rng: np.random.Generator) -> ImageSet:
    """Triangles to heptagons and three stars, in any colours."""

    def draw_picture(label: int) -> Image.Image:
        image, pen = _make_canvas(_draw_colour(rng))
        corners, star = (label + 3, False) if label < 5 else (label, True)
        radius, turn = rng.uniform(25, 52), rng.uniform(0, 2 * np.pi)
        x, y = rng.uniform(54, 74, 2)
        points = corners * (2 if star else 1)
        radii = [radius * (0.5 if star and i % 2 else 1) for i in range(points)]
        angles = [turn + 2 * np.pi * i / points for i in range(points)]
        where = [(x + r * np.cos(a), y + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)]
        pen.polygon(where, fill=_draw_colour(rng), outline=_draw_colour(rng), width=3)
        return image

    return _draw_pictures(count, 8, draw_picture, rng)


def glyphs(count: int, rng: np.random.Generator) -> ImageSet:
    """Twelve letters of an invented script, written with a pen."""
    script = np.random.default_rng(17)
    letters = [script.uniform(0.15, 0.85, (int(script.integers(2, 4)), 4, 2)) for _ in range(12)]

    def draw_picture(label: int) -> Image.Image:
        image, pen = _make_canvas(_jitter(rng, (240, 236, 224), 12))
        ink, width = _jitter(rng, (40, 40, 60), 25), int(rng.integers(4, 9))
        size, turn = SIZE * SUPERSAMPLING * rng.uniform(0.75, 1.0), rng.normal(0, 0.12)
        rotate = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        shift = rng.uniform(-6, 6, 2) + SIZE * SUPERSAMPLING / 2
        for stroke in letters[label]:
            bent = stroke - 0.5 + rng.normal(0, 0.03, stroke.shape)
            t = np.linspace(0, 1, 20)[:, None]
            curve = (
                (1 - t) ** 3 * bent[0]
                + 3 * (1 - t) ** 2 * t * bent[1]
                + 3 * (1 - t) * t**2 * bent[2]
                + t**3 * bent[3]
            )
            points = curve @ rotate.T * size + shift
            pen.line([tuple(point) for point in points], fill=ink, width=width, joint="curve")
        return image

    return _draw_pictures(count, 12, draw_picture, rng)


def charts(count: int, rng: np.random.Generator) -> ImageSet:
    """Bars, lines, pies, points and boxes, as in a report."""

    def draw_picture(label: int) -> Image.Image:
        image, pen = _make_canvas(_jitter(rng, (245, 245, 245), 10))
        side, colours = SIZE * SUPERSAMPLING, [_draw_colour(rng) for _ in range(3)]
        number = int(rng.integers(3, 7))
        heights = rng.uniform(0.15, 0.9, number) * side * 0.8
        places = np.linspace(20, side - 20, number)
        if label != 2:
            pen.line([(12, 8), (12, side - 12), (side - 6, side - 12)], fill=(60, 60, 60), width=2)
        for index, (x, height) in enumerate(zip(places, heights, strict=True)):
            base, colour = side - 12, colours[index % 3]
            if label == 0:
                pen.rectangle([x - 6, base - height, x + 6, base], fill=colour)
            elif label == 3:
                for _ in range(5):
                    y = base - height + rng.normal(0, 12)
                    pen.ellipse(_make_box(x + rng.normal(0, 6), y, 3, 3), fill=colour)
            elif label == 4:
                top = base - height
                pen.line([(x, top - 14), (x, top + 28)], fill=(60, 60, 60), width=2)
                pen.rectangle([x - 6, top - 5, x + 6, top + 14], fill=colour, outline=(60, 60, 60))
        if label == 1:
            where = list(zip(places, side - 12 - heights, strict=True))
            pen.line(where, fill=colours[0], width=4)
        elif label == 2:
            ends = np.cumsum(rng.dirichlet(np.full(number, 3))) * 360
            box = _make_box(side / 2, side / 2, *[rng.uniform(38, 54)] * 2)
            for index, end in enumerate(ends):
                start = ends[index - 1] if index else 0
                pen.pieslice(box, start, end, fill=_draw_colour(rng), outline="white")
        return image

    return _draw_pictures(count, 5, draw_picture, rng)


def faces(count: int, rng: np.random.Generator) -> ImageSet:
    """Cartoon faces with six expressions: mouth and brows show the class, all else varies."""

    def draw_picture(label: int) -> Image.Image:
        image, pen = _make_canvas(_draw_colour(rng))
        x, y = rng.uniform(54, 74, 2)
        wide, high = rng.uniform(34, 46), rng.uniform(40, 52)
        pen.ellipse(_make_box(x, y, wide, high), fill=_draw_colour(rng, 0.55))
        dark = (30, 25, 25)
        mouth, brow = label % 3, label // 3  # smile, sad, round; flat or angry brows
        for side in (-1, 1):
            eye = x + side * wide * 0.42
            pen.ellipse(_make_box(eye, y - high * 0.2, 5, rng.uniform(4, 7)), fill=dark)
            slope = (7 if brow else 0) * side
            pen.line(
                [(eye - 9, y - high * 0.48 + slope * -1), (eye + 9, y - high * 0.48 + slope)][::-1]
                if brow
                else [(eye - 9, y - high * 0.46), (eye + 9, y - high * 0.46)],
                fill=dark,
                width=4,
            )
        box = _make_box(x, y + high * 0.42, wide * 0.42, high * 0.2)
        if mouth == 2:
            pen.ellipse(_make_box(x, y + high * 0.45, 8, 9), fill=(120, 30, 40))
        else:
            start, end = ((10, 170), (190, 350))[mouth]
            pen.arc(box, start, end, fill=(120, 30, 40), width=5)
        return image

    return _draw_pictures(count, 6, draw_picture, rng)


WORLDS: dict[str, Callable[[int, np.random.Generator], ImageSet]] = {
    world.__name__: world
    for world in (
        plankton,
        calls,
        gratings,
        clouds,
        cells,
        dots,
        polygons,
        glyphs,
        charts,
        faces,
    )
}


def _make_by_label(count: int, kinds: int, make: Callable[[int, int], np.ndarray], rng) -> ImageSet:
    """Return labels with equally many of each class, shuffled."""
    labels = np.arange(count) % kinds
    pixels = np.empty((count, SIZE, SIZE, 3), np.uint8)
    for kind in range(kinds):
        members = np.flatnonzero(labels == kind)
        for part in np.array_split(members, -(-len(members) // 200)):
            pixels[part] = make(kind, len(part))
    order = rng.permutation(count)
    return pixels[order], labels[order]


def _draw_pictures(count: int, kinds: int, picture: Callable[[int], Image.Image], rng) -> ImageSet:
    def make(kind: int, number: int) -> np.ndarray:
        return np.stack(
            [np.asarray(picture(kind).resize((SIZE, SIZE), Image.BOX)) for _ in range(number)]
        )

    return _make_by_label(count, kinds, make, rng)


def _make_canvas(colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (SIZE * SUPERSAMPLING, SIZE * SUPERSAMPLING), colour)
    return image, ImageDraw.Draw(image)


def _draw_colour(rng, minimum: float = 0.0) -> tuple[int, int, int]:
    return tuple(int(value) for value in rng.uniform(255 * minimum, 255, 3))


def _jitter(rng, colour: tuple[int, int, int], spread: float) -> tuple[int, int, int]:
    return tuple(int(v) for v in np.clip(np.array(colour) + rng.normal(0, spread, 3), 0, 255))


def _make_box(x: float, y: float, wide: float, high: float) -> list[float]:
    return [x - wide, y - high, x + wide, y + high]
