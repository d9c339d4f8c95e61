"""Train the head on embeddings: a whole run, or the baseline of one that trains more."""

import json
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from transfer_core.cases import HEAD_SETTINGS, Strategy
from transfer_core.features import AugmentedView, JoinedRows, join_rows
from transfer_core.languages import N_
from transfer_core.networks import HEAD, list_head_stages, list_kept_stages
from transfer_core.runs.preparation import ImageEmbedder, RunContext
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.stored_texts import EMBEDDING_VIEWS
from transfer_core.system import WorkStopped
from transfer_core.training import (
    BaselineTrained,
    Checkpointer,
    Ended,
    EpochEnded,
    Event,
    Preparing,
    TestResult,
    WeightChangeMeter,
    train_head,
)

PREDICTED_ROWS = 16_384  # at a time


@dataclass(frozen=True, slots=True)
class Baseline:
    """A head that was trained alone, with everything else frozen, and its accuracy."""

    head: dict[str, torch.Tensor]  # its weights, by their names in the stage "head"
    trained: BaselineTrained
    test_accuracy: float  # fraction in [0, 1]


def embed_and_train_head(
    context: RunContext, strategy: Strategy, network: nn.Sequential, checkpointer: Checkpointer
) -> Generator[Event, None, np.ndarray | JoinedRows]:
    """Embed every image once for the head, then train the head on the embeddings.

    Returns:
        The embeddings of all images of the data set and of their views, float32 (N, D).
    """
    embeddings, arguments = yield from _embed_examples(context, strategy, network)
    yield from train_head(network, embeddings, **arguments, checkpointer=checkpointer)
    return embeddings


@torch.inference_mode()
def predict_with_head(
    network: nn.Sequential, embeddings: np.ndarray | JoinedRows, indices: np.ndarray
) -> torch.Tensor:
    """Return logits on the processor, float32 (M, C), of M rows of embeddings, float32 (N, D)."""
    layer = network.get_submodule(HEAD).linear
    parts = np.split(indices, range(PREDICTED_ROWS, len(indices), PREDICTED_ROWS))
    rows = (torch.from_numpy(embeddings[part]).to(layer.weight.device) for part in parts)
    return torch.cat([layer(each).cpu() for each in rows])


def load_or_train_baseline(
    context: RunContext, files: RunDirectory
) -> Generator[Event, None, Baseline]:
    """Train the head alone, or read it from the directory of an interrupted run.

    Raises:
        WorkStopped: If a stop was requested before the head had learned anything.
    """
    baseline = _read_baseline(files)
    if baseline is None:
        baseline = yield from _train_baseline(context)
        if not context.stop_requested():  # the head is then fully trained
            _write_baseline(baseline, files)
    yield baseline.trained
    return baseline


def make_baseline_network(context: RunContext, baseline: Baseline) -> tuple[nn.Sequential, Ended]:
    """Return the network with the head that was trained alone, as the result of a stopped run."""
    strategy = _freeze_all_but_head(context)
    network = context.adapt_network(strategy)
    meter, trained = WeightChangeMeter(network, strategy.frozen), baseline.trained
    network.get_submodule(HEAD).load_state_dict(baseline.head)
    trained_more = f"training {context.config.strategy.what_is_trained}"
    explanation = f"no epoch of {trained_more} had ended; the new layer alone is kept"
    ended = Ended(
        "stopped",
        0,
        None,
        trained.seconds,
        0.0,
        meter.measure(),
        trained.validation_accuracy,
        explanation,
    )
    return network, ended


