"""Source networks: what can be transferred from, described as ordered named stages."""

from transfer_core.networks.catalog import SourceNetwork, Stage, catalog, get

__all__ = ["SourceNetwork", "Stage", "catalog", "get"]
