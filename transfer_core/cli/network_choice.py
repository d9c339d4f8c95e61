"""The network of a command: the one that was named, or the one that the data set starts with."""

import sys

from transfer_core.cli.console import show_progress
from transfer_core.dataset import DataSet, is_sample
from transfer_core.networks import (
    SourceNetwork,
    choose_starting_network,
    describe_missing_photo_network,
    download_weights,
    get_network,
    has_weights,
)
from transfer_core.system import get_home


def select_network(name: str | None, data_set: DataSet) -> SourceNetwork:
    """Return the network of this name, or the one that the data set starts with, told on stderr."""
    if name:
        return get_network(name)
    network = choose_starting_network(get_home(), data_set.id)
    print(f"From: {network.title}; --network takes another", file=sys.stderr)
    missing = describe_missing_photo_network()
    if missing and not is_sample(get_home(), data_set.id):
        print(*missing, sep="\n", file=sys.stderr)
    return network


def fetch_network(name: str | None, data_set: DataSet) -> SourceNetwork:
    """Return the network of `select_network`; download its weights if they are not here."""
    network = select_network(name, data_set)
    if not has_weights(network):
        print(f"The weights of {network.title}: {network.card['licence']}", file=sys.stderr)
    download_weights(
        network,
        progress=show_progress,
    )
    return get_network(network.name)  # with the hash of what came
