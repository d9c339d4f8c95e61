"""Take the place of runs in a cluster, or kill them, at random moments; look what is left.

    python -m benchmarks.engine_faults slurm --preemptions 20 [--kills 0] [--cancels 5] [--seed 0]
    python -m benchmarks.engine_faults ray --kills 25 --worker-kills 25 --head-kills 20

Starts a SLURM or a Ray of this computer (see `local_slurm` and `local_ray`) and runs in it, in
turn, a new layer alone and a fine-tuning. Wanted: every run finishes, equals the run that nobody
disturbed bit for bit, in the cluster as in a process of this computer, and repeats at most one
epoch a fault (of a new layer alone, whose epochs are shorter than a checkpoint: some seconds).
"""

import argparse
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from benchmarks import local_ray, local_slurm
from transfer_core.runs import (
    Cluster,
    ClusterExecutor,
    Engine,
    RayJobs,
    RunDirectory,
    RunRecord,
    RunState,
    Slurm,
)
from transfer_core.settings import SlurmSettings
from transfer_core.training import EpochEnded, RunConfig

KINDS = "head", "whole"
TIMEOUT_SECONDS = 600.0  # many times what a run takes alone
_wait_for = partial(local_ray.wait_for, seconds=TIMEOUT_SECONDS)
Fault = Callable[[str], bool]  # does it to the run with an id; whether the run was still there


@dataclass
class Tally:
    """What became of the runs after one kind of fault."""

    counts: Counter = field(default_factory=Counter)
    # By kind: the most epochs that one fault cost, and the seconds that they took.
    repeated: dict[str, tuple[int, float]] = field(default_factory=dict)
    gaps: list[float] = field(default_factory=list)  # seconds from a fault to the next event
    delays: list[float] = field(default_factory=list)  # seconds from an event to our database
    faults: list[str] = field(default_factory=list)


def disturb(
    engine: Engine,
    configs: dict[str, RunConfig],
    expected: dict[str, str],
    fault: Fault,
    count: int,
    chance: random.Random,
    tally: Tally,
) -> None:
    """Cause a fault so many times, each in the training of another run.

    Args:
        engine: Performs the runs.
        configs: The runs, by kind.
        expected: What each leaves, from `read_result`.
        fault: What happens to them.
        count: Faults.
        chance: Draws the moments.
        tally: Takes what was found.
    """
    done = 0
    while done < count:
        kind = KINDS[done % 2]
        run_id = engine.submit(configs[kind])
        _wait_for(lambda run_id=run_id: _has_begun(engine, run_id))
        time.sleep(chance.uniform(0, 1.5))
        began, known = time.monotonic(), len(engine.events(run_id))
        hit = fault(run_id)
        done += hit
        tally.counts["faults" if hit else "over before"] += 1
        _wait_for(lambda run_id=run_id, known=known: len(engine.events(run_id)) > known)
        if hit:
            tally.gaps.append(time.monotonic() - began)
        run = engine.wait(run_id, TIMEOUT_SECONDS)
        _judge(engine, run, kind, expected[kind], tally)
        told = f"{dict(tally.counts)}, most epochs repeated {tally.repeated}"
        print(f"{done:4} {kind:5} attempt {run.attempt} {told}", file=sys.stderr, flush=True)


def _judge(engine: Engine, run: RunRecord, kind: str, expected: str, tally: Tally) -> None:
    if run.state is not RunState.finished:
        tally.faults.append(f"{run.id} is {run.state}: {run.error}")
        return
    is_equal = read_result(engine, run) == expected
    tally.counts["finished"] += 1
    tally.counts["equal"] += is_equal
    if not is_equal:
        tally.faults.append(f"{run.id} differs from the run that nobody disturbed")
    seen: set[int] = set()
    epochs = (e.event for e in engine.events(run.id) if isinstance(e.event, EpochEnded))
    again = [e.seconds for e in epochs if e.epoch in seen or seen.add(e.epoch)]
    tally.repeated[kind] = max(tally.repeated.get(kind, (0, 0.0)), (len(again), sum(again)))
    tally.delays += _list_delays(engine, run)


