"""Thirty browsers watch one training run: latency of a redraw and what it costs the server.

    python -m benchmarks.watching_browsers DATA.zip [--watchers 30] [--seconds 30]

Starts a server with a data folder of its own and a waiting run of case 4, opens websocket
sessions on the Train page as browsers do, and lets each ask for a redraw once a second, as the
page's fragment does. Latency is from asking to `script_finished`. The client shares the cores.
"""

import argparse
import asyncio
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from transfer_core import dataset
from transfer_core.cases import TransferCase, plan
from transfer_core.networks import get
from transfer_core.runs.performing import run_config
from transfer_core.runs.store import RunStore

ROOT = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")  # per second, of processor times


def waiting_run(home: Path, archive: Path) -> str:
    """Put a long run into the queue; the server's engine takes it when it starts."""
    data, source = dataset.ingest(archive, home=home), get("demonstration")
    strategy = plan(TransferCase.LARGE_DIFFERENT, source.stage_names)
    settings = replace(strategy.optimiser, epochs=1000, patience=1000)
    config = run_config(data, source, replace(strategy, optimiser=settings), seed=0)
    return RunStore(home).create(config, name="watched").id


def serve(home: Path) -> tuple[subprocess.Popen, str]:
    """Start a server; returns it and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--server.port", str(port), "--server.address", "127.0.0.1"]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", *options],
        cwd=ROOT, env=os.environ | {"TRANSFER_HOME": str(home)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).read()
            break
        except OSError:
            time.sleep(0.1)
    return server, f"ws://127.0.0.1:{port}/_stcore/stream"


async def watch(address: str, run: str, seconds: float, latencies: list[float], sent: list[int]):
    """One session: the page once, then its fragment once a second, in no step with others."""
    await asyncio.sleep(random.random())
    async with connect(address, max_size=None, subprotocols=["streamlit"]) as socket_:
        fragment, size = await _script(socket_, f"run={run}", None)
        end = time.monotonic() + seconds
        while fragment and time.monotonic() < end:
            began = time.perf_counter()
            _, size = await _script(socket_, f"run={run}", fragment)
            latencies.append(time.perf_counter() - began)
            sent.append(size)
            await asyncio.sleep(max(0.0, 1 - (time.perf_counter() - began)))


async def _script(socket_, query: str, fragment: str | None) -> tuple[str | None, int]:
    """Ask for a run of the page or its fragment; returns the fragment's id and bytes received."""
    message, size = BackMsg(), 0
    message.rerun_script.query_string = query
    message.rerun_script.page_name = "train"
    if fragment:
        message.rerun_script.fragment_id = fragment
    await socket_.send(message.SerializeToString())
    while True:
        data = await socket_.recv()
        size += len(data)
        answer = ForwardMsg.FromString(data)
        kind = answer.WhichOneof("type")
        if kind == "auto_rerun":
            fragment = answer.auto_rerun.fragment_id
        # A page that hands over to another ends early, and the other one follows.
        if (
            kind == "script_finished"
            and answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        ):
            return fragment, size


def processor_seconds(stat: Path) -> float:
    """Processor seconds so far, from a stat file of a process or of one of its threads."""
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def thread_seconds(process: int) -> dict[str, float]:
    """Processor seconds of each living thread of a process."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return {task.name: processor_seconds(task / "stat") for task in tasks}


async def training_threads(process: int) -> set[str]:
    """The threads that work while nobody watches."""
    before = thread_seconds(process)
    await asyncio.sleep(5)
    after = thread_seconds(process)
    return {thread for thread in after if after[thread] - before.get(thread, 0) > 0.25}


def spent(process: int, training: set[str]) -> tuple[float, float]:
    """Processor seconds of training and of all else, ended threads included."""
    threads = thread_seconds(process)
    trained = sum(threads[thread] for thread in training)
    return trained, processor_seconds(Path(f"/proc/{process}/stat")) - trained


async def measure(address: str, run: str, server: int, watchers: int, seconds: float) -> None:
    """Watch alone until it trains, then all together, and print the figures."""
    latencies, sent = [], []
    await watch(address, run, 15, [], [])  # the engine starts with the first page
    training = await training_threads(server)
    if not training:
        raise SystemExit("the run does not train; nothing was measured")
    before = spent(server, training)
    began = time.monotonic()
    await asyncio.gather(*(watch(address, run, seconds, latencies, sent) for _ in range(watchers)))
    elapsed = time.monotonic() - began
    trained, other = (now - then for now, then in zip(spent(server, training), before, strict=True))
    ordered = sorted(1000 * latency for latency in latencies)
    p95 = ordered[int(0.95 * len(ordered))]
    print(f"{watchers} watchers, {len(ordered)} redraws in {elapsed:.0f} s")
    print(f"redraw: median {statistics.median(ordered):.0f} ms, 95th percentile {p95:.0f} ms")
    print(f"bytes per redraw: median {statistics.median(sent):,.0f}")
    print(f"server beside the training: {other / elapsed:.2f} cores")
    print(f"training: {trained / elapsed:.2f} cores")


def main() -> None:
    """Set up, measure, tear down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--watchers", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = waiting_run(Path(folder), options.data)
        server, address = serve(Path(folder))
        try:
            asyncio.run(measure(address, run, server.pid, options.watchers, options.seconds))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
