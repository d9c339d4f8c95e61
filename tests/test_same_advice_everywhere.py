"""The same images get the same advice on every machine, though last digits differ."""

import numpy as np
import pytest
import torch

from transfer_core import dataset
from transfer_core.dataset import PixelArray
from transfer_core.dataset.samples import SAMPLES, resolve_path
from transfer_core.networks import get_network
from transfer_core.transferability import estimate, measurement
from transfer_core.transferability.estimate import estimate_from_evidence
from transfer_core.transferability.textbook import choose_similarity

SOURCE = get_network("demonstration")
IMAGES = 60  # per set; the digits that differ do so in any number of images
LARGE_SAMPLES = {"plankton_many", "digits"}
NOISE = np.random.default_rng(0)


def load_sample(name: str, home) -> tuple[np.ndarray, np.ndarray]:
    data_set = dataset.ingest(resolve_path(f"sample:{name}", home), home=home)
    indices = estimate.draw_sample(data_set)
    return PixelArray(home, data_set, SOURCE.transform).read(indices), data_set.labels[indices]


def make_synthetic(name: str) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(IMAGES) % 4
    pixels = NOISE.integers(0, 120, (IMAGES, 64, 64, 3), dtype=np.uint8)
    match name:
        case "colours":  # every stage tells them apart: all accuracies are tied at 100 %
            pixels[..., 0] += 30 * labels[:, None, None].astype(np.uint8)
        case "faint colours":  # accuracies in between
            pixels[..., 0] += 2 * labels[:, None, None].astype(np.uint8)
        case "uniform grey":  # no feature differs: only rounding errors do
            pixels[:] = 128
    return pixels, labels


def perturb(embed):
    """Embeddings that differ from these in the fifth digit."""

    def embed_and_perturb(*arguments, **options):
        draw = np.random.default_rng(1)
        return {
            name: (values * (1 + 1e-5 * draw.standard_normal(values.shape))).astype(np.float32)
            for name, values in embed(*arguments, **options).items()
        }

    return embed_and_perturb


def decide_on_another_machine(pixels: np.ndarray, labels: np.ndarray, monkeypatch):
    """Decide with other threads and other convolutions, and with other fifth digits."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(measurement, "embed", perturb(measurement.embed))
    torch.set_num_threads(2)
    try:
        with torch.backends.mkldnn.flags(enabled=False):
            return decide(pixels, labels)
    finally:
        torch.set_num_threads(threads)


def decide(pixels: np.ndarray, labels: np.ndarray):
    """All that the advice and the words of its reasons rest on."""
    digests = [str(number) for number in range(len(labels))]
    evidence = measurement.measure_transferability(pixels, labels, digests, SOURCE)
    found = estimate_from_evidence(evidence, SOURCE)
    answers = found.answer, choose_similarity(found), evidence.best_cut
    return *answers, evidence.is_flip_invariant, found.reasons


@pytest.mark.parametrize(
    "name",
    [
        *(each for each in SAMPLES if each not in LARGE_SAMPLES),
        *(pytest.param(each, marks=pytest.mark.thorough) for each in sorted(LARGE_SAMPLES)),
        *("colours", "faint colours", "noise", "uniform grey"),
    ],
)
def test_images_get_the_same_answers_whatever_the_last_digits(name, transfer_home, monkeypatch):
    monkeypatch.setattr(estimate, "MAX_SAMPLE_IMAGES", IMAGES)
    pixels, labels = load_sample(name, transfer_home) if name in SAMPLES else make_synthetic(name)
    here = decide(pixels, labels)
    assert decide_on_another_machine(pixels, labels, monkeypatch) == here
