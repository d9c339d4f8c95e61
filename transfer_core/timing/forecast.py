"""How long a run will take: measured steps, times how many of them it will take."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from transfer_core import dataset
from transfer_core.cases import NEW_LAYER, OptimiserSettings, Strategy
from transfer_core.dataset import DataSet
from transfer_core.features.embedding_cache import cache_folder
from transfer_core.networks import SourceNetwork
from transfer_core.networks.surgery import kept_stages
from transfer_core.system.devices import best_device
from transfer_core.system.precision import fastest
from transfer_core.timing.cost_cache import costs, decoding_costs
from transfer_core.timing.measurement import Costs, Spread
from transfer_core.training.data_loaders import ROWS, batches

MARGIN = 1.5  # times slower or faster than measured; see `benchmarks/minutes.py`
NOTHING = Spread(0, 0)

Progress = Callable[[str, int, int], None]  # what is done, done, total


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long a run takes, in seconds, in the order of its parts."""

    decoding: Spread
    embedding: Spread
    training: Spread  # and building the network
    validation: Spread
    test: Spread

    @property
    def total(self) -> Spread:
        """From its start to its result; the least where training stops as early as it may."""
        return self.decoding + self.embedding + self.training + self.validation + self.test

    def in_words(self) -> str:
        """The total for people."""
        return in_words(self.total)


def forecast(
    data_set: DataSet,
    source: SourceNetwork,
    strategy: Strategy,
    home: Path,
    *,
    progress: Progress | None = None,
) -> Forecast:
    """Measure the steps that a run would take, unless that was done lately, and count them.

    Args:
        data_set: The images of the run.
        source: The network at the run's input size; its weights need not be here.
        strategy: What the run would do.
        home: Where caches lie: what is in them already is not done again.
        progress: Called with what is done, done and total; may raise to end the work.
    """
    report = progress or (lambda what, done, total: None)
    taken = costs_of(data_set, source, strategy, home, report)
    byte = NOTHING
    if not dataset.Pixels(home, data_set, source.transform).kept:
        byte = decoding_costs(home, data_set, source)
    embedded = is_embedded(home, data_set, source, strategy.keep_through)
    return reckon(data_set, source, strategy, taken, byte, embedded)


def costs_of(
    data_set: DataSet, source: SourceNetwork, strategy: Strategy, home: Path, report: Progress
) -> tuple[Costs, ...]:
    """What the steps of each training cost that a strategy is made of; see `_trainings`."""
    trainings, measured = _trainings(source, strategy), []
    for number, each in enumerate(trainings):
        report(f"Timing a few batches, {source.title}", number, len(trainings))
        taken = _in_equal_batches(each, len(data_set.indices("train")))
        number_format = fastest(best_device())
        measured.append(costs(home, source, taken, len(data_set.classes), number_format))
    return tuple(measured)


def _in_equal_batches(strategy: Strategy, train: int) -> Strategy:
    """With the batches that a run makes of its training images, see `feeds.shuffled`."""
    size = math.ceil(train / batches(train, strategy.optimiser.batch_size))
    return replace(strategy, optimiser=replace(strategy.optimiser, batch_size=size))


def _trainings(source: SourceNetwork, strategy: Strategy) -> tuple[Strategy, ...]:
    """The strategy itself, and the new layer alone where it may fall back on that."""
    if not strategy.fall_back:
        return (strategy,)
    frozen = kept_stages(source, strategy)
    return strategy, replace(strategy, frozen=frozen, optimiser=NEW_LAYER, fall_back=False)


def reckon(
    data_set: DataSet,
    source: SourceNetwork,
    strategy: Strategy,
    measured: tuple[Costs, ...],
    byte: Spread = NOTHING,
    embedded: bool = False,
) -> Forecast:
    """Count the steps of a run.

    Args:
        data_set: The images of the run.
        source: The network.
        strategy: What the run would do.
        measured: From `costs_of`, of this strategy.
        byte: Seconds that decoding a byte takes.
        embedded: Whether the embeddings are kept already.
    """
    size = sum(record.length for record in data_set.records)
    training, validation, embeds = NOTHING, NOTHING, False
    for each, taken in zip(_trainings(source, strategy), measured, strict=True):
        frozen = each.frozen == kept_stages(source, each)
        embeds |= frozen
        counted = _epochs(data_set, each, taken, frozen)
        training, validation = training + taken.build + counted[0], validation + counted[1]
    own = measured[0]
    embedding = own.image * len(data_set.records) if embeds and not embedded else NOTHING
    views = strategy.optimiser.views * len(data_set.indices("train")) if embeds else 0
    embedding = embedding + own.image * views
    test = own.exact * len(data_set.indices("test"))
    parts = byte * size, embedding, training, validation, test
    return Forecast(*(Spread(part.low / MARGIN, part.high * MARGIN) for part in parts))


def _epochs(
    data_set: DataSet, strategy: Strategy, taken: Costs, frozen: bool
) -> tuple[Spread, Spread]:
    """Seconds of all epochs' training, and of their validations."""
    train, validation = (len(data_set.indices(part)) for part in ("train", "validation"))
    least, most = epochs(strategy.optimiser, strategy.fall_back)
    steps = batches(train * (1 + strategy.optimiser.views), strategy.optimiser.batch_size)
    epoch = taken.step * steps + taken.epoch
    # The end of an epoch was timed with one batch; each further one takes less than a step.
    embedded = Spread(0, taken.step.high * (-(-validation // ROWS) - 1))
    once = embedded if frozen else taken.image * validation
    validations = strategy.fall_back  # of the new layer trained alone
    return (
        Spread(epoch.low * least, epoch.high * most),
        Spread(once.low * (least + validations), once.high * (most + validations)),
    )


def epochs(settings: OptimiserSettings, fall_back: bool) -> tuple[int, int]:
    """The fewest and the most epochs that a training may take.

    It stops early where no epoch lowers the validation loss of the first, or of the new layer
    trained alone where it may fall back on that.
    """
    return min(settings.epochs, settings.patience + (not fall_back)), settings.epochs


def is_embedded(home: Path, data_set: DataSet, source: SourceNetwork, stage: str) -> bool:
    """Whether a run would find the data set's embeddings computed already."""
    everything = np.arange(len(data_set.records))
    folder = cache_folder(
        home, data_set.id, source, source.transform.key, everything, fastest(best_device())
    )
    return (folder / f"{stage}.npy").is_file()


def in_words(seconds: Spread) -> str:
    """A range of time for people: "20 s to 3 min"; one number where both are the same."""
    low, high = _rounded(seconds.low), _rounded(seconds.high)
    return high if low == high else f"{low} to {high}"


def _rounded(seconds: float) -> str:
    """In steps that a forecast can tell apart: "8 s", "40 s", "3 min", "1 h 20 min"."""
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
