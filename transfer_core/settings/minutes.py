"""The minutes that a run may take, as a person may ask for them."""

from transfer_core.errors import SettingsError
from transfer_core.languages import _

MAX_MINUTES = 7 * 24 * 60  # a week


def check_minutes(minutes: float) -> None:
    """Raise a SettingsError unless these are minutes that a run can be planned for."""
    if not 0 < minutes <= MAX_MINUTES:  # nor is "not a number" one
        raise SettingsError(
            _("The minutes that a run may take are out of range."),
            found=f"{minutes:g}",
            remedy=_("Give more than 0 and at most {most:,} minutes.", most=MAX_MINUTES),
        )