def _list_delays(engine: Engine, run: RunRecord) -> list[float]:
    """Seconds from the time that a job gave an epoch's end to the time of our database."""
    lines = map(json.loads, engine.directory(run.id).events_file.read_text().splitlines())
    written = [line["time"] for line in lines if line["kind"] == "epoch_ended"]
    stored = [e.time for e in engine.events(run.id) if isinstance(e.event, EpochEnded)]
    return [there - here for here, there in zip(written, stored, strict=True)]


def measure_cancels(engine: Engine, config: RunConfig, count: int) -> list[float]:
    """Seconds from a stop in the training to the end of the run, with its result."""
    seconds = []
    for _ in range(count):
        run_id = engine.submit(config)
        _wait_for(lambda run_id=run_id: _has_begun(engine, run_id))
        began = time.monotonic()
        engine.stop(run_id)
        run = engine.wait(run_id, TIMEOUT_SECONDS)
        seconds.append(time.monotonic() - began)
        print(f"stopped: {run.state} after {seconds[-1]:.1f} s", file=sys.stderr)
    return seconds


def read_result(engine: Engine, run: RunRecord) -> str:
    """The result, and the hashes of weights and logits."""
    kept = json.loads(engine.directory(run.id).result_file.read_text())
    files = [kept["files"].get(name) for name in ("network.safetensors", "test_logits.npy")]
    return json.dumps([kept["result"], files])


def make_configs(home: Path) -> dict[str, RunConfig]:
    """Read two data sets, and plan a run on each."""
    from transfer_core import dataset
    from transfer_core.cases import TransferCase, plan_strategy
    from transfer_core.dataset import samples
    from transfer_core.networks import get_network
    from transfer_core.runs import make_run_config

    source, configs = get_network("demonstration"), {}
    cases = TransferCase.SMALL_SIMILAR, TransferCase.LARGE_SIMILAR
    for kind, case, name in zip(KINDS, cases, ("digits", "plankton"), strict=True):
        file = samples.write_sample_zip(name, home / f"{name}.zip")
        strategy = plan_strategy(case, source.stage_names, kind=source.kind)
        epochs = 200 if kind == "head" else 8
        optimiser = replace(strategy.optimiser, epochs=epochs, patience=epochs)
        strategy = replace(strategy, optimiser=optimiser)
        config = make_run_config(dataset.ingest(file, home=home), source, strategy, 0)
        configs[kind] = replace(config, precision="float32", channels_last=True)
    return configs


def _has_begun(engine: Engine, run_id: str) -> bool:
    events = engine.events(run_id)
    return engine.state(run_id).is_final or any(isinstance(e.event, EpochEnded) for e in events)


