"""How long a run is expected to take: by costs that were measured here, or by a run like it."""

import time
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from transfer_core.errors import TransferError
from transfer_core.runs.store.config_json import to_json
from transfer_core.runs.store.records import RunState
from transfer_core.runs.store.schema import RUNS
from transfer_core.runs.store.store import RunStore
from transfer_core.training import RunConfig, Stepped

FRESH_SECONDS = 20.0  # that an answer is kept: everybody who waits asks again and again


class RunTimes:
    """Tells how long runs are expected to take; nothing is measured for it.

    Args:
        store: The runs.
        home: The data folder.
    """

    def __init__(self, store: RunStore, home: Path) -> None:
        self._store, self._home = store, home
        self._known: dict[str, tuple[float, float | None]] = {}  # until when, and the answer

    def forecast(self, config: RunConfig) -> float | None:
        """Return the seconds that a run is expected to take; None if nobody knows."""
        settings = repr(replace(config, seed=0))  # the seed costs no time
        until, seconds = self._known.get(settings, (0.0, None))
        if time.monotonic() > until:
            seconds = self._forecast_by_costs(config)
            if seconds is None:
                seconds = self._forecast_by_equal_run(config)
            self._known[settings] = time.monotonic() + FRESH_SECONDS, seconds
        return seconds

    def _forecast_by_costs(self, config: RunConfig) -> float | None:
        from transfer_core.dataset import load  # brings torch, as does the next
        from transfer_core.timing import forecast_run

        try:
            data_set, source = load(self._home, config.data_id), config.source()
            strategy, home = config.strategy, self._home
            forecast = forecast_run(data_set, source, strategy, home, may_measure=False)
        except (TransferError, OSError):
            return None
        return (forecast.total.low * forecast.total.high) ** 0.5

    def _forecast_by_equal_run(self, config: RunConfig) -> float | None:
        """The time of the newest run with another seed at most; of one that ended if there is."""
        is_readable = sa.func.json_valid(RUNS.c.config)
        stored = sa.case((is_readable, sa.func.json_remove(RUNS.c.config, "$.seed")))
        wanted = (
            sa.select(RUNS.c.id, RUNS.c.started, RUNS.c.ended)
            .where(
                RUNS.c.state.in_([RunState.finished, RunState.training]),
                RUNS.c.attempt == 1,
                stored == sa.func.json_remove(to_json(config), "$.seed"),
            )
            .order_by(RUNS.c.ended.is_(None), RUNS.c.number.desc())
        )
        with self._store.connect() as connection:
            rows = connection.execute(wanted).all()
        for run in rows:
            if run.ended is not None:
                return run.ended - run.started
            if step := self._store.latest(run.id, Stepped).get(Stepped):
                return time.time() - run.started + step.seconds_left
        return None
