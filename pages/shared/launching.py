"""Start runs from a page: with the engine, the owner of the session and the key of the click."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.shared import caches, session
from transfer_core.workspaces import check_room_for_run

if TYPE_CHECKING:
    from transfer_core.cases import Strategy
    from transfer_core.dataset import DataSet
    from transfer_core.networks import SourceNetwork
    from transfer_core.transferability import Option


def start_run(
    data: DataSet,
    source: SourceNetwork,
    strategy: Strategy,
    seed: int,
    *,
    key: str | None = None,
    option: Option | None = None,
    compiled: bool = False,
    devices: int = 1,
) -> str:
    """Queue a run of this session and return its id.

    Args:
        data: The images.
        source: The network, at the input size of the run.
        strategy: What to keep, freeze and train, and how.
        seed: Of the run's random generators.
        key: The same key makes one run only; None is the key of this page's last click.
        option: The option that the strategy is, with the accuracy and time expected of it.
        compiled: Whether to compile the network with torch.compile.
        devices: That share each step.

    Raises:
        SettingsError: If a setting is not allowed.
        WorkspaceError: If the workspace has no room.
    """
    from transfer_core.runs import launch_run, make_expectation  # brings torch

    check_room_for_run(session.get_belongings(), source)
    work = session.get_journey()
    return launch_run(
        caches.get_engine(),
        data,
        source,
        strategy,
        seed,
        owner=session.get_owner(),
        key=key or work.start_key,
        compiled=compiled,
        devices=devices,
        expectation=option and make_expectation(option, source, strategy),
    )
