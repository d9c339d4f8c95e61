"""The settings of a run as options of the command line, from their declarations."""

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from dataclasses import replace

from transfer_core.cases import Strategy
from transfer_core.errors import SettingsError
from transfer_core.networks import SourceNetwork, trains_head_only
from transfer_core.settings import OptimiserSettings, SettingField, list_settings

OPTIMISER_FIELDS = list_settings(OptimiserSettings)
STRATEGY_FIELDS = (*OPTIMISER_FIELDS, *list_settings(Strategy))
SCOPES = {
    "head": "cases 1 and 2, all-stages",
    "more": "cases 3 and 4, last-stages, first-stages",
    "both": "all",
}


def add_setting_options(command: ArgumentParser, *, only: str | None = None) -> None:
    """Add an option for each declared setting, or for the one of this name only."""
    for field in STRATEGY_FIELDS:
        if only in (None, field.name):
            _add_option(command, field)


def _add_option(command: ArgumentParser, field: SettingField) -> None:
    about = field.setting
    text = f"{about.label} ({SCOPES[about.applies_to]}). {about.help}".replace("%", "%%")
    if field.type is bool:
        command.add_argument(field.option, action=BooleanOptionalAction, default=None, help=text)
    else:
        command.add_argument(field.option, type=field.type, metavar="N", help=text)


def check_settings_apply(source: SourceNetwork, strategy: Strategy, options: Namespace) -> None:
    """Refuse an option that would have no effect on this strategy."""
    head_only = trains_head_only(source, strategy)
    for field in STRATEGY_FIELDS:
        value, about = getattr(options, field.name), field.setting
        if value and not about.applies(head_only):
            raise SettingsError(
                f"“{about.label}” has an effect only in: {SCOPES[about.applies_to]}.",
                found=f"{field.option} {value} with {strategy.title.lower()}",
                remedy=f"Leave {field.option} out.",
            )


def override_settings(strategy: Strategy, options: Namespace) -> Strategy:
    """Return the strategy with the settings that were given as options."""
    given = {
        field.name: value
        for field in STRATEGY_FIELDS
        if (value := getattr(options, field.name, None)) is not None
    }
    optimiser = {
        field.name: given.pop(field.name) for field in OPTIMISER_FIELDS if field.name in given
    }
    return replace(strategy, optimiser=replace(strategy.optimiser, **optimiser), **given)
