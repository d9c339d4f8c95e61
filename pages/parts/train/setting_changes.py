"""The settings that are not the usual ones of this way to train, seen with the form folded."""

import streamlit as st

from pages.parts.train.settings_form import FIELDS, RunSettings
from transfer_core.languages import _
from transfer_core.networks import trains_head_only
from transfer_core.settings import SettingField


def show_changes(settings: RunSettings, usual: RunSettings) -> None:
    """Name in one line each setting that is not the usual one; nothing if all are.

    Args:
        settings: Of the form, as it was sent last.
        usual: What the way to train begins with.
    """
    head_only = trains_head_only(settings.source, settings.strategy)
    changed = [
        field
        for field in FIELDS
        if field.setting.applies(head_only) and settings.get(field.name) != usual.get(field.name)
    ]
    if changed:
        named = "; ".join(_describe_change(each, settings, usual) for each in changed)
        st.caption(_(":material/tune: Not as usual: {settings}.", settings=named))


def _describe_change(field: SettingField, settings: RunSettings, usual: RunSettings) -> str:
    now, before = (_format(field, each.get(field.name)) for each in (settings, usual))
    return _(
        "**{name}** {now} (usual: {usual})", name=_(field.setting.label), now=now, usual=before
    )


def _format(field: SettingField, value: bool | int | float) -> str:
    """A value in the reader's language, with its unit."""
    if field.type is bool:
        return _("yes") if value else _("no")
    number = _("{value:g}", value=value)
    return f"{number} {_(field.setting.unit)}".rstrip()
