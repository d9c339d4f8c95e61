"""Thirty browsers watch one training run: latency of a redraw and what it costs the server.

    python -m benchmarks.watching_browsers [DATA.zip] [--watchers 30] [--seconds 30]

Starts a server with a data folder of its own and a waiting run of case 4, opens websocket
sessions on the Train page as browsers do, and lets each ask for a redraw once a second, as the
page's fragment does. Latency is from asking to `script_finished`. The client shares the cores.
"""

import asyncio
import os
import random
import statistics
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import plotly.graph_objects as go
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from benchmarks.report import Row, build_parser, find_shared_zip, write_report
from benchmarks.server import make_cookie, run_server
from benchmarks.sides import stopwatch
from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.figures import BLUE, apply_layout
from transfer_core.networks import get_network
from transfer_core.runs import RunStore, make_run_config

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")  # per second, of processor times


def queue_run(home: Path, archive: Path) -> str:
    """Put a long run into the queue; the server's engine takes it when it starts."""
    data, source = dataset.ingest(archive, home=home), get_network("demonstration")
    strategy = plan_strategy(TransferCase.LARGE_DIFFERENT, source.stage_names, kind=source.kind)
    settings = replace(strategy.optimiser, epochs=1000, patience=1000)
    config = make_run_config(data, source, replace(strategy, optimiser=settings), seed=0)
    return RunStore(home).create(config, name="watched").id


async def watch(
    address: str,
    cookie: dict[str, str],
    run: str,
    seconds: float,
    latencies: list[float],
    sent: list[int],
):
    """One session: the page once, then its fragment once a second, in no step with others."""
    await asyncio.sleep(random.random())
    url, given = f"ws://{address}/_stcore/stream", {"subprotocols": ["streamlit"]}
    given |= {"origin": f"http://{address}", "additional_headers": cookie}
    async with connect(url, max_size=None, **given) as socket_:
        fragment, size = await _rerun_script(socket_, f"run={run}", None)
        end = time.monotonic() + seconds
        while fragment and time.monotonic() < end:
            with stopwatch() as seconds:
                _, size = await _rerun_script(socket_, f"run={run}", fragment)
                latencies.append(seconds())
            sent.append(size)
            await asyncio.sleep(max(0.0, 1 - latencies[-1]))


async def _rerun_script(socket_, query: str, fragment: str | None) -> tuple[str | None, int]:
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


def read_cpu_seconds(process: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def find_training_processes(server: int) -> set[int]:
    """The processes that a server has started to perform runs."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            if int(stat.read_text().rpartition(")")[2].split()[1]) == server:
                found.add(int(stat.parent.name))
    return found


def split_cpu_seconds(server: int) -> tuple[float, float]:
    """Processor seconds of the processes that train, and of the server itself."""
    trained = sum(read_cpu_seconds(process) for process in find_training_processes(server))
    return trained, read_cpu_seconds(server)


async def measure_redraws(
    address: str, cookie: dict[str, str], run: str, server: int, watchers: int, seconds: float
) -> tuple[Row, list[float]]:
    """Watch alone until it trains, then all together; returns the figures and the latencies."""
    latencies, sent = [], []
    await watch(address, cookie, run, 15, [], [])  # the engine starts with the first page
    begun, _other = split_cpu_seconds(server)
    await asyncio.sleep(5)
    before = split_cpu_seconds(server)
    if before[0] - begun < 1:
        raise SystemExit("the run does not train; nothing was measured")
    with stopwatch() as elapsed:
        await asyncio.gather(
            *(watch(address, cookie, run, seconds, latencies, sent) for _ in range(watchers))
        )
        passed = elapsed()
    trained, other = (
        now - then for now, then in zip(split_cpu_seconds(server), before, strict=True)
    )
    ordered = sorted(1000 * latency for latency in latencies)
    row: Row = {
        "watchers": watchers,
        "redraws": len(ordered),
        "redraw, median, ms": statistics.median(ordered),
        "95th percentile, ms": ordered[int(0.95 * len(ordered))],
        "bytes/redraw, median": statistics.median(sent),
        "server beside the training, cores": other / passed,
        "training, cores": trained / passed,
        "load average": os.getloadavg()[0],
    }
    return row, ordered


def draw_latencies(latencies: list[float]) -> go.Figure:
    """Percentiles of the latencies, in words."""
    figure = go.Figure(go.Histogram(x=latencies, marker_color=BLUE))
    figure.update_xaxes(title="milliseconds from asking for a redraw to its end")
    figure.update_yaxes(title="redraws")
    return apply_layout(figure, "Latency of a redraw")


def main() -> None:
    """Set up, measure, tear down."""
    parser = build_parser(__doc__, "watching_browsers")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--watchers", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=30)
    chosen = parser.parse_args()
    path = chosen.data or find_shared_zip("new_photos_20_large.zip")
    with tempfile.TemporaryDirectory() as folder:
        run = queue_run(Path(folder), path)
        with run_server(Path(folder)) as (process, address):
            row, latencies = asyncio.run(
                measure_redraws(
                    address,
                    make_cookie(Path(folder)),
                    run,
                    process,
                    chosen.watchers,
                    chosen.seconds,
                )
            )
    write_report("Watching browsers", [row], [], [draw_latencies(latencies)], [], chosen.page)


if __name__ == "__main__":
    main()
