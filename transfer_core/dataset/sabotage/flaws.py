"""The four flaws in words, the key to what was tampered with, and how good a guess was."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

from transfer_core.languages import N_

FlawKind = Literal["labels", "leak", "imbalance", "shortcut"]
FLAW_KINDS: tuple[FlawKind, ...] = get_args(FlawKind)


@dataclass(frozen=True, slots=True)
class Flaw:
    """A way to spoil the training images, in words for people."""

    kind: FlawKind
    title: str
    harm: str  # what was done, and what it does to the network
    trace: str  # where it shows
    repair: str
    concerns_classes: bool  # whether whole classes are spoiled, not single images


FLAWS: dict[FlawKind, Flaw] = {
    flaw.kind: flaw
    for flaw in (
        Flaw(
            "labels",
            N_("Wrong labels"),
            N_(
                "15 of 100 training images carry the name of another class. The network is taught "
                "mistakes."
            ),
            N_("Repair, Suspect labels: images that look like another class than theirs."),
            N_("Give each image its right class, or set it aside."),
            concerns_classes=False,
        ),
        Flaw(
            "leak",
            N_("Leaked copies"),
            N_(
                "Copies of half of the test images, a little brighter, stand among the training "
                "images. The test asks for what was learned by heart, so its accuracy promises too "
                "much."
            ),
            N_("Repair, Near-duplicates: the same picture in train and in test."),
            N_("Keep only the test image of each pair."),
            concerns_classes=False,
        ),
        Flaw(
            "imbalance",
            N_("Ten to one"),
            N_(
                "Half of the classes kept one training image for every ten of the largest class. "
                "The network hardly knows them."
            ),
            N_("Data counts the images of each class; Results shows which classes are missed."),
            N_("Bring in more images of these classes: restore those that were taken away."),
            concerns_classes=True,
        ),
        Flaw(
            "shortcut",
            N_("Shortcut background"),
            N_(
                "All training images of two classes got a background of one colour, the test "
                "images did not. The network learns the colour instead of the thing."
            ),
            N_(
                "Results: two classes are missed in the test. Their training images have something "
                "in common that the test images lack."
            ),
            N_("Take the spoiled images out, and use images with many backgrounds."),
            concerns_classes=True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class TamperedImage:
    """One entry of the key."""

    path: str  # of the image that was changed, added or taken away
    class_name: str  # its true class
    original: str = ""  # path of the image that it was made from, if there is one


@dataclass(frozen=True, slots=True)
class FlawKey:
    """What was done to a data set."""

    kind: FlawKind
    seed: int
    images: tuple[TamperedImage, ...]

    def list_hidden_paths(self) -> frozenset[str]:
        """Paths of the images that were taken away, which would give the flaw away."""
        if self.kind == "shortcut":
            return frozenset(image.original for image in self.images)
        return frozenset(image.path for image in self.images if self.kind == "imbalance")


@dataclass(frozen=True, slots=True)
class Guess:
    """What somebody thinks was done."""

    kind: FlawKind
    classes: frozenset[str] = frozenset()  # that are thought to be spoiled as a whole
    images: frozenset[str] = frozenset()  # paths of images that were repaired


@dataclass(frozen=True, slots=True)
class GuessScore:
    """How good a guess was."""

    is_kind_right: bool
    found: tuple[TamperedImage, ...]
    missed: tuple[TamperedImage, ...]
    false_alarms: int  # images that were repaired although nothing was done to them


def score_guess(key: FlawKey, guess: Guess) -> GuessScore:
    """Compare a guess with the key.

    A tampered image is found if it or its original was repaired. Of a flaw that concerns whole
    classes, all images of a class are found if the kind is right and the class was named.
    """
    is_kind_right = guess.kind == key.kind
    by_class = is_kind_right and FLAWS[key.kind].concerns_classes
    named: Collection[str] = guess.classes if by_class else ()
    found = tuple(
        image
        for image in key.images
        if image.class_name in named or {image.path, image.original} & guess.images
    )
    missed = tuple(image for image in key.images if image not in found)
    known = {path for image in key.images for path in (image.path, image.original)}
    return GuessScore(is_kind_right, found, missed, len(guess.images - known))
