"""Which runs may share their steps among several devices, told before they start."""

from collections.abc import Iterator
from typing import Any

from transfer_core.dataset import DataSet
from transfer_core.errors import SettingsError
from transfer_core.languages import _
from transfer_core.networks import trains_head_only
from transfer_core.runs.engine.executor import RunFunction
from transfer_core.runs.store.records import ReportedEvent
from transfer_core.training import RunConfig, count_batches


def require_shares(config: RunConfig, data_set: DataSet) -> None:
    """Refuse a run on several devices of which one would at times have nothing to do.

    Raises:
        SettingsError: If there are more devices than images in a batch, or the network is to be
            compiled.
    """
    if config.devices == 1:
        return
    if config.compiled:
        raise SettingsError(
            _("A network that is translated first (torch.compile) trains on one device."),
            found=_("devices: {count}", count=config.devices),
            remedy=_("Leave one of the two out."),
        )
    images, size = len(data_set.indices("train")), config.strategy.optimiser.batch_size
    smallest = images  # are embedded
    if not trains_head_only(config.source(), config.strategy):
        smallest = images // count_batches(images, size)
    if smallest < config.devices:
        raise SettingsError(
            _("There are more devices than images in a batch."),
            found=_("devices: {count}", count=config.devices),
            remedy=_("Choose at most {count} devices, or larger batches.", count=smallest),
        )


def require_devices(config: RunConfig, most: int) -> None:
    """Refuse a run on more devices than it may have where it would be performed.

    Args:
        config: Of the run.
        most: Devices of a run, at most; 1 where runs share a process, which would end with the
            first rank that ends.

    Raises:
        SettingsError: If there are too few.
    """
    if config.devices > most:
        raise SettingsError(
            _("This run needs more devices than a run may have here."),
            found=_("devices: {count}", count=config.devices),
            remedy=_("Choose at most {count}.", count=most),
        )


def refuse_several_devices(run_function: RunFunction) -> RunFunction:
    """Let no thread perform a run that another engine took for several devices."""

    def perform(config: RunConfig, *given: Any) -> Iterator[ReportedEvent]:
        require_devices(config, 1)
        return run_function(config, *given)

    return perform
