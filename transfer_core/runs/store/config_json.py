"""The configuration of a run as JSON, and the check that every setting is allowed."""

import json
from dataclasses import asdict, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from transfer_core.errors import SettingsError
from transfer_core.languages import _
from transfer_core.settings import describe_bounds
from transfer_core.training import RunConfig

_ADAPTER = TypeAdapter(RunConfig)

# Version of the JSON, stored in it. Increase it when a setting is renamed or changes its
# meaning, and say in `upgrade_config` what an older configuration becomes. A new setting needs
# a default only, a removed one nothing: both leave the version as it is.
CONFIG_VERSION = 3


def to_json(config: RunConfig) -> str:
    """Return the configuration as one JSON object.

    Raises:
        SettingsError: If a setting is not allowed; the message names it, its value and
            the allowed values.
    """
    # A value that JSON has no type for becomes text, and the strict check refuses it by name.
    text = json.dumps({"version": CONFIG_VERSION} | asdict(config), default=str)
    from_json(text)
    return text


def from_json(text: str) -> RunConfig:
    """Return the configuration that a JSON object of this or an older version describes.

    Raises:
        SettingsError: As for `to_json`.
    """
    try:
        return _ADAPTER.validate_json(json.dumps(upgrade_config(json.loads(text))), strict=True)
    except ValidationError as error:
        raise _make_settings_error(error) from None


def upgrade_config(values: dict[str, Any]) -> dict[str, Any]:
    """Rename the settings of a configuration that an older version stored.

    Args:
        values: The JSON object; one without a "version" was written by version 2.

    Returns:
        A new object without the key "version".
    """
    values = dict(values)
    if values.pop("version", 2) < 3 and "number_format" in values:
        values["precision"] = values.pop("number_format")
    return values


def _make_settings_error(error: ValidationError) -> SettingsError:
    first = error.errors(include_url=False)[0]
    path = tuple(str(part) for part in first["loc"])
    name = path[-1].replace("_", " ") if path else "configuration"
    return SettingsError(
        _("The {name} is not a setting that can be run.", name=name),
        found=f"{'.'.join(path) or 'configuration'} = {str(first['input'])[:80]}",
        remedy=_("Set it to {allowed}.", allowed=_describe_allowed_values(path) or first["msg"]),
    )


def _describe_allowed_values(path: tuple[str, ...]) -> str:
    """Describe the allowed values of a setting; "" if its type says no more than the error."""
    hint: Any = RunConfig
    for part in path:
        hints = get_type_hints(hint, include_extras=True) if is_dataclass(hint) else {}
        hint = hints.get(part)
    if get_origin(hint) is Literal:
        return _("one of {names}", names=", ".join(get_args(hint)))
    return describe_bounds(hint)
