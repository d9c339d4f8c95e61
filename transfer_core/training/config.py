"""`RunConfig`: all that is needed to repeat a run."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from transfer_core.cases import Strategy
from transfer_core.networks import SourceNetwork, get_network
from transfer_core.system.devices import Device
from transfer_core.system.precision import Precision


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A run's specification: plain values only, so it can be stored, sent and compared."""

    data_id: str  # of a data set in the store; the split is part of it
    network: str  # name in the catalog
    strategy: Strategy
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    versions: dict[str, str]  # transfer_core, torch, its threads, the network's weights
    precision: Precision = "float32"  # that a whole network's steps are computed in
    device: Device = "cpu"  # that they are computed on
    channels_last: bool = True  # whether a whole network lies in memory so
    compiled: bool = False  # whether torch.compile translated the whole network first
    # Pixels, side of the square input; None is the network's own.
    input_size: Annotated[int, Field(ge=32, le=1024)] | None = None

    def source(self) -> SourceNetwork:
        """The source network as the run uses it.

        Raises:
            NetworkError: If the catalog no longer has it.
        """
        return get_network(self.network).with_input_size(self.input_size)
