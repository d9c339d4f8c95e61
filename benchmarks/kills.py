"""Kill the server or the process that trains at random moments, and look what is left.

    python -m benchmarks.kills [--kills 100] [--seed 0]

Each time a run is started: in turn the new layer alone, with its images to be embedded again, and
a fine-tuning. At a random moment of it the server or the process of the run gets SIGKILL; a killed
server is started again. The run must then end by itself, or be plainly marked as interrupted; where
it can be resumed, it is. Whatever finishes must equal the run that nobody killed, bit for bit.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from transfer_core.runs import Engine, ProcessExecutor, RunRecord, RunState, RunStore

KINDS = "head", "whole"
TIMEOUT_SECONDS = 600.0  # many times what a run takes alone


@dataclass
class Server:
    """A process with an engine, which takes orders on its standard input."""

    command: Sequence[str]
    home: Path
    process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it, and wait until it takes orders."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([*self.command, str(self.home)], **pipes)
        self._read()

    def order(self, *words: str) -> str:
        """Send an order, and return the answer."""
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self._read()

    def kill(self) -> None:
        """Kill it as the system does, and start it again."""
        self.process.kill()
        self.close()
        self.start()

    def kill_worker(self) -> bool:
        """Kill the process that has a run; return whether there was one."""
        busy = self.order("busy")
        if busy:
            os.kill(int(busy), signal.SIGKILL)
        return bool(busy)

    def close(self) -> None:
        """End it, and close its pipes."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()

    def _read(self) -> str:
        return self.process.stdout.readline().strip()


def serve(engine: Engine, executor: ProcessExecutor, submit: Callable[[str], str]) -> None:
    """Take orders: "submit KIND", "resume RUN" and "busy"."""
    print("ready", flush=True)
    for line in sys.stdin:
        order, *words = line.split()
        answer = "done"
        if order == "submit":
            answer = submit(*words)
        elif order == "resume":
            engine.resume(*words)
        else:
            answer = next(map(str, executor.list_busy_processes()), "")
        print(answer, flush=True)


@dataclass
class Tally:
    """What became of the runs."""

    counts: Counter = field(default_factory=Counter)
    finished: dict[str, str] = field(default_factory=dict)  # what a run left, by its id
    faults: list[str] = field(default_factory=list)


def try_kills(server: Server, count: int, seed: int, patience: float = TIMEOUT_SECONDS) -> Tally:
    """Kill so many times; return what was found.

    Args:
        server: Is started here.
        count: Kills, half of them of the server.
        seed: Draws the moments.
        patience: Seconds until a run must have ended.
    """
    chance, tally = random.Random(seed), Tally()
    server.start()
    expected, seconds = {}, {}
    with closing(RunStore(server.home)) as store:
        for kind in (*KINDS, *KINDS):  # the second time without what is done once
            run = _wait(store, server.order("submit", kind), patience)
            expected[kind], seconds[kind] = _read_result(server.home, run), run.ended - run.started
        for number in range(count):
            kind, target = KINDS[number % 2], ("worker", "server")[number // 2 % 2]
            shutil.rmtree(server.home / "embeddings", ignore_errors=True)
            run_id = server.order("submit", kind)
            time.sleep(chance.uniform(0, seconds[kind]))
            if target == "server":
                server.kill()
            elif not server.kill_worker():
                tally.counts["over before it was killed"] += 1
            _follow(server, store, run_id, expected[kind], tally, patience)
            _check_others(server.home, store, tally)
            print(f"{number + 1:4} {kind:5} {target:6} {dict(tally.counts)}", file=sys.stderr)
    server.close()
    return tally


def _follow(
    server: Server, store: RunStore, run_id: str, expected: str, tally: Tally, patience: float
) -> None:
    run = _wait(store, run_id, patience)
    if run.state is RunState.interrupted:
        tally.counts["marked as interrupted"] += 1
        if not run.error.remedy.startswith("Resume"):
            return
        server.order("resume", run_id)
        run = _wait(store, run_id, patience)
    else:
        tally.counts["went on by itself" if run.attempt > 1 else "finished before"] += 1
    if run.state is not RunState.finished:
        tally.faults.append(f"{run_id} is {run.state}: {run.error}")
        return
    tally.finished[run_id] = found = _read_result(server.home, run)
    tally.counts["equal"] += found == expected
    if found != expected:
        tally.faults.append(f"{run_id} differs from the run that nobody killed")


def _check_others(home: Path, store: RunStore, tally: Tally) -> None:
    with closing(sqlite3.connect(home / "runs.db")) as database:
        if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            tally.faults.append("the database is damaged")
    for run_id, result in tally.finished.items():
        if _read_result(home, store.get(run_id)) != result:
            tally.faults.append(f"the finished run {run_id} is lost")


def _wait(store: RunStore, run_id: str, patience: float) -> RunRecord:
    end = time.monotonic() + patience
    while not (run := store.get(run_id)).state.is_final and time.monotonic() < end:
        time.sleep(0.02)
    return run


def _read_result(home: Path, run: RunRecord) -> str:
    """The result, and the hashes of weights and logits where there are any."""
    if run.state is not RunState.finished:
        return ""
    kept = json.loads((home / "runs" / run.id / "result.json").read_text())
    files = [kept["files"].get(name) for name in ("network.safetensors", "test_logits.npy")]
    return json.dumps([kept["result"], files])


def _serve_trainings(home: Path) -> None:
    """The server: two data sets, real trainings, a checkpoint as soon as there is something."""
    import torch

    from transfer_core import dataset
    from transfer_core.cases import TransferCase, plan_strategy
    from transfer_core.dataset import samples
    from transfer_core.networks import get_network
    from transfer_core.runs import make_run_config

    torch.set_num_threads(1)
    source, plans = get_network("demonstration"), {}
    cases = TransferCase.SMALL_SIMILAR, TransferCase.LARGE_SIMILAR
    for kind, case, name in zip(KINDS, cases, ("digits", "plankton"), strict=True):
        file = samples.write_sample_zip(name, home / f"{name}.zip")
        strategy = plan_strategy(case, source.stage_names, kind=source.kind)
        epochs = strategy.optimiser.epochs if kind == "head" else 5
        strategy = replace(strategy, optimiser=replace(strategy.optimiser, epochs=epochs))
        config = make_run_config(dataset.ingest(file, home=home), source, strategy, 0)
        # Which precision is faster each server measures anew.
        plans[kind] = replace(config, precision="float32", channels_last=True)
    command = [sys.executable, "-m", "benchmarks.kills", "--work", str(home), "--threads", "1"]
    executor = ProcessExecutor(command)
    with Engine(home, executor) as engine:
        serve(engine, executor, lambda kind: engine.submit(plans[kind]))


def _work(arguments: Sequence[str]) -> None:
    from transfer_core.runs import worker_process
    from transfer_core.training import checkpoint

    checkpoint.ASSUMED_SAVE_SECONDS = 0
    worker_process.main(arguments)


def main() -> None:
    """Kill, and tell what was left."""
    if sys.argv[1:2] == ["--work"]:
        return _work(sys.argv[2:])
    if sys.argv[1:2] == ["--serve"]:
        return _serve_trainings(Path(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["TRANSFER_HOME"] = folder
        server = Server([sys.executable, "-m", "benchmarks.kills", "--serve"], home)
        tally = try_kills(server, chosen.kills, chosen.seed)
    print(f"{chosen.kills} kills: {dict(tally.counts)}")
    print("\n".join(tally.faults) or "No run was lost or differs; the database is whole.")
    sys.exit(bool(tally.faults))


if __name__ == "__main__":
    main()
