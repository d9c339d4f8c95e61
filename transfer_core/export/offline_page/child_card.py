"""The card of a trained network in a child's words: what it learned, and where it is unsafe."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transfer_core.export.model_card import find_data_set
from transfer_core.inspection import MAX_FALSE_ALARM_RATE, TrainedNetwork
from transfer_core.training import TestResult

FEW_TEST_IMAGES = 50  # fewer make a rough measure
MAX_NAMED_CLASSES = 12  # in the first sentence of the page


@dataclass(frozen=True, slots=True)
class LearnedClass:
    """What the card says of one class."""

    name: str
    pictures: int | None  # that it was trained on; None if the data set is not here
    right: int  # test images that were recognised
    tested: int  # test images


@dataclass(frozen=True, slots=True)
class ChildCard:
    """The texts of the card."""

    title: str
    class_list: str
    learned: str
    classes: tuple[LearnedClass, ...]
    quality: tuple[str, ...]
    unsure: str
    unsafe: tuple[str, ...]
    origin: tuple[str, ...]

    @property
    def knows_counts(self) -> bool:
        """Whether the number of training images is known."""
        return self.classes[0].pictures is not None


def write_child_card(home: Path, trained: TrainedNetwork, known_images: int | None) -> ChildCard:
    """Write the card of a run.

    Args:
        home: The data folder.
        trained: The network of the run.
        known_images: Training images that the page compares new ones with; None if it cannot.
    """
    result = trained.record.result
    classes = _list_classes(home, trained, result)
    return ChildCard(
        title=trained.record.name,
        class_list=_list_names(trained.classes),
        learned=_describe_learning(trained, classes),
        classes=classes,
        quality=_describe_quality(result, classes),
        unsure=_describe_doubt(known_images),
        unsafe=_list_dangers(len(classes)),
        origin=_describe_origin(trained),
    )


def _list_classes(
    home: Path, trained: TrainedNetwork, result: TestResult
) -> tuple[LearnedClass, ...]:
    data_set = find_data_set(home, trained)
    counts: list[int | None] = [None] * len(trained.classes)
    if data_set:
        labels = data_set.labels[data_set.indices("train")]
        counts = np.bincount(labels, minlength=len(trained.classes)).tolist()
    return tuple(
        LearnedClass(name, count, row[number], sum(row))
        for number, (name, count, row) in enumerate(
            zip(trained.classes, counts, result.confusion, strict=True)
        )
    )


def _list_names(names: tuple[str, ...]) -> str:
    shown = names[:MAX_NAMED_CLASSES]
    quoted = ", ".join(f"“{name}”" for name in shown)
    more = len(names) - len(shown)
    return f"{quoted} and {more} more" if more else quoted


def _describe_learning(trained: TrainedNetwork, classes: tuple[LearnedClass, ...]) -> str:
    pictures = [each.pictures for each in classes]
    learned = (
        "I was shown pictures" if None in pictures else f"I was shown {sum(pictures):,} pictures"
    )
    if trained.record.config.strategy.initialise == "random":
        return f"{learned} and told the name of each. I began from nothing."
    return (
        f"{learned} and told the name of each. I did not begin from nothing: my first layers had "
        "learned to see from other pictures."
    )


def _describe_quality(result: TestResult, classes: tuple[LearnedClass, ...]) -> tuple[str, ...]:
    texts = [
        f"Of 100 pictures that I never saw while I learned, I get about "
        f"{100 * result.accuracy:.0f} right. I was tested on {result.images:,} such pictures, so "
        f"it may be anything from {100 * result.low:.0f} to {100 * result.high:.0f}."
    ]
    guessing = f"Always saying “{result.majority_class}” gets {100 * result.majority_accuracy:.0f}"
    if result.low <= result.majority_accuracy:
        texts.append(f"{guessing} right. So I may be no better than guessing!")
    else:
        texts.append(f"{guessing} right.")
    if result.images < FEW_TEST_IMAGES:
        texts.append("That is a small test. Do not trust it much.")
    mistake = _describe_worst_mistake(result, classes)
    return (*texts, mistake) if mistake else tuple(texts)


def _describe_worst_mistake(result: TestResult, classes: tuple[LearnedClass, ...]) -> str | None:
    mistakes = np.array(result.confusion)
    np.fill_diagonal(mistakes, 0)
    actual, predicted = np.unravel_index(mistakes.argmax(), mistakes.shape)
    if not mistakes[actual, predicted]:
        return None
    return (
        f"My most common mistake: I took {mistakes[actual, predicted]} of "
        f"{classes[actual].tested} pictures of “{classes[actual].name}” for "
        f"“{classes[predicted].name}”."
    )


def _describe_doubt(known_images: int | None) -> str:
    if known_images is None:
        return (
            "I never say it, for I had too few pictures to learn when I should. So I give every "
            "picture one of my names, even if it shows something else."
        )
    return (
        f"I compare each picture with {known_images:,} that I learned from. If it is unlike all of "
        f"them, I say so. About {100 * MAX_FALSE_ALARM_RATE:.0f} of 100 good pictures get that "
        "answer too, and some strange pictures slip through."
    )


def _list_dangers(num_classes: int) -> tuple[str, ...]:
    return (
        f"I know only these {num_classes} names. I have no name for anything else.",
        "I may look at the wrong thing: at what is around, not at what you mean. Pictures that are "
        "darker, more blurred or made in another way than mine can fool me.",
        "A high number does not mean that I am right.",
        "Never use me where a mistake could hurt someone: no medicine, no mushrooms, no traffic, "
        "no judging of people.",
    )


def _describe_origin(trained: TrainedNetwork) -> tuple[str, ...]:
    source = trained.source
    licence = source.card.get("licence")
    return (
        f"Made with Transfer Lab. My network is {source.title}; it first learned from "
        f"{source.card['data']}.",
        *((f"Licence of the network: {licence}",) if licence else ()),
    )
