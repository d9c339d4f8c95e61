"""Forecast the time of a run: measured steps times their number."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from transfer_core import dataset
from transfer_core.cases import HEAD_SETTINGS, Strategy
from transfer_core.dataset import DataSet
from transfer_core.features import get_cache_folder, make_runtime
from transfer_core.networks import (
    SourceNetwork,
    list_head_stages,
    list_kept_stages,
    trains_baseline,
    trains_head_only,
)
from transfer_core.system import Precision, Progress, choose_device, ignore_progress
from transfer_core.timing.cost_cache import load_or_measure_costs, load_or_measure_decoding_cost
from transfer_core.timing.step_costs import StepCosts, TimeRange
from transfer_core.training import (
    EMBEDDING_BATCH_SIZE,
    choose_step_format,
    compute_first_stop,
    count_batches,
)

SAFETY_FACTOR = 1.5  # a run may be so many times slower or faster; see benchmarks/minutes.py
ZERO_SECONDS = TimeRange(0, 0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds of each part of a run, in order."""

    decoding: TimeRange
    embedding: TimeRange
    training: TimeRange  # and building the network
    validation: TimeRange
    test: TimeRange

    @property
    def total(self) -> TimeRange:
        """Seconds from start to result; the least if training stops as early as it may."""
        return self.decoding + self.embedding + self.training + self.validation + self.test

    def describe(self) -> str:
        """The total for people, such as "20 s to 3 min"."""
        return describe_time_range(self.total)


def forecast_run(
    data_set: DataSet,
    source: SourceNetwork,
    strategy: Strategy,
    home: Path,
    *,
    may_measure: bool = True,
    progress: Progress = ignore_progress,
) -> Forecast:
    """Forecast a run from steps that were measured today, or are measured now.

    Args:
        data_set: The images of the run.
        source: The network at the run's input size; its weights may be missing here.
        strategy: The training of the run.
        home: The data folder; work that its caches make needless is not counted.
        may_measure: False takes at once what was measured before, however long ago.
        progress: Called with what is done, done and total; may raise to end the work.

    Raises:
        BusyError: If the steps were never measured before, and may not be or a run trains in
            this process.
    """
    costs = collect_costs(data_set, source, strategy, home, progress, may_measure)
    seconds_per_byte = ZERO_SECONDS
    if not dataset.PixelArray(home, data_set, source.transform).is_cached:
        seconds_per_byte = load_or_measure_decoding_cost(home, data_set, source, may_measure)
    embedded = are_embeddings_cached(home, data_set, source, strategy)
    return compute_forecast(data_set, source, strategy, costs, seconds_per_byte, embedded)


def collect_costs(
    data_set: DataSet,
    source: SourceNetwork,
    strategy: Strategy,
    home: Path,
    report_progress: Progress,
    may_measure: bool = True,
) -> tuple[StepCosts, ...]:
    """The step costs of each training of a run, measured or from the cache.

    Raises:
        BusyError: See `forecast_run`.
    """
    trainings, costs = _list_trainings(source, strategy), []
    for number, each in enumerate(trainings):
        report_progress(f"Timing a few batches, {source.title}", number, len(trainings))
        precision: Precision = "float32"  # of a head's steps
        if not trains_head_only(source, each):
            precision = choose_step_format(source, choose_device()).precision
        timed = _equalise_batch_size(each, len(data_set.indices("train")))
        classes = len(data_set.classes)
        costs.append(load_or_measure_costs(home, source, timed, classes, precision, may_measure))
    return tuple(costs)


def _equalise_batch_size(strategy: Strategy, train: int) -> Strategy:
    """Return the strategy with the real batch size of a run, whose batches are about equal."""
    size = math.ceil(train / count_batches(train, strategy.optimiser.batch_size))
    return replace(strategy, optimiser=replace(strategy.optimiser, batch_size=size))


