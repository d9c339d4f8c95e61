"""Use a trained network: restore it from its run, and classify images."""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from transfer_core import dataset, images
from transfer_core.errors import RunError
from transfer_core.networks import SourceNetwork
from transfer_core.networks.blank import init_empty_weights
from transfer_core.networks.surgery import adapt, upgrade_head_name
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import RunRecord
from transfer_core.runs.store.store import RunStore
from transfer_core.training.evaluation import predict_logits


@dataclass(frozen=True)
class TrainedNetwork:
    """A network that a run has trained."""

    network: nn.Sequential  # normalised images (B, 3, H, W) to logits (B, C), eval mode
    source: SourceNetwork
    classes: tuple[str, ...]
    record: RunRecord

    @property
    def transform(self) -> images.Transform:
        """How an image becomes the network's input."""
        return self.source.transform


def load_trained_network(home: Path, run_id: str) -> TrainedNetwork:
    """The network of a run.

    Raises:
        RunError: If there is no such run, or it has not come to a result.
    """
    record, directory = _open_run(home, run_id)
    weights = _require_file(directory.weights_file, record, "trained network")
    config, source = record.config, record.config.source()
    classes = tuple(each.name for each in record.result.per_class)
    # All weights come from the run, so that the source's need not be on this machine.
    strategy = replace(config.strategy, initialise="random")
    with init_empty_weights():
        network = adapt(source, strategy, len(classes), config.seed)
    # Copies: in memory as torch lays it out, which the rounding of sums depends on.
    state = {name: value.clone() for name, value in upgrade_head_name(load_file(weights)).items()}
    network.load_state_dict(state, assign=True)
    return TrainedNetwork(network.eval(), source, classes, record)


@dataclass(frozen=True)
class TestPredictions:
    """What a run's network said of the test images, when they were used."""

    images: np.ndarray  # indices into the data set's records, int64 (N,)
    labels: np.ndarray  # true classes, int64 (N,)
    probabilities: np.ndarray  # of each class, float32 (N, C)

    @property
    def predicted(self) -> np.ndarray:
        """The likeliest classes, int64 (N,)."""
        return self.probabilities.argmax(1)


def load_test_predictions(home: Path, run_id: str) -> TestPredictions:
    """What a finished run's network said of each test image.

    Raises:
        RunError: If there is no such run, or it has not come to a result.
    """
    record, directory = _open_run(home, run_id)
    file = _require_file(directory.test_logits_file, record, "answers for its test images")
    data_set = dataset.load(home, record.config.data_id)
    images, scores = data_set.indices("test"), torch.from_numpy(np.load(file))
    probabilities = torch.softmax(scores, dim=1).numpy()
    return TestPredictions(images, data_set.labels[images], probabilities)


def _open_run(home: Path, run_id: str) -> tuple[RunRecord, RunDirectory]:
    with closing(RunStore(home)) as store:
        return store.get(run_id), RunDirectory.of(home, run_id)


def _require_file(file: Path, record: RunRecord, what: str) -> Path:
    """Return a file of a run with a result; RunError, which names what is missing, without it."""
    if record.result is None or not file.is_file():
        raise RunError(
            f"This run has no {what}.",
            found=f"run {record.id} is {record.state}",
            remedy="Choose a run that has finished, or train one.",
        )
    return file


def predict_proba(trained: TrainedNetwork, pixels: np.ndarray) -> np.ndarray:
    """Class probabilities of images, float32 (N, C), from pixels uint8 (N, H, W, 3)."""
    return torch.softmax(predict_logits(trained.network, pixels, trained.source), dim=1).numpy()
