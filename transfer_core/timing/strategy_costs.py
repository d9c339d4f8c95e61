"""The costs of a strategy's steps, put together from measurements that strategies share."""

from dataclasses import replace
from pathlib import Path

from transfer_core.cases import Strategy
from transfer_core.networks import (
    SourceNetwork,
    list_head_stages,
    list_kept_stages,
    trains_head_only,
)
from transfer_core.system import choose_device
from transfer_core.timing.cost_cache import (
    load_or_measure_head_training,
    load_or_measure_network,
    load_or_measure_whole_training,
)
from transfer_core.timing.step_costs import NetworkCosts, StepCosts, TrainingCosts
from transfer_core.training import choose_step_format

HEAD_FEATURES = (256, 16_384)  # inputs of the heads that are timed; between them a straight line


def load_or_measure_costs(
    home: Path,
    source: SourceNetwork,
    strategy: Strategy,
    num_classes: int,
    batch: int,
    may_measure: bool = True,
) -> StepCosts:
    """Seconds that the steps of a strategy take on this computer.

    A network's forward pass is timed once, and its training once, whatever a strategy keeps,
    freezes and starts from. What a strategy leaves out is then left out by calculation: a cut by
    the time that each stage took, partial tuning by `compute_training_share`.

    Args:
        home: The data folder, where the measurements are kept.
        source: The network at the run's input size.
        strategy: Frozen and trained stages, and how they are trained.
        num_classes: Number of classes C.
        batch: Images in a batch of the run.
        may_measure: False takes what was measured before, however long ago.

    Raises:
        BusyError: If something was never measured before, and may not be or a run trains.
    """
    network = load_or_measure_network(home, source, may_measure)
    kept = list_kept_stages(source, strategy)
    if trains_head_only(source, strategy):
        training = _load_head_costs(home, network, source, strategy, num_classes, may_measure)
    else:
        training = _load_whole_costs(home, network, source, strategy, may_measure)
    share = sum(network.shares[name] for name in kept)
    return StepCosts(
        network.build,
        training.validation * share,
        network.exact * share,
        network.embed * share,
        training.step + training.image * batch,
        training.epoch,
    )


def _load_head_costs(
    home: Path,
    network: NetworkCosts,
    source: SourceNetwork,
    strategy: Strategy,
    num_classes: int,
    may_measure: bool,
) -> TrainingCosts:
    """Costs of the head's training; at the end of an epoch the frozen stages are checked too."""
    kept, batch = list_kept_stages(source, strategy), strategy.optimiser.batch_size
    inputs = sum(network.features[name] for name in list_head_stages(source, strategy))
    timed = (
        load_or_measure_head_training(home, features, num_classes, batch, may_measure)
        for features in HEAD_FEATURES
    )
    costs = interpolate_head_costs(inputs, *timed)
    return replace(costs, epoch=costs.epoch + sum(network.checks[name] for name in kept))


def _load_whole_costs(
    home: Path,
    network: NetworkCosts,
    source: SourceNetwork,
    strategy: Strategy,
    may_measure: bool,
) -> TrainingCosts:
    """Costs of the network's training, less what the strategy does not train."""
    step_format = choose_step_format(source, choose_device())
    augment = strategy.optimiser.augment
    costs = load_or_measure_whole_training(home, source, step_format, augment, may_measure)
    kept = list_kept_stages(source, strategy)
    share = compute_training_share(network.shares, kept, strategy.frozen)
    return replace(costs, step=costs.step * share, image=costs.image * share)


def interpolate_head_costs(
    features: int, smallest: TrainingCosts, largest: TrainingCosts
) -> TrainingCosts:
    """Return the costs of a head with so many inputs, on the line through the two timed heads."""
    low, high = HEAD_FEATURES
    share = max(0.0, (features - low) / (high - low))
    return TrainingCosts(
        smallest.step + share * max(0.0, largest.step - smallest.step),
        0.0,
        smallest.epoch + share * max(0.0, largest.epoch - smallest.epoch),
        0.0,
    )


def compute_training_share(
    shares: dict[str, float], kept: tuple[str, ...], frozen: tuple[str, ...]
) -> float:
    """Return the time of a training step as a share of a step that trains every stage.

    A stage takes its forward pass, as long again for the gradient of its weights if it is
    trained, and as long again for the gradient of its inputs if an earlier stage is trained.

    Args:
        shares: Share of each stage in the time of a forward pass.
        kept: Names of the kept stages, input to output.
        frozen: Names of those whose weights do not change.
    """

    def count_passes(still: tuple[str, ...]) -> float:
        passes, has_trained = 0.0, False
        for name in kept:
            passes += shares[name] * (1 + (name not in still) + has_trained)
            has_trained |= name not in still
        return passes

    return count_passes(frozen) / count_passes(())
