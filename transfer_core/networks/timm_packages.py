"""Whether timm is installed, and how it is imported."""

import importlib.util
import os
from types import ModuleType

from transfer_core.errors import NetworkError
from transfer_core.languages import _

TIMM_PACKAGE = "timm"
INSTALL_COMMAND = f"pip install {TIMM_PACKAGE}"


def has_timm() -> bool:
    """Return whether timm is installed; it is not imported."""
    return importlib.util.find_spec(TIMM_PACKAGE) is not None


def import_timm(title: str) -> ModuleType:
    """Import timm and return it.

    Args:
        title: Of the network that needs it.

    Raises:
        NetworkError: If it is not installed.
    """
    # The hub's newer way of sending files goes past a mirror named by HF_ENDPOINT.
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    try:
        import timm
    except ImportError as error:
        raise NetworkError(
            _("This network is built by the package timm, which is not installed here."),
            found=_("{title} without timm", title=title),
            remedy=_(
                "Install it, and start the app again: {command}",
                command=INSTALL_COMMAND,
            ),
        ) from error
    return timm
