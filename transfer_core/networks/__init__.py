"""Source networks: what can be transferred from, described as ordered named stages."""

from transfer_core.networks.catalog import DEFAULT, catalog, get
from transfer_core.networks.source_network import SourceNetwork, Stage

__all__ = ["DEFAULT", "SourceNetwork", "Stage", "catalog", "get"]
