"""Source networks: what can be transferred from, described as ordered named stages."""

from transfer_core.networks.catalog import DEFAULT_NETWORK, get_network, list_networks
from transfer_core.networks.source_network import SourceNetwork, Stage

__all__ = ["DEFAULT_NETWORK", "SourceNetwork", "Stage", "list_networks", "get_network"]
