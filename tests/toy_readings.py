"""Transferability evidence as a network and images might give it, for tests."""

import numpy as np
from scipy.special import ndtri

from transfer_core.transferability.evidence import (
    BootstrapDraws,
    StageEvidence,
    TransferabilityEvidence,
    compute_skill,
)


def make_draws(gap: float, gain: float, leep: float, skill: float, spread: float) -> BootstrapDraws:
    """Draws around these predictors; `spread` is the standard error of an accuracy."""
    noise = spread * ndtri((np.arange(200) + 0.5) / 200)
    means = {"gap": gap, "gain": gain, "leep": leep, "skill": skill}
    scales = {"gap": 100, "gain": 100, "leep": 1, "skill": 1}
    return BootstrapDraws(**{n: tuple(means[n] + scales[n] * noise) for n in means})


def make_stage(name: str, accuracy: float, untrained: float | None = 0.3) -> StageEvidence:
    ends = accuracy - 0.05, accuracy + 0.05
    return StageEvidence(name, name.title(), accuracy, *ends, untrained, 0.1, accuracy)


def make_evidence(
    early=0.6, top=0.8, spread=0.02, distance=0.05, together=None, **others
) -> TransferabilityEvidence:
    names = ("conv1", early - 0.1), ("conv2", early), ("fc1", top)
    stages = tuple(make_stage(name, accuracy) for name, accuracy in names)
    values = {
        "images": 400,
        "independent_images": 400,
        "all_stages": make_stage(
            "all-stages", max(early, top) if together is None else together, None
        ),
        "num_near_duplicates": 0,
        "classes": 4,
        "min_images_per_class": 100,
        "stages": stages,
        "early": 2,
        "distance": distance,
        "leep": 0.2,
        "energy": 6.0,
        "pixels": 0.3,
        "best_cut": "conv2",
        "learning_curve": None,
        "flip_invariance": None,
    }
    values |= others
    best = max(early, top)
    draws = make_draws(
        gap=100 * (early - top),
        gain=100 * (best - max(values["pixels"], 0.3)),
        leep=values["leep"],
        skill=compute_skill(best, values["classes"]),
        spread=spread,
    )
    return TransferabilityEvidence(**{"draws": draws} | values)
