"""The size axis of the decision diagram: logarithmic on either side of the dividing line."""

from math import log10

from transfer_core.languages import _

MIN_AXIS_IMAGES, MAX_AXIS_IMAGES = 10, 3_000_000  # ends of the size axis
MIN_ROW_HEIGHT = 0.42  # of the diagram's height; a row of cells needs it for its text
MIN_TICK_DISTANCE = 0.06  # of the diagram's height; closer labels would overlap
SIZE_TICKS = {
    10: "10",
    100: "100",
    1_000: "1,000",
    10_000: "10,000",
    100_000: "100,000",
}


def compute_line_height(threshold: int) -> float:
    """Height of the dividing line, as a fraction of the diagram's height."""
    fraction = log10(threshold / MIN_AXIS_IMAGES) / log10(MAX_AXIS_IMAGES / MIN_AXIS_IMAGES)
    return min(max(fraction, MIN_ROW_HEIGHT), 1 - MIN_ROW_HEIGHT)


def scale_to_height(images: int, threshold: int) -> float:
    """Height of a number of images, in [0, 1]; logarithmic on either side of the line."""
    split = compute_line_height(threshold)
    threshold = min(max(threshold, MIN_AXIS_IMAGES + 1), MAX_AXIS_IMAGES - 1)
    images = min(max(images, MIN_AXIS_IMAGES), MAX_AXIS_IMAGES)
    if images < threshold:
        return split * log10(images / MIN_AXIS_IMAGES) / log10(threshold / MIN_AXIS_IMAGES)
    return split + (1 - split) * log10(images / threshold) / log10(MAX_AXIS_IMAGES / threshold)


def choose_size_ticks(line: int) -> dict[str, float]:
    """Heights of the marks by their labels; those too near to the line are left out."""
    split = compute_line_height(line)
    heights = {text: scale_to_height(mark, line) for mark, text in SIZE_TICKS.items()}
    shown = {text: y for text, y in heights.items() if abs(y - split) > MIN_TICK_DISTANCE}
    return shown | {_("<b>line<br>{line:,}</b>", line=line): split}
