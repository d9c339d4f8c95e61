"""Sanity check of attribution maps: randomise the weights stage by stage and compare."""

from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import spearmanr

from transfer_core.inspection.attribution import compute_attribution
from transfer_core.inspection.trained_network import TrainedNetwork
from transfer_core.languages import _
from transfer_core.networks import HEAD, adapt
from transfer_core.system import Progress, get_device, ignore_progress


@dataclass(frozen=True, slots=True)
class SanityStep:
    """Similarity to the original maps once the weights down to a stage are random."""

    title: str  # of the stage randomised last, for people
    correlation: float  # Spearman's rank correlation with the original maps; mean over images
    standard_deviation: float  # standard deviation over images


def run_randomisation_test(
    trained: TrainedNetwork,
    pixels: np.ndarray,
    classes: np.ndarray,
    *,
    progress: Progress = ignore_progress,
) -> tuple[SanityStep, ...]:
    """Randomise a network from its output to its input and compare the maps after each stage.

    A method whose maps stay similar shows the image, not what the network learned.

    Args:
        trained: The network of a run.
        pixels: uint8, shape (N, H, W, 3).
        classes: The class to explain for each image, int64 (N,).
        progress: Called with what is done, steps done and total; may raise to end the work.

    Source:
        The cascading randomisation of Adebayo et al. 2018, "Sanity checks for saliency
        maps".
    """
    config, source = trained.record.config, trained.source
    # Another seed, because a head that training hardly moved is close to its first draw.
    strategy, seed = replace(config.strategy, initialise="random"), config.seed + 1
    other = adapt(source, strategy, len(trained.classes), seed)
    other.to(get_device(trained.network))
    stages = dict(trained.network.named_children())
    before, steps = _compute_maps(trained.network, source, pixels, classes), []
    for done, name in enumerate(reversed(list(stages)), start=1):
        stages[name] = getattr(other, name)
        partly_random = type(trained.network)(OrderedDict(stages))
        maps = _compute_maps(partly_random, source, pixels, classes)
        similarities = [compute_rank_correlation(a, b) for a, b in zip(before, maps, strict=True)]
        title = "New layer" if name == HEAD else source.format_titles((name,))
        steps.append(SanityStep(title, float(np.mean(similarities)), float(np.std(similarities))))
        progress(_("Randomising stages"), done, len(stages))
    return tuple(steps)


def compute_rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's rank correlation of two maps; 0 if one of them is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first.ravel(), second.ravel()).statistic)


def _compute_maps(network, source, pixels, classes) -> list[np.ndarray]:
    return [
        compute_attribution(network, source, image, [int(label)]).maps[0]
        for image, label in zip(pixels, classes, strict=True)
    ]
