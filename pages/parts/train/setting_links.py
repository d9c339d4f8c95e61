"""Settings of a run in the address, so that a link gives another person the same form."""

from pages.shared import session
from transfer_core.settings import SettingField

PREFIX = "set_"  # of the parts of the address


def read_setting(field: SettingField, default: bool | int | float) -> bool | int | float:
    """The value of a setting in the address, if it is one that can be typed; else the default."""
    text = session.get_requested(PREFIX + field.name)
    if text is None:
        return default
    if field.type is bool:
        return {"True": True, "False": False}.get(text, default)
    try:
        value = field.type(text)
    except ValueError:
        return default
    return value if field.minimum <= value <= field.maximum else default


def write_setting(field: SettingField, value: object, default: object) -> None:
    """Write a setting that differs from the default into the address."""
    session.write_to_url(PREFIX + field.name, None if value == default else str(value))


def forget_settings() -> None:
    """Remove all settings from the address."""
    session.drop_from_url(PREFIX)
