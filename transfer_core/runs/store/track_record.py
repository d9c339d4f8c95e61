"""The track record: how often results lay where the app had expected them, for each network."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from transfer_core.languages import N_, _
from transfer_core.runs.store.events import UNREADABLE, decode_values
from transfer_core.runs.store.expectation import Expectation
from transfer_core.runs.store.records import RunState
from transfer_core.runs.store.schema import CHECKS, RUNS
from transfer_core.runs.store.store import RunStore
from transfer_core.system import hash_bytes

MIN_RESULTS = 5  # fewer say nothing about an interval that should hold 4 of 5


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of some results lay inside what was told."""

    inside: int
    total: int

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.inside + other.inside, self.total + other.total)


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """Expectations against results of the finished runs on one network on this machine."""

    network: str  # name
    runs: int  # finished as they were expected, each configuration once
    measured: Tally  # accuracies inside an 80 % interval that was measured before the run
    forecast: Tally  # the same for intervals that were forecast
    seconds: Tally  # durations inside their range

    @property
    def accuracies(self) -> Tally:
        """Accuracies inside their 80 % interval, measured or forecast."""
        return self.measured + self.forecast

    def describe_accuracies(self) -> str:
        """For people: "12 of 14 results lay inside the 80 % interval"."""
        return _describe(
            self.accuracies, N_("{inside} of {total} results lay inside the 80 % interval")
        )

    def describe_seconds(self) -> str:
        """For people: "13 of 14 runs took as long as expected"."""
        return _describe(
            self.seconds, N_("{inside} of {total} runs ended within the time that was told")
        )


@dataclass(frozen=True, slots=True)
class _Check:
    """An expectation and the result of its run."""

    network: str
    configuration: str  # hash; the same settings give the same result, which counts once
    expectation: Expectation
    accuracy: float  # on the test images
    seconds: float | None  # None if the run was interrupted and went on later


def load_track_records(store: RunStore) -> tuple[TrackRecord, ...]:
    """Return the record of each network with a run that counts, by name.

    A run counts if it was started as the option that Decide told, unchanged, and finished. It
    counts after it was deleted too: nobody improves the record by removing bad runs.
    """
    columns = (*RUNS.c["config", "expectation", "result", "started", "ended", "attempt"],)
    counting = sa.select(*columns).where(_counts()).order_by(RUNS.c.number)
    with store.connect() as connection:
        kept = connection.execute(sa.select(CHECKS.c["values"]).order_by(CHECKS.c.number))
        checks = [_read_check(text) for text in kept.scalars()]
        checks += [_make_check(row) for row in connection.execute(counting)]
    once: dict[tuple[str, str], _Check] = {}
    for check in filter(None, checks):
        once.setdefault((check.network, check.configuration), check)
    networks = sorted({check.network for check in once.values()})
    return tuple(
        _summarise(name, [check for check in once.values() if check.network == name])
        for name in networks
    )


def keep_check(connection: sa.Connection, run_id: str) -> None:
    """Keep expectation and result of a run that is about to be removed for good, if it counts.

    Nothing of its images is kept. The transaction holds the write lock.
    """
    counting = sa.select(RUNS).where(RUNS.c.id == run_id, _counts())
    row = connection.execute(counting).first()
    if row is not None and (check := _make_check(row)) is not None:
        connection.execute(CHECKS.insert().values(values=json.dumps(asdict(check))))


def _counts() -> sa.ColumnElement[bool]:
    return sa.and_(
        RUNS.c.state == RunState.finished,
        RUNS.c.expectation.is_not(None),
        RUNS.c.result.is_not(None),
    )


def _read_check(text: str) -> _Check | None:
    """The check that was kept; None if it is damaged."""
    with suppress(*UNREADABLE):
        return decode_values(_Check, json.loads(text))
    return None


def _make_check(row: sa.Row) -> _Check | None:
    """The check of a run; None if its row is damaged."""
    with suppress(*UNREADABLE):
        config = json.loads(row.config)
        config.pop("versions", None)
        return _Check(
            config["network"],
            hash_bytes(json.dumps(config, sort_keys=True).encode())[:32],
            decode_values(Expectation, json.loads(row.expectation)),
            json.loads(row.result)["accuracy"],
            row.ended - row.started if row.attempt == 1 else None,
        )
    return None


def _summarise(network: str, checks: list[_Check]) -> TrackRecord:
    def count(answers: list[bool | None]) -> Tally:
        known = [answer for answer in answers if answer is not None]
        return Tally(sum(known), len(known))

    def count_accuracies(measured: bool) -> Tally:
        return count(
            [
                check.expectation.holds_accuracy(check.accuracy)
                for check in checks
                if check.expectation.measured == measured
            ]
        )

    return TrackRecord(
        network,
        len(checks),
        count_accuracies(measured=True),
        count_accuracies(measured=False),
        count([check.expectation.holds_seconds(check.seconds) for check in checks]),
    )


def _describe(tally: Tally, text: str) -> str:
    what = _(text, inside=tally.inside, total=tally.total)
    if tally.total < MIN_RESULTS:
        return _("too few runs yet: {tally}", tally=what)
    return what
