"""`RunConfig`: all that is needed to repeat a run."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from transfer_core.cases import Strategy
from transfer_core.languages import N_
from transfer_core.networks import SourceNetwork, get_network, trains_head_only
from transfer_core.settings import OptimiserSettings, Setting, SettingField, list_settings
from transfer_core.system import Device, Precision


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A run's specification: plain values only, so it can be stored, sent and compared."""

    data_id: str  # of a data set in the store; the split is part of it
    network: str  # name in the catalog
    strategy: Strategy
    seed: Annotated[
        int,
        Field(ge=0, lt=2**31),
        Setting(
            label=N_("Seed"),
            help=N_("Where chance begins: the same seed repeats the same run on the same machine."),
            code="generator = torch.Generator().manual_seed({})",
        ),
    ]
    versions: dict[str, str]  # transfer_core, torch, its threads, the network's weights
    precision: Precision = "float32"  # of a whole network's training steps
    device: Device = "cpu"  # where the training steps are computed
    channels_last: bool = True  # memory format of a whole network
    compiled: Annotated[
        bool,
        Setting(
            label=N_("Translate the network for the GPU first (torch.compile)"),
            help=N_(
                "Takes a minute or more, then each step takes less time: worth it in long "
                "trainings."
            ),
            code="if {}: network.compile()",
            applies_to="more",
        ),
    ] = False
    input_size: (
        Annotated[
            int,
            Field(ge=32, le=1024),
            Setting(
                label=N_("Input size, in pixels a side"),
                help=N_(
                    "Fewer pixels are less work and show less. With EfficientNet-Lite0, 128 in "
                    "place of 224 pixels took about a third of the time and cost one to two "
                    "points of accuracy on sharp photos, two to eight on scans, none on photos of "
                    "64 pixels."
                ),
                code="transform = Transform({})",
                unit=N_("pixels"),
            ),
        ]
        | None
    ) = None  # the network's own
    devices: Annotated[int, Field(ge=1, le=1024)] = 1  # that share each step, a process for each

    def source(self) -> SourceNetwork:
        """The source network as the run uses it.

        Raises:
            NetworkError: If the catalog no longer has it.
        """
        return get_network(self.network).with_input_size(self.input_size)


def list_setting_values(config: RunConfig) -> tuple[tuple[SettingField, object], ...]:
    """Every declared setting that has an effect on a run, with its value."""
    strategy, head_only = config.strategy, trains_head_only(config.source(), config.strategy)
    parts = ((OptimiserSettings, strategy.optimiser), (Strategy, strategy), (RunConfig, config))
    return tuple(
        (field, value)
        for kind, part in parts
        for field in list_settings(kind)
        if field.setting.applies(head_only) and (value := getattr(part, field.name)) is not None
    )
