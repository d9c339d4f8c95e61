"""The command for source networks: list them, or add one with a person's own weights."""

import sys
from argparse import Namespace
from pathlib import Path

from transfer_core.cli.console import AddCommand, print_json, show_progress
from transfer_core.networks import (
    DEFAULT_NETWORK,
    SourceNetwork,
    download_weights,
    get_network,
    get_weights_status,
    has_weights,
    list_networks,
)


def add_commands(add: AddCommand) -> None:
    """Add this command to the parser."""
    command = add("networks", print_networks, "the source networks")
    command.add_argument("--add", metavar="FILE.safetensors", type=Path, help="your own weights")
    command.add_argument("--of", default=DEFAULT_NETWORK, metavar="N", help="their network")


def print_networks(options: Namespace) -> int:
    """List the source networks, or add one with a person's own weights."""
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


def fetch_network(name: str) -> SourceNetwork:
    """Return the source network of this name; download its weights if they are not here."""
    network = get_network(name)
    if not has_weights(network):
        print(f"The weights of {network.title}: {network.card['licence']}", file=sys.stderr)
    download_weights(
        network,
        progress=show_progress,
    )
    return get_network(name)  # with the hash of what came


def _describe_network(network: SourceNetwork) -> str:
    card = network.card
    accuracy = f"ImageNet accuracy {card['accuracy']:.1%}, " if "accuracy" in card else ""
    return (
        f"{accuracy}{card['operations']:g} billion multiplications an image, "
        f"{card['file_size']:,.0f} MB, {network.input_size} pixels"
    )
