"""Cross-validate a new layer on each stage, and on all stages together."""

from collections.abc import Hashable, Sequence

import numpy as np
import torch

from transfer_core.languages import N_, _
from transfer_core.networks import SourceNetwork
from transfer_core.system import Progress
from transfer_core.transferability.bootstrap import Bootstrap
from transfer_core.transferability.evidence import (
    ALL_STAGES,
    DECIMALS,
    ReportStage,
    StageEvidence,
)
from transfer_core.transferability.head_cross_validation import (
    CrossValidated,
    compute_kernel,
    cross_validate_head,
)

Z_95 = 1.96  # standard normal quantile: 95 % lie within so many standard errors
ALL_STAGES_TITLE = N_("All stages together")


class StageScores:
    """The scores of new layers on the kept stages of a network.

    Args:
        source: The network.
        bootstrap: The draws of the images.
        distances: Batch-norm shift in nats by stage.
        report_stage: Called with each stage as soon as it is measured.
    """

    def __init__(
        self,
        source: SourceNetwork,
        bootstrap: Bootstrap,
        distances: dict[str, float],
        report_stage: ReportStage | None,
    ) -> None:
        self._source, self._bootstrap = source, bootstrap
        self._distances, self._report = distances, report_stage
        self.kept: list[CrossValidated] = []  # one per kept stage, input to output
        self.kernels: dict[str, torch.Tensor] = {}  # by kept stage
        self._together: CrossValidated | None = None

    def measure(
        self,
        embeddings: dict[str, np.ndarray],
        labels: np.ndarray,
        groups: Sequence[Hashable],
        progress: Progress,
    ) -> None:
        """Measure every kept stage, from the top to the input, and then all together."""
        kept = self._source.stages[:-1]
        for number, stage in enumerate(reversed(kept)):
            progress(_("Measuring a new layer on each stage"), number, len(kept) + 1)
            self.kernels[stage.name] = compute_kernel(embeddings[stage.name])
            scores = cross_validate_head(self.kernels[stage.name], labels, groups)
            self.kept.insert(0, scores)
            if self._report:
                self._report(self._describe(stage.name, stage.title, scores))
        progress(_("Measuring a new layer on each stage"), len(kept), len(kept) + 1)
        everything = np.concatenate([embeddings[stage.name] for stage in kept], 1)
        self._together = cross_validate_head(compute_kernel(everything), labels, groups)

    def describe(self, untrained: list[CrossValidated]) -> tuple[StageEvidence, ...]:
        """Return each kept stage, input to output.

        Args:
            untrained: Of the same stages with random weights; empty if not measured.
        """
        return tuple(
            self._describe(stage.name, stage.title, scores, other)
            for stage, scores, other in zip(
                self._source.stages, self.kept, untrained or [None] * len(self.kept), strict=False
            )
        )

    def describe_together(self) -> StageEvidence:
        """Return what was measured on all stages together."""
        return self._describe(ALL_STAGES, ALL_STAGES_TITLE, self._together)

    def _describe(
        self, name: str, title: str, scores: CrossValidated, untrained: CrossValidated | None = None
    ) -> StageEvidence:
        accuracy, margin = (
            scores.balanced_accuracy(),
            Z_95 * self._bootstrap.estimate_errors([scores])[0],
        )
        return StageEvidence(
            name,
            title,
            accuracy=_round(accuracy),
            low=_round(max(0, accuracy - margin)),
            high=_round(min(1, accuracy + margin)),
            untrained_accuracy=_round(untrained.balanced_accuracy()) if untrained else None,
            distance=self._distances.get(name),
            plain_accuracy=_round(scores.accuracy()),
        )


def _round(value: float) -> float:
    return round(float(value), DECIMALS)
