"""What can be performed at a time, what is performed where, and what waits."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from transfer_core.runs.engine.executor import Executor
from transfer_core.runs.engine.lanes import Lane
from transfer_core.runs.engine.reader import QueuedRun, RunReader
from transfer_core.runs.store.device_time import list_occupations
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import ACTIVE_STATES, RunRecord, RunState
from transfer_core.system import Hardware, choose_device, list_hardware
from transfer_core.training import Preparing, RunConfig, Started, Stepped


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A run that was taken from the queue and is not over."""

    record: RunRecord
    job: str | None  # of the cluster, as soon as it has one
    since: float | None  # when it got its device, in seconds since 1970; None if it waits for it
    progress: float  # share that is done of its preparation or training, in [0, 1]


@dataclass(frozen=True, slots=True)
class Place:
    """A device of this computer or a whole cluster, and what it does."""

    name: str
    hardware: Hardware | None  # None: a cluster
    at_once: int  # runs that it takes; 0 if it only takes those that were made for it
    runs: tuple[ActiveRun, ...]
    free: tuple[Lane | None, ...]  # the lanes whose next run could begin now; None is any run


@dataclass(frozen=True, slots=True)
class Capacity:
    """Everything that trains, and everything that waits."""

    places: tuple[Place, ...]
    queue: tuple[QueuedRun, ...]  # in the order of the expected starts, as far as they are known


def read_capacity(
    reader: RunReader, executor: Executor, engine: str, lanes: Sequence[Lane | None]
) -> Capacity:
    """Return what an engine performs and what waits for it.

    Args:
        reader: Reads the runs of all engines; others on this computer keep its devices busy too.
        executor: Performs the runs of the engine.
        engine: Its id.
        lanes: One for each run that it performs at the same time.
    """
    runs = [
        _read_active_run(reader, run, executor.cluster)
        for run in reversed(reader.store.list(states=ACTIVE_STATES))
        if run.engine == engine or executor.works_here
    ]
    own = [run.record for run in runs if run.record.engine == engine]
    taken = Counter(reader.find_lane(each) for each in own)
    free = tuple((Counter(lanes) - taken).elements())
    queue = reader.list_queue(engine)
    if not executor.works_here:  # nobody knows how long a cluster will take
        place = Place(executor.cluster, None, executor.capacity, tuple(runs), free)
        return Capacity((place,), tuple(replace(each, seconds=None) for each in queue))
    in_order = sorted(queue, key=lambda run: math.inf if run.seconds is None else run.seconds)
    return Capacity(_list_devices(runs, len(lanes), free), tuple(in_order))


def _list_devices(
    runs: Sequence[ActiveRun], at_once: int, free: tuple[Lane | None, ...]
) -> tuple[Place, ...]:
    hardware, usual = list_hardware(), "cuda:0" if choose_device() == "cuda" else "cpu"
    places = []
    for each in hardware:
        on = tuple(run for run in runs if each.key in _list_device_keys(run.record.config))
        takes = (at_once, free) if each.key == usual else (0, ())
        places.append(Place(each.name, each, takes[0], on, takes[1]))
    return tuple(places)


def _list_device_keys(config: RunConfig) -> list[str]:
    if config.device == "cpu":
        return ["cpu"]  # however many share it
    return [f"cuda:{number}" for number in range(config.devices)]


def _read_active_run(reader: RunReader, run: RunRecord, cluster: str | None) -> ActiveRun:
    job = RunDirectory.locate(reader.home, run.id).read_job(cluster) if cluster else None
    occupations = list_occupations(reader.store, run.id)
    lasting = [each.start for each in occupations if each.end is None]
    latest = reader.store.latest(run.id, Preparing, Started, Stepped)
    return ActiveRun(run, job, next(iter(lasting), None), measure_progress(run.state, latest.get))


def measure_progress(state: RunState, find_last: Callable[[type], object]) -> float:
    """Return the share that is done of a run's preparation or training, in [0, 1].

    Args:
        state: Of the run.
        find_last: Returns its newest event of a type, or None.
    """
    if state is RunState.preparing:
        work = find_last(Preparing)
        return work.done / work.total if work and work.total else 0.0
    started, step = find_last(Started), find_last(Stepped)
    return min(1.0, step.epoch / started.epochs) if started and step else 0.0