def compare_with_baseline(
    result: TestResult, ended: Ended, baseline: Baseline, strategy: Strategy
) -> TestResult:
    """Add the baseline's accuracies to the result of a strategy; say so if it is below them."""
    sentence, trained_more = result.sentence, f"training {strategy.what_is_trained}"
    if ended.best_epoch is None:
        sentence = (
            f"The run was stopped before an epoch of {trained_more} had ended. This is the "
            f"new layer trained alone, as far as it had come. {sentence}"
        )
    elif result.accuracy < baseline.test_accuracy:
        sentence += (
            f" The new layer trained alone, with everything else frozen as in case 1, is right on "
            f"{baseline.test_accuracy:.1%} of them: more than after {trained_more}."
        )
    return replace(
        result,
        sentence=sentence,
        baseline_validation_accuracy=baseline.trained.validation_accuracy,
        baseline_accuracy=baseline.test_accuracy,
    )


def _freeze_all_but_head(context: RunContext) -> Strategy:
    strategy = context.config.strategy
    frozen = list_kept_stages(context.source, strategy)
    return replace(strategy, frozen=frozen, optimiser=HEAD_SETTINGS)


def _embed_examples(
    context: RunContext, strategy: Strategy, network: nn.Sequential
) -> Generator[Preparing, None, tuple[np.ndarray | JoinedRows, dict[str, Any]]]:
    """Embed all images, then the augmented views of the training images.

    Returns:
        Embeddings, float32 (N, D), and the other arguments of `train_head`.
    """
    arguments, views = context.build_training_arguments(strategy), strategy.optimiser.views
    labels, train, shards = (arguments[key] for key in ("labels", "train_indices", "shards"))
    embedder = ImageEmbedder(context, network, list_head_stages(context.source, strategy))
    parts = [(yield from embedder.embed(None, N_("Embedding images once")))]
    for number in range(views):
        what = EMBEDDING_VIEWS.format(number=number + 1, views=views)
        view = AugmentedView(number, strategy.optimiser.mirror)
        parts.append((yield from embedder.embed(train, what, view)))
    if not views:
        return parts[0], arguments
    added = len(labels) + np.arange(views * len(train))
    return join_rows(parts, axis=0), arguments | {
        "labels": np.concatenate((labels, *[labels[train]] * views)),
        "train_indices": np.concatenate((train, added)),
        "shards": None if shards is None else np.concatenate((shards, *[shards[train]] * views)),
    }


def _train_baseline(context: RunContext) -> Generator[Preparing, None, Baseline]:
    """Train the head as in case 1; its epochs are reported as preparation."""
    strategy = _freeze_all_but_head(context)
    network = context.adapt_network(strategy)
    embeddings, arguments = yield from _embed_examples(context, strategy, network)
    losses: dict[int | None, float] = {}
    ended = None
    for event in train_head(network, embeddings, **arguments):
        if isinstance(event, EpochEnded):
            losses[event.epoch] = event.validation_loss
            yield Preparing(N_("Training the new layer alone"), event.epoch, HEAD_SETTINGS.epochs)
        elif isinstance(event, Ended):
            ended = event
    if ended is None or ended.best_epoch is None:
        raise WorkStopped
    trained = BaselineTrained(
        losses[ended.best_epoch], ended.validation_accuracy, ended.epochs, ended.seconds
    )
    test, labels = context.data_set.indices("test"), context.data_set.labels
    predicted = predict_with_head(network, embeddings, test).argmax(1).numpy()
    accuracy = float((predicted == labels[test]).mean())
    return Baseline(network.get_submodule(HEAD).state_dict(), trained, accuracy)


def _write_baseline(baseline: Baseline, files: RunDirectory) -> None:
    values = asdict(baseline.trained) | {"test_accuracy": baseline.test_accuracy}
    head = {name: value.contiguous() for name, value in baseline.head.items()}
    metadata = {"baseline": json.dumps(values)}
    files.write(files.baseline_file, lambda file: save_file(head, file.name, metadata))


def _read_baseline(files: RunDirectory) -> Baseline | None:
    if not files.baseline_file.is_file():
        return None
    with safe_open(files.baseline_file, framework="pt") as file:
        values = json.loads(file.metadata()["baseline"])
        head = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    test_accuracy = values.pop("test_accuracy")
    return Baseline(head, BaselineTrained(**values), test_accuracy)
