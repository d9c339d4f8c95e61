"""Lanes of the queue: runs of seconds do not wait behind trainings of minutes."""

from enum import Enum
from pathlib import Path

from transfer_core.errors import TransferError
from transfer_core.networks import trains_head_only
from transfer_core.runs.store.config_json import from_json
from transfer_core.training import RunConfig

SHORT_SECONDS = 60.0  # that a run of the short lane is expected to take at most


class Lane(Enum):
    """The runs that wait for each other."""

    short = "short"  # only the head is trained, on embeddings, in seconds
    long = "long"  # they take turns with the experiments of this process


class LaneFinder:
    """Tells the lane of a run, and how long it is expected to take.

    The first answer is kept: a run does not change its lane while it waits, and whoever shares a
    finder sees it in the same one.

    Args:
        home: The data folder.
        has_lanes: Whether there are any; without, all runs wait for each other.
    """

    def __init__(self, home: Path, has_lanes: bool = True) -> None:
        self._home, self._has_lanes = home, has_lanes
        self._lanes: dict[str, Lane] = {}
        self._seconds: dict[str, float | None] = {}

    def list_all(self) -> tuple[Lane | None, ...]:
        """Return the lanes; None is that of all runs."""
        return tuple(Lane) if self._has_lanes else (None,)

    def find(self, run_id: str, config: RunConfig | str) -> Lane | None:
        """Return the lane of a run, given its configuration, also as the JSON of the store."""
        if not self._has_lanes:
            return None
        if run_id not in self._lanes:
            self._lanes.setdefault(run_id, self._choose(run_id, config))
        return self._lanes[run_id]

    def _choose(self, run_id: str, config: RunConfig | str) -> Lane:
        try:
            config = from_json(config) if isinstance(config, str) else config
            if not trains_head_only(config.source(), config.strategy):
                return Lane.long
        except TransferError:
            return Lane.short  # it fails at once
        seconds = self.forecast(run_id, config)
        return Lane.long if seconds and seconds > SHORT_SECONDS else Lane.short

    def forecast(self, run_id: str, config: RunConfig) -> float | None:
        """Return the seconds that a run is expected to take; None if nobody knows.

        Nothing is measured: the costs are those that were measured here before.
        """
        if run_id not in self._seconds:
            self._seconds[run_id] = _forecast_seconds(self._home, config)
        return self._seconds[run_id]


def _forecast_seconds(home: Path, config: RunConfig) -> float | None:
    from transfer_core.dataset import load  # brings torch, as does the next
    from transfer_core.timing import forecast_run

    try:
        data_set, source = load(home, config.data_id), config.source()
        forecast = forecast_run(data_set, source, config.strategy, home, may_measure=False)
    except (TransferError, OSError):
        return None
    return (forecast.total.low * forecast.total.high) ** 0.5
