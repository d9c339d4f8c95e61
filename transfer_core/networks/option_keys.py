"""Options of a source network by their keys, and the same option on another network."""

from transfer_core.cases import Strategy, TransferCase, list_strategies, plan_strategy
from transfer_core.errors import SettingsError
from transfer_core.networks.source_network import SourceNetwork


def find_strategy(source: SourceNetwork, key: str) -> Strategy:
    """Return the strategy of a network with this key of `cases.list_strategies`.

    Raises:
        SettingsError: If there is none; it names the keys.
    """
    strategies = list_strategies(source.stage_names, source.kind)
    if key not in strategies:
        raise SettingsError(
            "No option has this key.",
            found=key,
            remedy=f"{source.title} has the options {', '.join(strategies)}.",
        )
    return strategies[key]


def plan_same_option(strategy: Strategy, source: SourceNetwork) -> Strategy:
    """Return the strategy that does the same to another network; case 2 cuts at its usual stage."""
    if strategy.approach != "textbook":
        return find_strategy(source, strategy.key)
    start = strategy.initialise if strategy.case == TransferCase.LARGE_DIFFERENT else None
    return plan_strategy(strategy.case, source.stage_names, kind=source.kind, initialise=start)
