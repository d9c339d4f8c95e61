"""The four cases: size and similarity to a case, a case to a strategy. Pure functions."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Annotated, Literal, Self

from transfer_core.errors import SettingsError
from transfer_core.languages import N_, _
from transfer_core.settings import (
    WHOLE_NETWORK_DEFAULTS,
    NetworkKind,
    OptimiserSettings,
    Setting,
)

Size = Literal["small", "large"]
Similarity = Literal["similar", "different"]
Initialise = Literal["pretrained", "random"]
# "textbook" is one of the four cases as it stands; the others go beyond it.
Approach = Literal["textbook", "all stages", "last stages", "first stages"]

TEXTBOOK_SMALL_IMAGES = 2_000  # images; what courses call small
TEXTBOOK_LARGE_IMAGES = 1_000_000  # images; what courses call large
DEFAULT_LINE = TEXTBOOK_SMALL_IMAGES  # images to learn from; fewer are a small data set
MIN_LINE, MAX_LINE = 20, TEXTBOOK_LARGE_IMAGES  # images; where the line may be put
CLOSE_TO_LINE = 0.1  # of the line
MIN_WEIGHTED_IMBALANCE = (
    1.5  # largest class over smallest, above which classes are weighted; in a help too
)


class TransferCase(IntEnum):
    """The four situations that a data set can be in."""

    SMALL_SIMILAR = 1
    SMALL_DIFFERENT = 2
    LARGE_SIMILAR = 3
    LARGE_DIFFERENT = 4

    @property
    def size(self) -> Size:
        """The row of the decision diagram."""
        return "small" if self <= 2 else "large"

    @property
    def similarity(self) -> Similarity:
        """The column of the decision diagram."""
        return "similar" if self % 2 else "different"

    @property
    def title(self) -> str:
        """For people: "Case 1: small, similar"."""
        return CASE_TITLES[self - 1]


CASE_TITLES = (  # English, for it is stored; pages translate it
    N_("Case 1: small, similar"),
    N_("Case 2: small, different"),
    N_("Case 3: large, similar"),
    N_("Case 4: large, different"),
)
ANSWERS = (N_("small"), N_("large"), N_("similar"), N_("different"))  # marked to be translated


@dataclass(frozen=True, slots=True)
class SizeJudgement:
    """The answer to "is the data set small or large?" with the numbers behind it."""

    images: int  # images to learn from: training and validation, not test
    images_per_class: float  # harmonic mean over the classes, so that a starved class counts
    line: int  # images to learn from; below it a data set is small
    answer: Size

    @property
    def is_close(self) -> bool:
        """Whether the line is so near that the other answer would do as well."""
        return abs(self.images - self.line) <= CLOSE_TO_LINE * self.line


@dataclass(frozen=True, slots=True)
class Strategy:
    """All that a run does to the source network: enough to repeat it."""

    case: TransferCase
    keep_through: str  # name of the last stage that is kept; the head follows it
    frozen: tuple[str, ...]  # names of the stages whose weights must not change
    initialise: Initialise  # initial weights of the kept stages
    optimiser: OptimiserSettings
    class_weights: Annotated[
        bool,
        Setting(
            label=N_("Give rare classes more weight if classes are unbalanced"),
            help=N_(
                "Each class then counts the same, however many images it has. Classes are "
                "unbalanced if the largest has over 1.5 times the images of the smallest."
            ),
            code="weights = compute_class_weights(labels) if {} else None",
        ),
    ] = True
    approach: Approach = "textbook"  # "all stages": the head reads every kept stage

    @property
    def title(self) -> str:
        """What is done, for people: "New layer on the frozen network (case 1)".

        It says nothing of the data: a case's own title, "small, similar", would claim that.
        """
        if self.approach != "textbook":
            return APPROACH_TITLES[self.approach]
        if self.case == TransferCase.LARGE_DIFFERENT and self.initialise == "pretrained":
            return TUNED_ANYWAY
        return CASE_ACTIONS[self.case]

    @property
    def key(self) -> str:
        """Its key in `list_strategies`."""
        if self.approach != "textbook":
            return self.approach.replace(" ", "-")
        details = {2: f"-{self.keep_through}", 4: f"-{self.initialise}"}
        return f"{self.case.value}{details.get(self.case.value, '')}"

    @property
    def textbook_case(self) -> TransferCase | None:
        """The case of the textbook that it is; None beyond the textbook."""
        return self.case if self.approach == "textbook" else None

    @property
    def what_is_trained(self) -> str:
        """For people: "everything", "the new layer", "the last stages" or "the first stages"."""
        if self.approach in {"last stages", "first stages"}:
            return (
                N_("the last stages") if self.approach == "last stages" else N_("the first stages")
            )
        return N_("the new layer") if self.frozen else N_("everything")

    @property
    def initial_weights(self) -> str:
        """The kind of initial weights, for people: "pre-trained" or "random"."""
        return N_("random") if self.initialise == "random" else N_("pre-trained")

    def with_epochs(self, epochs: int) -> Self:
        """Return the strategy with another largest number of epochs."""
        return replace(self, optimiser=replace(self.optimiser, epochs=epochs))

    def with_mirror(self, mirror: bool) -> Self:
        """Return the strategy with or without mirrored images among the augmented ones."""
        return replace(self, optimiser=replace(self.optimiser, mirror=mirror))


CASE_ACTIONS = {
    TransferCase.SMALL_SIMILAR: N_("New layer on the frozen network (case 1)"),
    TransferCase.SMALL_DIFFERENT: N_("New layer after an earlier cut (case 2)"),
    TransferCase.LARGE_SIMILAR: N_("Everything trained (case 3)"),
    TransferCase.LARGE_DIFFERENT: N_("Everything trained from random weights (case 4)"),
}
TUNED_ANYWAY = N_("Everything trained from pre-trained weights (case 4)")
APPROACH_TITLES: dict[Approach, str] = {
    "all stages": N_("New layer over all stages"),
    "last stages": N_("Last stages tuned"),
    "first stages": N_("First stages tuned"),
}


def judge_size(class_counts: tuple[int, ...], threshold: int) -> SizeJudgement:
    """Answer the size question.

    Args:
        class_counts: Images to learn from of each class.
        threshold: Dividing line in images; a data set with fewer is small.
    """
    if threshold < 1:
        raise SettingsError(
            _("The dividing line between small and large must be at least one image."),
            found=str(threshold),
            remedy=_("Move the line to a positive number of images."),
        )
    images = sum(class_counts)
    is_starved = not all(class_counts)
    per_class = 0.0 if is_starved else len(class_counts) / sum(1 / n for n in class_counts)
    return SizeJudgement(images, per_class, threshold, "small" if images < threshold else "large")


def choose_case(size: Size, similarity: Similarity) -> TransferCase:
    """Return the case of the two answers."""
    return next(c for c in TransferCase if (c.size, c.similarity) == (size, similarity))


HEAD_SETTINGS = OptimiserSettings(
    learning_rate=4.0, weight_decay=3e-4, batch_size=4096, epochs=100, patience=100, augment=False
)


def compute_stage_learning_rates(settings: OptimiserSettings, num_stages: int) -> tuple[float, ...]:
    """Return the peak learning rate of each trained stage, input to output.

    Args:
        settings: Peak rate of the last stage, and the decay from stage to stage.
        num_stages: Number of trained stages.
    """
    return tuple(
        settings.learning_rate * settings.stage_decay**behind
        for behind in reversed(range(num_stages))
    )


def plan_strategy(
    case: TransferCase,
    stages: tuple[str, ...],
    *,
    kind: NetworkKind,
    cut: str | None = None,
    initialise: Initialise | None = None,
) -> Strategy:
    """Return the strategy of a case on a network with these stages.

    Args:
        case: One of the four cases.
        stages: Names of the network's stages, input to output; the last is the
            layer that is replaced.
        kind: The kind of the network; it decides the settings of cases 3 and 4.
        cut: Case 2 only: the last stage to keep; None keeps the first third.
        initialise: Case 4 only: "random" or "pretrained"; None means random.

    Raises:
        SettingsError: If the cut is not a stage that can be kept, or an option
            does not belong to the case.
    """
    kept, defaults = stages[:-1], WHOLE_NETWORK_DEFAULTS[kind]
    if cut is not None and (case != TransferCase.SMALL_DIFFERENT or cut not in kept):
        raise SettingsError(
            _("Only case 2 cuts at a chosen stage, and it must keep a stage before the last."),
            found=_("case {case}, cut after {cut}", case=case.value, cut=cut),
            remedy=_("Choose case 2 and one of {stages}.", stages=", ".join(kept)),
        )
    if initialise == "random" and case != TransferCase.LARGE_DIFFERENT:
        raise SettingsError(
            _("Only case 4 may start from random weights."),
            found=_("case {case} with random weights", case=case.value),
            remedy=_("Choose case 4, or start from the pre-trained weights."),
        )
    match case:
        case TransferCase.SMALL_SIMILAR:
            return Strategy(case, kept[-1], kept, "pretrained", HEAD_SETTINGS)
        case TransferCase.SMALL_DIFFERENT:
            cut = cut or kept[len(stages) // 3 - 1]
            return Strategy(case, cut, kept[: kept.index(cut) + 1], "pretrained", HEAD_SETTINGS)
        case TransferCase.LARGE_SIMILAR:
            return Strategy(case, kept[-1], (), "pretrained", defaults.fine_tuning)
        case TransferCase.LARGE_DIFFERENT if initialise == "pretrained":
            return Strategy(case, kept[-1], (), "pretrained", defaults.fine_tuning)
        case TransferCase.LARGE_DIFFERENT:
            return Strategy(case, kept[-1], (), "random", defaults.from_scratch)


def list_strategies(stages: tuple[str, ...], kind: NetworkKind) -> dict[str, Strategy]:
    """Return every way to transfer a network that the app offers, by a short key (`Strategy.key`).

    "1" is case 1, "2-STAGE" case 2 cut after that stage, "3" case 3, "4-random" and
    "4-pretrained" case 4. Beyond the textbook: "all-stages" trains a new layer on the outputs of
    all kept stages together (Evci et al. 2022, "Head2Toe"); "last-stages" and "first-stages" train
    the new layer and a third of the kept stages, the others frozen (Lee et al. 2023, "Surgical
    fine-tuning").

    Args:
        stages: Names of the network's stages, input to output; the last is replaced.
        kind: The kind of the network; it decides the settings of cases 3 and 4.
    """
    cases, kept = TransferCase, stages[:-1]
    top = plan_strategy(cases.SMALL_SIMILAR, stages, kind=kind)
    tuned = plan_strategy(cases.LARGE_SIMILAR, stages, kind=kind)
    third = max(1, round(len(kept) / 3))
    return {
        "1": top,
        **{
            f"2-{cut}": plan_strategy(cases.SMALL_DIFFERENT, stages, kind=kind, cut=cut)
            for cut in reversed(kept[:-1])
        },
        "3": tuned,
        "4-random": plan_strategy(cases.LARGE_DIFFERENT, stages, kind=kind, initialise="random"),
        "4-pretrained": plan_strategy(
            cases.LARGE_DIFFERENT, stages, kind=kind, initialise="pretrained"
        ),
        "all-stages": replace(top, approach="all stages"),
        "last-stages": replace(tuned, approach="last stages", frozen=kept[:-third]),
        "first-stages": replace(tuned, approach="first stages", frozen=kept[third:]),
    }