def kill_job(run_id: str, *, above: bool = False) -> bool:
    """Kill the process that performs a run, or the one above it; return whether there was one."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"--job" in words and run_id.encode() in words and b"-m" in words:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                os.kill(int(parent if above else folder.name), signal.SIGKILL)
                return True
    return False


def _work(arguments: Sequence[str]) -> None:
    """The job: the real one, with a checkpoint as soon as there is something."""
    from transfer_core.runs import cluster_job
    from transfer_core.training import checkpoint

    checkpoint.ASSUMED_SAVE_SECONDS = 0
    cluster_job.main(arguments)


def _try(
    home: Path,
    start: Callable[[Path], AbstractContextManager[tuple[Cluster, dict[str, Fault]]]],
    chosen: argparse.Namespace,
) -> dict[str, Tally]:
    import torch

    from transfer_core.runs import start_engine

    torch.set_num_threads(1)
    configs, expected = make_configs(home), {}
    with start_engine(home) as engine:
        for kind in (*KINDS, *KINDS):  # the second time without what is done once
            run = engine.wait(engine.submit(configs[kind]), TIMEOUT_SECONDS)
            expected[kind] = read_result(engine, run)
    command = [sys.executable, "-m", "benchmarks.engine_faults", "--job", str(home)]
    chance, tallies = random.Random(chosen.seed), {"nothing": Tally()}
    with start(home) as (cluster, faults):
        executor = ClusterExecutor(cluster, [*command, "--threads", "1"], 1)
        with Engine(home, executor) as engine:
            for kind in KINDS:
                began = time.monotonic()
                run_id = engine.submit(configs[kind])
                _wait_for(lambda run_id=run_id: _has_begun(engine, run_id))
                print(f"first epoch of {kind} after {time.monotonic() - began:.1f} s", flush=True)
                run = engine.wait(run_id, TIMEOUT_SECONDS)
                _judge(engine, run, kind, expected[kind], tallies["nothing"])
            for name, fault in faults.items():
                tallies[name] = Tally()
                count = getattr(chosen, name)
                disturb(engine, configs, expected, fault, count, chance, tallies[name])
            stops = measure_cancels(engine, configs["whole"], chosen.cancels)
    if stops:
        print(f"stopped in training after {max(stops):.1f} s at most")
    return tallies


@contextmanager
def _run_slurm(home: Path) -> Iterator[tuple[Cluster, dict[str, Fault]]]:
    def preempt(run_id: str) -> bool:
        job = RunDirectory.locate(home, run_id).read_job(Slurm.name)
        return job is not None and local_slurm.preempt(job)

    with tempfile.TemporaryDirectory() as folder, local_slurm.run_slurm(Path(folder)):
        yield Slurm(SlurmSettings(cpus=1)), {"preemptions": preempt, "kills": kill_job}


@contextmanager
def _run_ray(home: Path) -> Iterator[tuple[Cluster, dict[str, Fault]]]:
    with local_ray.run_ray() as ray:

        def kill_head(run_id: str) -> bool:
            is_over = RunDirectory.locate(home, run_id).result_file.exists()
            ray.kill("head")
            ray.start_head()
            ray.kill("worker")  # which would end by itself, as the new head does not know it
            ray.start_worker()
            return not is_over

        faults = {"kills": kill_job, "worker_kills": partial(kill_job, above=True)}
        yield RayJobs(ray.settings), faults | {"head_kills": kill_head}


ENGINES = {"slurm": (local_slurm, _run_slurm), "ray": (local_ray, _run_ray)}


def _report(name: str, tally: Tally) -> None:
    print(f"{name}: {dict(tally.counts)}")
    for kind, (epochs, seconds) in tally.repeated.items():
        print(f"  told twice after a fault, {kind}: {epochs} epochs of {seconds:.2f} s at most")
    for what, seconds in (("fault to next event", tally.gaps), ("event delay", tally.delays)):
        if seconds:
            print(f"  {what}: median {statistics.median(seconds):.2f} s, most {max(seconds):.2f} s")


def main() -> None:
    """Disturb runs, and tell what was left."""
    if sys.argv[1:2] == ["--job"]:
        return _work(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--preemptions", type=int, default=0, help="by SLURM")
    parser.add_argument("--kills", type=int, default=0, help="of the process that trains")
    parser.add_argument("--worker-kills", type=int, default=0, help="of Ray's process above it")
    parser.add_argument("--head-kills", type=int, default=0, help="of Ray's head")
    parser.add_argument("--cancels", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    site, start = ENGINES[chosen.engine]
    if missing := site.find_missing():
        sys.exit(f"no {chosen.engine}: {missing}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRANSFER_HOME"] = folder
        tallies = _try(Path(folder), start, chosen)
    for name, tally in tallies.items():
        _report(name, tally)
    faults = [fault for tally in tallies.values() for fault in tally.faults]
    print("\n".join(faults) or "No run was lost or differs.")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
