"""Restore the network that a run trained."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from transfer_core import images
from transfer_core.errors import RunError
from transfer_core.languages import N_, _
from transfer_core.networks import SourceNetwork, adapt, init_empty_weights, upgrade_head_name
from transfer_core.runs import RunDirectory, RunRecord, RunStore


@dataclass(frozen=True)
class TrainedNetwork:
    """The network that a run trained."""

    network: nn.Sequential  # normalised images (B, 3, H, W) to logits (B, C), eval mode
    source: SourceNetwork
    classes: tuple[str, ...]
    record: RunRecord

    @property
    def transform(self) -> images.Transform:
        """The preprocessing from an image to the network's input."""
        return self.source.transform


def load_trained_network(home: Path, run_id: str) -> TrainedNetwork:
    """Restore the network of a run.

    Raises:
        RunError: If no run has this id, or it has no result.
    """
    record, directory = open_run(home, run_id)
    weights = require_file(directory.weights_file, record, N_("trained network"))
    config, source = record.config, record.config.source()
    classes = tuple(each.name for each in record.result.per_class)
    # All weights come from the run, so that the source's need not be on this machine.
    strategy = replace(config.strategy, initialise="random")
    with init_empty_weights():
        network = adapt(source, strategy, len(classes), config.seed)
    # Copies, because torch lays them out in memory; the rounding of sums depends on the layout.
    with translate_damage(weights):
        read = upgrade_head_name(load_file(weights))
        state = {name: value.clone() for name, value in read.items()}
        network.load_state_dict(state, assign=True)
    return TrainedNetwork(network.eval(), source, classes, record)


def build_initial_network(record: RunRecord) -> nn.Sequential:
    """Build the network as a run began: its initial weights and its new layer, in eval mode.

    Args:
        record: A run with a result.

    Raises:
        NetworkError: If the pre-trained weights are not on this computer.
    """
    config = record.config
    return adapt(config.source(), config.strategy, len(record.result.per_class), config.seed)


def open_run(home: Path, run_id: str) -> tuple[RunRecord, RunDirectory]:
    """Return the record and the directory of a run; RunError if no run has this id."""
    with closing(RunStore(home)) as store:
        return store.get(run_id), RunDirectory.locate(home, run_id)


def require_file(file: Path, record: RunRecord, what: str) -> Path:
    """Return a file of a run with a result; RunError, which names what is missing, without it."""
    if record.result is None or not file.is_file():
        raise RunError(
            _("This run has no {file}.", file=_(what)),
            found=_("run {id} is {state}", id=record.id, state=_(record.state.value)),
            remedy=_("Choose a run that has finished, or train one."),
        )
    if RunDirectory(file.parent).is_damaged(file):
        raise _make_damage_error(file)
    return file


@contextmanager
def translate_damage(file: Path) -> Iterator[None]:
    """Raise a RunError if a file of a run cannot be read, though it has no hash that says so."""
    try:
        yield
    except Exception as error:  # NumPy, safetensors and torch raise many kinds on damaged bytes
        raise _make_damage_error(file) from error


def _make_damage_error(file: Path) -> RunError:
    return RunError(
        _("A file of this run is damaged on the disk."),
        found=f"runs/{file.parent.name}/{file.name}",
        remedy=_("Train it again with the same settings, or bring it in from a bundle."),
    )
