"""The teacher's password: from the environment, else made when the server starts."""

import hashlib
import hmac
import os
from functools import cache

from transfer_core.errors import WorkspaceError
from transfer_core.languages import _
from transfer_core.workspaces.classes.records import make_code
from transfer_core.workspaces.classes.throttle import Throttle
from transfer_core.workspaces.links import Workspace

PASSWORD_VARIABLE = "TRANSFER_TEACHER_PASSWORD"  # noqa: S105 - a variable's name


@cache
def make_password() -> str:
    """The password of this process, made once; for its console."""
    return f"{make_code()}-{make_code()}"


def is_password_given() -> bool:
    """Whether the environment has the password, so that none is made."""
    return bool(os.environ.get(PASSWORD_VARIABLE))


def check_password(workspace: Workspace, tried: str, address: str | None = None) -> None:
    """Let pass whoever knows the password; every wrong try makes the next one wait longer.

    Args:
        workspace: Who tries.
        tried: The password.
        address: Of the network, from which wrong tries are counted; it is not kept.

    Raises:
        WorkspaceError: If it is wrong, or it is too early for another try.
    """
    right = os.environ.get(PASSWORD_VARIABLE) or make_password()
    is_right = _get_tries().attempt(workspace.id, lambda: _is_equal(tried, right) or None, address)
    if is_right is None:
        raise WorkspaceError(
            _("This is not the teacher's password."),
            found="",
            remedy=_("The server printed it when it started, unless its administrator set one."),
        )


def _is_equal(tried: str, right: str) -> bool:
    """Compare in a time that does not depend on where the texts differ, nor on their lengths."""
    first, second = (hashlib.sha256(each.strip().encode()).digest() for each in (tried, right))
    return hmac.compare_digest(first, second)


@cache
def _get_tries() -> Throttle:
    return Throttle()
