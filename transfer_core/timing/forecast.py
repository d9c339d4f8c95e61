"""Forecast the time of a run: measured steps times their number."""

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from transfer_core import dataset
from transfer_core.cases import HEAD_SETTINGS, Strategy
from transfer_core.dataset import DataSet
from transfer_core.errors import BusyError
from transfer_core.features import get_cache_folder, make_runtime
from transfer_core.languages import _
from transfer_core.networks import (
    SourceNetwork,
    list_head_stages,
    list_kept_stages,
    trains_baseline,
    trains_head_only,
)
from transfer_core.system import Progress, ignore_progress
from transfer_core.timing.cost_cache import load_or_measure_decoding
from transfer_core.timing.step_costs import StepCosts, TimeRange
from transfer_core.timing.strategy_costs import load_or_measure_costs
from transfer_core.training import EMBEDDING_BATCH_SIZE, compute_first_stop, count_batches

SAFETY_FACTOR = 1.7  # a run may be so many times slower or faster; see benchmarks/minutes.py
RUN_SECONDS = 0.2  # that every run takes for its files, its log and its place in the queue


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds of each part of a run, in order."""

    decoding: TimeRange
    embedding: TimeRange
    training: TimeRange  # and building the network, and what every run takes
    validation: TimeRange
    test: TimeRange

    @property
    def total(self) -> TimeRange:
        """Seconds from start to result."""
        return self.decoding + self.embedding + self.training + self.validation + self.test

    def describe(self) -> str:
        """The total for people, such as "20 s to 1 min"."""
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
    progress(_("Timing a few batches, {network}", network=_(source.title)), 0, 1)
    costs = collect_costs(data_set, source, strategy, home, may_measure)
    seconds_per_byte = _load_decoding_cost(data_set, source, home, may_measure)
    embedded = are_embeddings_cached(home, data_set, source, strategy)
    return compute_forecast(data_set, source, strategy, costs, seconds_per_byte, embedded)


def forecast_options(
    data_set: DataSet,
    source: SourceNetwork,
    strategies: dict[str, Strategy],
    home: Path,
    *,
    may_measure: bool = True,
    progress: Progress = ignore_progress,
) -> dict[str, TimeRange]:
    """Forecast the total seconds of several runs; together they time little more than one.

    Args:
        data_set: The images of the runs.
        source: The network at the runs' input size.
        strategies: By key, as from `cases.list_strategies`.
        home: See `forecast_run`.
        may_measure: See there.
        progress: See there.

    Returns:
        Seconds by key. A key is missing where a run trains now and nothing was measured before.
    """
    ranges: dict[str, TimeRange] = {}
    for number, (key, strategy) in enumerate(strategies.items()):
        progress(
            _("Timing a few batches, {network}", network=_(source.title)), number, len(strategies)
        )
        with suppress(BusyError):
            ranges[key] = forecast_run(
                data_set, source, strategy, home, may_measure=may_measure
            ).total
    return ranges


def collect_costs(
    data_set: DataSet,
    source: SourceNetwork,
    strategy: Strategy,
    home: Path,
    may_measure: bool = True,
) -> tuple[StepCosts, ...]:
    """The step costs of each training of a run, measured or from the cache.

    Raises:
        BusyError: See `forecast_run`.
    """
    train, classes = len(data_set.indices("train")), len(data_set.classes)
    return tuple(
        load_or_measure_costs(
            home, source, each, classes, _compute_batch_size(each, train), may_measure
        )
        for each in _list_trainings(source, strategy)
    )


def _load_decoding_cost(
    data_set: DataSet, source: SourceNetwork, home: Path, may_measure: bool
) -> float:
    """Seconds of decoding a byte of image file; 0 if all images are decoded."""
    if dataset.PixelArray(home, data_set, source.transform).is_cached:
        return 0.0
    return load_or_measure_decoding(home, data_set, source, may_measure)


def _compute_batch_size(strategy: Strategy, train: int) -> int:
    """Return the real batch size of a run, whose batches are about equal."""
    return math.ceil(train / count_batches(train, strategy.optimiser.batch_size))


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
    seconds_per_byte: float = 0.0,
    embeddings_cached: bool = False,
) -> Forecast:
    """Multiply the costs of steps by their expected number.

    Args:
        data_set: The images of the run.
        source: The network.
        strategy: The training of the run.
        costs: From `collect_costs` for this strategy.
        seconds_per_byte: Seconds of decoding per byte of image file.
        embeddings_cached: Whether the embeddings are in the cache.
    """
    size = int(data_set.lengths.sum())
    training, validation, embeds = RUN_SECONDS, 0.0, False
    for each, cost in zip(_list_trainings(source, strategy), costs, strict=True):
        frozen = trains_head_only(source, each)
        embeds |= frozen
        epochs = _forecast_epochs(data_set, each, cost, frozen)
        training, validation = training + cost.build + epochs[0], validation + epochs[1]
    embedded = 0 if embeddings_cached else len(data_set.records)
    embedded += strategy.optimiser.views * len(data_set.indices("train"))
    embedding = costs[0].embed * embedded if embeds else 0.0
    # A head is tested on the embeddings, at hardly any cost.
    tested = 0 if trains_head_only(source, strategy) else len(data_set.indices("test"))
    test = costs[0].exact * tested
    return Forecast(*map(widen, (seconds_per_byte * size, embedding, training, validation, test)))


def _forecast_epochs(
    data_set: DataSet, strategy: Strategy, costs: StepCosts, frozen: bool
) -> tuple[float, float]:
    """Expected seconds of the training of all epochs, and of their validations."""
    train, validation = (len(data_set.indices(part)) for part in ("train", "validation"))
    settings = strategy.optimiser
    steps = count_batches(train * (1 + settings.views), settings.batch_size)
    # The end of a head's epoch was timed with one batch; each further one takes half a step.
    further = -(-validation // EMBEDDING_BATCH_SIZE) - 1
    each = costs.step / 2 * further if frozen else costs.image * validation
    # In the middle between the earliest end and the last: heads often stop as early as they may.
    epochs = (compute_first_stop(settings.epochs, settings.patience) + settings.epochs) / 2
    return epochs * (costs.step * steps + costs.epoch), epochs * each


def widen(seconds: float) -> TimeRange:
    """Return the range around the expected seconds of some work in which they mostly lie."""
    return TimeRange(seconds / SAFETY_FACTOR, seconds * SAFETY_FACTOR)


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
    return high if low == high else _("{low} to {high}", low=low, high=high)


def _format_seconds(seconds: float) -> str:
    """Round to what a forecast can know: "8 s", "40 s", "3 min", "1 h 20 min"."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 90:
        return f"{round(seconds / 5) * 5} s"
    if seconds < 600:
        return _("{minutes:g} min", minutes=round(seconds / 30) / 2)
    if seconds < 3600:
        return _("{minutes:g} min", minutes=round(seconds / 60))
    hours, minutes = divmod(round(seconds / 600) * 10, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
