"""The card of a trained network in a child's words: what it learned, and where it is unsafe."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transfer_core.export.model_card import find_data_set
from transfer_core.inspection import MAX_FALSE_ALARM_RATE, TrainedNetwork
from transfer_core.languages import _
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

    @property
    def score(self) -> str:
        """How many were recognised, for people."""
        return _("{right:,} of {images:,}", right=self.right, images=self.tested)


@dataclass(frozen=True, slots=True)
class ChildCard:
    """The texts of the card."""

    title: str
    lead: str
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
        lead=_(
            "Show me a picture. I say which of these I think it is: {names}.",
            names=_list_names(trained.classes),
        ),
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
    if not more:
        return quoted
    return _("{names} and {n:,} more", names=quoted, n=more)


def _describe_learning(trained: TrainedNetwork, classes: tuple[LearnedClass, ...]) -> str:
    pictures = [each.pictures for each in classes]
    if None in pictures:
        learned = _("I was shown pictures and told the name of each.")
    else:
        learned = _(
            "I was shown {pictures:,} pictures and told the name of each.", pictures=sum(pictures)
        )
    if trained.record.config.strategy.initialise == "random":
        began = _("I began from nothing.")
    else:
        began = _(
            "I did not begin from nothing: my first layers had learned to see from other pictures."
        )
    return f"{learned} {began}"


def _describe_quality(result: TestResult, classes: tuple[LearnedClass, ...]) -> tuple[str, ...]:
    texts = [
        _(
            "Of 100 pictures that I never saw while I learned, I get about {right:.0f} right. I "
            "was tested on {images:,} such pictures, so it may be anything from {low:.0f} to "
            "{high:.0f}.",
            right=100 * result.accuracy,
            images=result.images,
            low=100 * result.low,
            high=100 * result.high,
        )
    ]
    guessing = _(
        "Always saying “{name}” gets {right:.0f} right.",
        name=result.majority_class,
        right=100 * result.majority_accuracy,
    )
    if result.low <= result.majority_accuracy:
        guessing += " " + _("So I may be no better than guessing!")
    texts.append(guessing)
    if result.images < FEW_TEST_IMAGES:
        texts.append(_("That is a small test. Do not trust it much."))
    mistake = _describe_worst_mistake(result, classes)
    return (*texts, mistake) if mistake else tuple(texts)


def _describe_worst_mistake(result: TestResult, classes: tuple[LearnedClass, ...]) -> str | None:
    mistakes = np.array(result.confusion)
    np.fill_diagonal(mistakes, 0)
    actual, predicted = np.unravel_index(mistakes.argmax(), mistakes.shape)
    if not mistakes[actual, predicted]:
        return None
    return _(
        "My most common mistake: I took {mistakes:,} of {images:,} pictures of “{actual}” for "
        "“{predicted}”.",
        mistakes=int(mistakes[actual, predicted]),
        images=classes[actual].tested,
        actual=classes[actual].name,
        predicted=classes[predicted].name,
    )


def _describe_doubt(known_images: int | None) -> str:
    if known_images is None:
        return _(
            "I never say it, for I had too few pictures to learn when I should. So I give every "
            "picture one of my names, even if it shows something else."
        )
    return _(
        "I compare each picture with {images:,} that I learned from. If it is unlike all of them, "
        "I say so. About {alarms:.0f} of 100 good pictures get that answer too, and some strange "
        "pictures slip through.",
        images=known_images,
        alarms=100 * MAX_FALSE_ALARM_RATE,
    )


def _list_dangers(num_classes: int) -> tuple[str, ...]:
    return (
        _(
            "I know only these {names:,} names. I have no name for anything else.",
            names=num_classes,
        ),
        _(
            "I may look at the wrong thing: at what is around, not at what you mean. Pictures that "
            "are darker, more blurred or made in another way than mine can fool me."
        ),
        _("A high number does not mean that I am right."),
        _(
            "Never use me where a mistake could hurt someone: no medicine, no mushrooms, no "
            "traffic, no judging of people."
        ),
    )


def _describe_origin(trained: TrainedNetwork) -> tuple[str, ...]:
    source = trained.source
    licence = source.card.get("licence")
    return (
        _(
            "Made with Transfer Lab. My network is {network}; it first learned from {data}.",
            network=source.title,
            data=source.card["data"],
        ),
        *((_("Licence of the network: {licence}", licence=licence),) if licence else ()),
    )
