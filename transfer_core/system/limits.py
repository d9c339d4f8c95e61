"""Limits that environment variables set."""

import os
from collections.abc import Mapping

from transfer_core.errors import SettingsError
from transfer_core.languages import _

MAX_DIGITS = 12


def read_limit(variable: str, usual: int, environment: Mapping[str, str] | None = None) -> int:
    """A limit, as an environment variable sets it.

    Args:
        variable: Its name.
        usual: The limit where the variable is not set.
        environment: None is that of this process.

    Raises:
        SettingsError: If it is no whole number above 0.
    """
    text = (os.environ if environment is None else environment).get(variable)
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and int(text[:MAX_DIGITS]) > 0):
        raise SettingsError(
            _("A limit is no whole number above 0."),
            found=f"{variable}={text[:40]}",
            remedy=_("Set it to a whole number, or leave it out."),
        )
    return int(text[:MAX_DIGITS])
