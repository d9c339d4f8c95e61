"""The settings of several runs side by side, and which of them differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from transfer_core.cases import Strategy, TransferCase
from transfer_core.settings import OptimiserSettings, list_settings
from transfer_core.training.config import RunConfig

LABELS = {
    field.name.replace("_", " "): field.setting.label
    for kind in (OptimiserSettings, Strategy, RunConfig)
    for field in list_settings(kind)
}
ABSENT = "–"  # a setting that a run does not have


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting of each run."""

    name: str
    values: tuple[str, ...]  # in words, one for each run

    @property
    def label(self) -> str:
        """The name that the Train page shows, if the setting has one there."""
        return LABELS.get(self.name, self.name)

    @property
    def differs(self) -> bool:
        """Whether the runs have different values."""
        return len(set(self.values)) > 1


def compare_settings(
    configs: Sequence[RunConfig], data_names: Mapping[str, str] | None = None
) -> tuple[SettingRow, ...]:
    """Collect every setting of some runs.

    Args:
        configs: The configuration of each run.
        data_names: Names of the data sets by their ids; without a name the id is shown.
    """
    described = [describe_settings(config, data_names) for config in configs]
    names = dict.fromkeys(name for settings in described for name in settings)  # in their order
    return tuple(
        SettingRow(name, tuple(settings.get(name, ABSENT) for settings in described))
        for name in names
    )


def describe_settings(
    config: RunConfig, data_names: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Every setting of a run in words, by its name; arguments as for `compare_settings`."""
    return dict(_flatten_settings(asdict(config), data_names or {}))


def _flatten_settings(
    values: Mapping[str, Any], data_names: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if name == "versions":
            for part, version in value.items():
                yield f"version of {part.replace('_', ' ')}", version[:20]
        elif isinstance(value, Mapping):
            yield from _flatten_settings(value, data_names)
        elif name == "data_id":
            known = data_names.get(value)
            yield "data set", f"{known} ({value[:6]})" if known else value
        else:
            yield name.replace("_", " "), _format_value(value)


def _format_value(value: Any) -> str:
    if isinstance(value, TransferCase):
        return value.title
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        return ", ".join(map(_format_value, value)) or "nothing"
    return ABSENT if value is None else str(value)
