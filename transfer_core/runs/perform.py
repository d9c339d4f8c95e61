"""Perform one run from its configuration: surgery, training, and the test at the end."""

from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from transfer_core import dataset
from transfer_core.features import JoinedRows, choose_batch_size
from transfer_core.networks import HEAD, trains_baseline, trains_head_only
from transfer_core.runs.head_training import (
    Baseline,
    compare_with_baseline,
    embed_and_train_head,
    load_or_train_baseline,
    make_baseline_network,
    predict_with_head,
)
from transfer_core.runs.preparation import RunContext, decode_images
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.system import StopRequested, WorkStopped
from transfer_core.training import (
    MAX_TIME_SHARE,
    Checkpointer,
    Ended,
    Event,
    RunConfig,
    TestResult,
    predict_logits,
    score,
    train_whole_network,
)

FLOAT_BYTES = 4  # of a float32
HEADER_BYTES = 1 << 20  # of a file with tensors or an array, at most


def perform_run(
    config: RunConfig,
    directory: Path,
    home: Path,
    stop_requested: StopRequested,
    *,
    checkpoint_time_share: float = MAX_TIME_SHARE,
) -> Iterator[Event | TestResult]:
    """Run a configuration to its result.

    If the directory holds a checkpoint of an interrupted attempt, the run continues after it.

    Args:
        config: The run's configuration.
        directory: The run's own folder; the trained network and checkpoints are written there.
        home: The data folder, with data sets and caches.
        stop_requested: Asked between batches. After a stop the weights of the best epoch are
            tested and saved. If no epoch has ended, the head trained alone is tested and saved;
            without that head there is no result.
        checkpoint_time_share: Fraction of the training time that checkpoints may take; infinite
            saves one every epoch.

    Yields:
        The events of the training, then the result on the test images.

    Raises:
        RunError: If the training diverges before an epoch is worth keeping.
    """
    data_set, source = dataset.load(home, config.data_id), config.source()
    pixels = dataset.PixelArray(home, data_set, source.transform)
    context = RunContext(config, home, data_set, source, pixels, stop_requested)
    files = RunDirectory(directory)
    files.claim()
    network = context.adapt_network(config.strategy)
    with files.reserve_space(_estimate_last_bytes(context, network, files)):
        yield from _learn_and_test(context, network, files, checkpoint_time_share)


def _learn_and_test(
    context: RunContext, network: nn.Sequential, files: RunDirectory, checkpoint_time_share: float
) -> Iterator[Event | TestResult]:
    config, baseline, ended, embeddings = context.config, None, None, None
    try:
        if trains_baseline(context.source, config.strategy):
            baseline = yield from load_or_train_baseline(context, files)
            if not files.baseline_file.is_file():
                raise WorkStopped  # a head half trained is nothing to go on from
            if config.strategy.optimiser.train_head_first:
                network.get_submodule(HEAD).load_state_dict(baseline.head)
        checkpointer = Checkpointer(files, checkpoint_time_share)
        ended, embeddings = yield from _train(context, network, checkpointer)
    except WorkStopped:
        pass  # `ended` stays None; a checkpoint stays in its folder
    if (ended is None or ended.best_epoch is None) and baseline:
        network, ended = make_baseline_network(context, baseline)
    if ended is None:
        return
    yield ended
    if ended.best_epoch is None and not baseline:
        return
    _save_weights(network, files)
    logits = _predict_test_images(context, network, embeddings)
    yield _score_test_images(context, logits, ended, baseline, files)


def _train(
    context: RunContext, network: nn.Sequential, checkpointer: Checkpointer
) -> Generator[Event, None, tuple[Ended | None, np.ndarray | JoinedRows | None]]:
    """Train what the strategy does not freeze; return the last event in place of yielding it.

    Returns:
        The last event, and the embeddings of all images if the head alone was trained.
    """
    config, strategy = context.config, context.config.strategy
    if trains_head_only(context.source, strategy):
        training = embed_and_train_head(context, strategy, network, checkpointer)
    else:
        yield from _decode_images_unless_resumed(context, checkpointer)
        training = train_whole_network(
            network,
            context.pixels,
            source=context.source,
            precision=config.precision,
            channels_last=config.channels_last,
            compiled=config.compiled,
            checkpointer=checkpointer,
            **context.build_training_arguments(strategy),
        )
    ended = None
    while True:
        try:
            event = next(training)
        except StopIteration as end:
            return ended, end.value
        if isinstance(event, Ended):
            ended = event
        else:
            yield event


def _decode_images_unless_resumed(
    context: RunContext, checkpointer: Checkpointer
) -> Generator[Event, None, None]:
    """Decode the images; after a stop return without them if there is a checkpoint.

    The training then loads the checkpoint and ends before its first step, so that the weights of
    its best epoch are saved.

    Raises:
        WorkStopped: If a stop was requested and there is no checkpoint.
    """
    try:
        yield from decode_images(context)
    except WorkStopped:
        if checkpointer.load() is None:
            raise


def _predict_test_images(
    context: RunContext, network: nn.Sequential, embeddings: np.ndarray | JoinedRows | None
) -> torch.Tensor:
    """Return the logits of the test images, float32 (M, C).

    A head that was trained on embeddings takes those of the test images too: the stages below
    are frozen, so nothing has to run through them again.
    """
    test = context.data_set.indices("test")
    if embeddings is not None:
        return predict_with_head(network, embeddings, test)
    batches = context.pixels.iter_batches(choose_batch_size(context.source), test)
    return torch.cat([predict_logits(network, batch, context.source) for batch in batches])


def _score_test_images(
    context: RunContext,
    logits: torch.Tensor,
    ended: Ended,
    baseline: Baseline | None,
    files: RunDirectory,
) -> TestResult:
    data_set = context.data_set
    files.write(files.test_logits_file, lambda file: np.save(file, logits.numpy()))
    result = score(
        logits,
        data_set.labels[data_set.indices("test")],
        data_set.classes,
        data_set.counts("train"),
        ended.validation_accuracy,
    )
    if baseline is None:
        return result
    return compare_with_baseline(result, ended, baseline, context.config.strategy)


def _estimate_last_bytes(
    context: RunContext, network: nn.Sequential, files: RunDirectory
) -> dict[Path, int]:
    """Bytes of the weights and of the answers to the test images."""
    weights = sum(value.nbytes for value in network.state_dict().values())
    data_set = context.data_set
    answers = FLOAT_BYTES * len(data_set.indices("test")) * len(data_set.classes)
    return {
        files.weights_file: weights + HEADER_BYTES,
        files.test_logits_file: answers + HEADER_BYTES,
    }


def _save_weights(network: nn.Sequential, files: RunDirectory) -> None:
    weights = {name: value.contiguous() for name, value in network.state_dict().items()}
    files.write(files.weights_file, save(weights))
