"""Which stages of a source network a strategy keeps, and what is then trained; without torch."""

from dataclasses import replace

from transfer_core.cases import Strategy
from transfer_core.errors import SettingsError
from transfer_core.networks.source_network import SourceNetwork


def list_kept_stages(source: SourceNetwork, strategy: Strategy) -> tuple[str, ...]:
    """Return the names of the stages that the strategy keeps, input to output.

    Raises:
        SettingsError: If the strategy keeps or freezes a stage that the network lacks.
    """
    names = source.stage_names[:-1]
    kept = names[: names.index(strategy.keep_through) + 1] if strategy.keep_through in names else ()
    unknown = set(strategy.frozen) - set(kept)
    if not kept or unknown:
        raise SettingsError(
            "The strategy does not fit the network.",
            found=f"keep through {strategy.keep_through!r}, freeze {sorted(strategy.frozen)}",
            remedy=f"{source.title} can keep any of {', '.join(names)} and freeze what it keeps.",
        )
    return kept


def list_head_stages(source: SourceNetwork, strategy: Strategy) -> tuple[str, ...]:
    """Return the stages whose pooled outputs the head reads, input to output.

    Raises:
        SettingsError: If the strategy does not fit the network.
    """
    kept = list_kept_stages(source, strategy)
    return kept if strategy.approach == "all stages" else kept[-1:]


def trains_head_only(source: SourceNetwork, strategy: Strategy) -> bool:
    """Return whether every stage that the strategy keeps is frozen.

    Raises:
        SettingsError: If the strategy keeps or freezes a stage that the network lacks.
    """
    return set(strategy.frozen) == set(list_kept_stages(source, strategy))


def trains_baseline(source: SourceNetwork, strategy: Strategy) -> bool:
    """Return whether a run trains the head alone first, to compare its own result with."""
    return strategy.initialise == "pretrained" and not trains_head_only(source, strategy)


def resolve_effective_strategy(
    source: SourceNetwork, strategy: Strategy, best_epoch: int | None
) -> Strategy:
    """Return the strategy that describes the final weights of a run.

    Args:
        source: The network.
        strategy: The strategy of the run.
        best_epoch: From the run's event `Ended`. None means that the run was stopped in its first
            phase: only the head was trained. Runs of version 2 and earlier store 0 instead.
    """
    if not best_epoch and trains_baseline(source, strategy):
        return replace(strategy, frozen=list_kept_stages(source, strategy))
    return strategy
