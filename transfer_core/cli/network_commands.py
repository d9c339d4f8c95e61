"""The command for source networks: list them, compare them on images, or add own weights."""

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.cli.console import AddCommand, print_json, show_progress
from transfer_core.cli.data_commands import ingest
from transfer_core.dataset import DataSet
from transfer_core.networks import (
    DEFAULT_NETWORK,
    SourceNetwork,
    describe_commercial_use,
    get_network,
    get_weights_status,
    list_networks,
)
from transfer_core.system import get_home
from transfer_core.transferability import NetworkScore, rank_networks

TIMED_CASES = (TransferCase.SMALL_SIMILAR, TransferCase.LARGE_SIMILAR)


def add_commands(add: AddCommand) -> None:
    """Add this command to the parser."""
    command = add("networks", print_networks, "the source networks")
    command.add_argument("--add", metavar="FILE.safetensors", type=Path, help="your own weights")
    command.add_argument(
        "--on",
        metavar="DATA",
        help="compare the networks on this computer on images: zip, folder or sample:NAME",
    )
    command.add_argument("--of", default=DEFAULT_NETWORK, metavar="N", help="their network")


def print_networks(options: Namespace) -> int:
    """List the source networks, or add one with a person's own weights."""
    if options.on:
        return compare_networks(options)
    listed = list_networks()
    if options.add:
        from transfer_core.networks import import_weights  # brings torch

        listed = (import_weights(options.add, get_network(options.of)),)
    for network in listed:
        if options.json:
            print_json(
                name=network.name,
                stages=network.stage_names,
                input_size=network.input_size,
                weights=get_weights_status(network),
            )
        else:
            print(f"{network.name}: {network.title}, weights {get_weights_status(network)}")
            print(f"  {_describe_network(network)}; stages {', '.join(network.stage_names)}")
    return 0


def compare_networks(options: Namespace) -> int:
    """Print every network on this computer by what it is worth on a data set, best first."""
    data_set = ingest(options.on)
    ranking = rank_networks(data_set, get_home(), progress=show_progress)
    for score in ranking.scores:
        is_best = score.network == ranking.best
        minutes = {} if score.error else _forecast_minutes(data_set, get_network(score.network))
        if options.json:
            print_json(**_collect_score(score, minutes), best=is_best, images=ranking.images)
        else:
            print(_describe_score(score, minutes) + (", take this one" if is_best else ""))
    if ranking.equal and not options.json:
        print(f"May be no better, and are larger: {', '.join(ranking.equal)}")
    return 0


def _forecast_minutes(data_set: DataSet, source: SourceNetwork) -> dict[int, tuple[float, float]]:
    """Return the least and the most minutes that case 1 and case 3 take on this computer."""
    from transfer_core.timing import forecast_run  # brings torch

    ranges = {}
    for case in TIMED_CASES:
        strategy = plan_strategy(case, source.stage_names, kind=source.kind)
        seconds = forecast_run(data_set, source, strategy, get_home(), progress=show_progress).total
        ranges[case.value] = seconds.low / 60, seconds.high / 60
    return ranges


def _collect_score(score: NetworkScore, minutes: dict[int, tuple[float, float]]) -> dict:
    source, known = get_network(score.network), asdict(score) | {"minutes": minutes}
    unknown = {"accuracy", "low", "high", "minutes"} if score.error else {"error"}
    return {name: value for name, value in known.items() if name not in unknown} | {
        "weights_million": source.card["parameters"] / 1e6,
        "commercial_use": describe_commercial_use(source),
    }


def _describe_score(score: NetworkScore, minutes: dict[int, tuple[float, float]]) -> str:
    if score.error:
        return f"{score.network}: {score.error}"
    times = ", ".join(
        f"case {case} {low:.1f} to {high:.1f} minutes" for case, (low, high) in minutes.items()
    )
    source = get_network(score.network)
    return (
        f"{source.name}: {score.accuracy:.1%} right ({score.low:.1%} to {score.high:.1%}), "
        f"{times}, {source.card['parameters'] / 1e6:.1f} million weights, "
        f"commercial use: {describe_commercial_use(source)}"
    )


def _describe_network(network: SourceNetwork) -> str:
    card = network.card
    accuracy = f"ImageNet accuracy {card['accuracy']:.1%}, " if "accuracy" in card else ""
    return (
        f"{accuracy}{card['operations']:g} billion multiplications an image, "
        f"{card['file_size']:,.0f} MB, {network.input_size} pixels"
    )
