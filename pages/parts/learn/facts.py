"""Measured numbers for the lesson's texts, so that no text holds a number that goes stale."""

from transfer_core.cases import TEXTBOOK_LARGE_IMAGES, TEXTBOOK_SMALL_IMAGES
from transfer_core.dataset import SAMPLES_LINE
from transfer_core.languages import _
from transfer_core.networks import DEFAULT_NETWORK, get_network
from transfer_core.transferability import BenchmarkResult, load_calibration

LARGER_NETWORK = "efficientnet_lite0"
CLASSES = 10  # of the samples of the experiments


def list_facts() -> dict[str, str]:
    """The numbers, by the name that stands for them in a text: `{crossover}`."""
    source = get_network(DEFAULT_NETWORK)
    calibration = load_calibration(source)
    larger = load_calibration(get_network(LARGER_NETWORK))
    small = [each for each in calibration.measured if each.images < TEXTBOOK_SMALL_IMAGES]
    ordered = sorted(small, key=lambda each: each.fine_tuning_gain)
    return {
        "small_line": format_number(TEXTBOOK_SMALL_IMAGES),
        "large_line": format_number(TEXTBOOK_LARGE_IMAGES),
        "samples_line": format_number(SAMPLES_LINE),
        "crossover": format_crossover(calibration.crossover),
        "crossover_total": format_crossover(multiply(calibration.crossover)),
        "crossover_large": format_crossover(larger.crossover),
        "crossover_large_total": format_crossover(multiply(larger.crossover)),
        "small_sets": f"{len(small)}",
        "small_wins": f"{sum(each.fine_tuning_gain > 0 for each in small)}",
        "source_classes": f"{len(source.card['classes'])}",
        "source_images": format_number(source.card["train_images"]),
        "source_accuracy": f"{100 * source.card['validation_accuracy']:.0f}",
        **describe_extreme("win", ordered[-1]),
        **describe_extreme("loss", ordered[0]),
    }


def multiply(images_per_class: float | None) -> float | None:
    """Images of all classes of an image set like those of the experiments."""
    return None if images_per_class is None else round(images_per_class) * CLASSES


def format_crossover(images: float | None) -> str:
    """Images from which training everything won; "?" if it is not known."""
    return "?" if images is None else format_number(round(images))


def format_number(number: int) -> str:
    """A whole number as the session's language writes it."""
    return _("{number:,}", number=number)


def describe_extreme(name: str, result: BenchmarkResult) -> dict[str, str]:
    """The image set on which one of the two was furthest ahead, with both accuracies."""
    return {
        f"{name}_set": result.name,
        f"{name}_images": format_number(result.images),
        f"{name}_tuned": f"{100 * result.tuned:.0f}",
        f"{name}_frozen": f"{100 * max(result.top, result.cut):.0f}",
    }
