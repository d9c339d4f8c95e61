"""Lanes of the queue: runs of seconds do not wait behind trainings of minutes."""

from enum import Enum

from transfer_core.errors import TransferError
from transfer_core.networks import trains_head_only
from transfer_core.runs.engine.run_times import RunTimes
from transfer_core.runs.store.config_json import from_json
from transfer_core.training import RunConfig

SHORT_SECONDS = 60.0  # that a run of the short lane is expected to take at most


class Lane(Enum):
    """The runs that wait for each other."""

    short = "short"  # only the head is trained, on embeddings, in seconds
    long = "long"  # they take turns with the experiments of this process


class LaneFinder:
    """Tells the lane of a run.

    The first answer is kept: a run does not change its lane while it waits, and whoever shares a
    finder sees it in the same one.

    Args:
        times: Tells how long runs are expected to take.
        has_lanes: Whether there are any; without, all runs wait for each other.
    """

    def __init__(self, times: RunTimes, has_lanes: bool = True) -> None:
        self._times, self._has_lanes = times, has_lanes
        self._lanes: dict[str, Lane] = {}

    def list_all(self) -> tuple[Lane | None, ...]:
        """Return the lanes; None is that of all runs."""
        return tuple(Lane) if self._has_lanes else (None,)

    def find(self, run_id: str, config: RunConfig | str) -> Lane | None:
        """Return the lane of a run, given its configuration, also as the JSON of the store."""
        if not self._has_lanes:
            return None
        if run_id not in self._lanes:
            self._lanes.setdefault(run_id, self._choose(config))
        return self._lanes[run_id]

    def _choose(self, config: RunConfig | str) -> Lane:
        try:
            config = from_json(config) if isinstance(config, str) else config
            if not trains_head_only(config.source(), config.strategy):
                return Lane.long
        except TransferError:
            return Lane.short  # it fails at once
        seconds = self._times.forecast(config)
        return Lane.long if seconds and seconds > SHORT_SECONDS else Lane.short