def _list_trainings(source: SourceNetwork, strategy: Strategy) -> tuple[Strategy, ...]:
    """Return the strategy itself and, if the run trains it first, that of the head alone."""
    if not trains_baseline(source, strategy):
        return (strategy,)
    frozen = list_kept_stages(source, strategy)
    return strategy, replace(strategy, frozen=frozen, optimiser=HEAD_SETTINGS)


def compute_forecast(
    data_set: DataSet,
    source: SourceNetwork,
    strategy: Strategy,
    costs: tuple[StepCosts, ...],
    seconds_per_byte: TimeRange = ZERO_SECONDS,
    embeddings_cached: bool = False,
) -> Forecast:
    """Multiply the costs of steps by the number of steps of a run.

    Args:
        data_set: The images of the run.
        source: The network.
        strategy: The training of the run.
        costs: From `collect_costs` for this strategy.
        seconds_per_byte: Seconds of decoding per byte of image file.
        embeddings_cached: Whether the embeddings are in the cache.
    """
    size = sum(record.length for record in data_set.records)
    training, validation, embeds = ZERO_SECONDS, ZERO_SECONDS, False
    for each, cost in zip(_list_trainings(source, strategy), costs, strict=True):
        frozen = trains_head_only(source, each)
        embeds |= frozen
        epochs = _forecast_epochs(data_set, each, cost, frozen)
        training, validation = training + cost.build + epochs[0], validation + epochs[1]
    own = costs[0]
    embedding = (
        own.embed * len(data_set.records) if embeds and not embeddings_cached else ZERO_SECONDS
    )
    views = strategy.optimiser.views * len(data_set.indices("train")) if embeds else 0
    embedding = embedding + own.embed * views
    # A head is tested on the embeddings, at hardly any cost.
    tested = 0 if trains_head_only(source, strategy) else len(data_set.indices("test"))
    test = own.exact * tested
    parts = seconds_per_byte * size, embedding, training, validation, test
    return Forecast(
        *(TimeRange(part.low / SAFETY_FACTOR, part.high * SAFETY_FACTOR) for part in parts)
    )


def _forecast_epochs(
    data_set: DataSet, strategy: Strategy, costs: StepCosts, frozen: bool
) -> tuple[TimeRange, TimeRange]:
    """Seconds of the training of all epochs, and of their validations."""
    train, validation = (len(data_set.indices(part)) for part in ("train", "validation"))
    most = strategy.optimiser.epochs
    least = compute_first_stop(most, strategy.optimiser.patience)
    steps = count_batches(train * (1 + strategy.optimiser.views), strategy.optimiser.batch_size)
    epoch = costs.step * steps + costs.epoch
    # The end of an epoch was timed with one batch; each further batch takes less than a step.
    embedded = TimeRange(0, costs.step.high * (-(-validation // EMBEDDING_BATCH_SIZE) - 1))
    each = embedded if frozen else costs.image * validation
    return (
        TimeRange(epoch.low * least, epoch.high * most),
        TimeRange(each.low * least, each.high * most),
    )


def are_embeddings_cached(
    home: Path, data_set: DataSet, source: SourceNetwork, strategy: Strategy
) -> bool:
    """Whether the embeddings of the data set that the head reads are in the cache."""
    everything = np.arange(len(data_set.records))
    folder = get_cache_folder(home, data_set.id, source, source.transform.key, everything)
    keys = (make_runtime(name).key for name in ("torch", "onnxruntime"))
    stages = list_head_stages(source, strategy)
    return any(all((folder / key / f"{each}.npy").is_file() for each in stages) for key in keys)


def describe_time_range(seconds: TimeRange) -> str:
    """A range of time for people: "20 s to 3 min"; one number if both ends look the same."""
    low, high = _format_seconds(seconds.low), _format_seconds(seconds.high)
    return high if low == high else f"{low} to {high}"


def _format_seconds(seconds: float) -> str:
    """Round to what a forecast can know: "8 s", "40 s", "3 min", "1 h 20 min"."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} s"
    if seconds < 600:
        return f"{round(seconds / 30) / 2:g} min"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    hours, minutes = divmod(round(seconds / 600) * 10, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
