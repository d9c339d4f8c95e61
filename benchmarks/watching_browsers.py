"""Thirty browsers watch two runs: what they wait for, and what they cost the training.

    python -m benchmarks.watching_browsers [DATA.zip] [--sessions 30] [--minutes 5] [--runs 2]

Starts a server with a data folder of its own and a run of case 4 that ends long after. The other
runs are performed by engines beside the server, for it trains one long run at a time. First the
first run trains alone, then all of them, both unwatched for a fifth of the time; then the browsers
watch, each one run, and click once in ten seconds so that the whole page is drawn.

Page response: from asking for the page to the end of its script. Chart lag: from the time of each
report of the training to the message whose curve reaches it, at each browser that watched by then.
A redraw's processor time is the server's beyond what it takes unwatched; the draws of whole pages
count as one each. Memory is the server's own, without the processes that train. The client shares
the cores.
"""

import asyncio
import os
import random
import statistics
import tempfile
import time
from bisect import bisect_left
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from benchmarks.browser_session import BrowserSession, open_browser
from benchmarks.report import Claim, Row, build_parser, find_shared_zip, write_report
from benchmarks.server import make_cookie, run_server
from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.figures import BLUE, apply_layout
from transfer_core.networks import get_network
from transfer_core.runs import RunEvent, RunStore, make_run_config, start_engine
from transfer_core.training import RunConfig, Stepped

CLICK_SECONDS = 10.0  # between clicks of a browser
START_SECONDS = 120.0  # until a run trains
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")  # of processor times


def configure_run(home: Path, archive: Path, seed: int) -> RunConfig:
    """A run of case 4 as long as one may be."""
    data, source = dataset.ingest(archive, home=home), get_network("demonstration")
    strategy = plan_strategy(TransferCase.LARGE_DIFFERENT, source.stage_names, kind=source.kind)
    settings = replace(strategy.optimiser, epochs=1000, patience=1000)
    return make_run_config(data, source, replace(strategy, optimiser=settings), seed=seed)


def wait_until_it_trains(store: RunStore, run: str) -> None:
    """Wait for the first steps of a run."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if list_steps(store.events(run)):
            return
        time.sleep(0.5)
    raise SystemExit("the run does not train; nothing was measured")


def list_steps(events: Sequence[RunEvent]) -> list[tuple[float, int]]:
    """The reports of steps: seconds since 1970, and how many steps were taken by then."""
    return [(each.time, each.event.step) for each in events if isinstance(each.event, Stepped)]


def measure_speed(store: RunStore, run: str, begin: float, end: float) -> float:
    """Steps a second of a run between two times."""
    steps = [each for each in list_steps(store.events(run)) if begin <= each[0] <= end]
    (first, before), (last, after) = steps[0], steps[-1]
    return (after - before) / (last - first)


def train_unwatched(store: RunStore, runs: Sequence[str], seconds: float) -> list[float]:
    """Let runs train for some time; returns the steps a second of each."""
    begin = time.time()
    time.sleep(seconds)
    return [measure_speed(store, run, begin, time.time()) for run in runs]


def list_lags(session: BrowserSession, steps: list[tuple[float, int]]) -> Iterator[float]:
    """Seconds from each report to the first curve that reaches it, while a browser watched."""
    if not session.drawn:
        return
    reached = [step for __, step in session.drawn]
    for written, step in steps:
        place = bisect_left(reached, step)
        if written >= session.drawn[0][0] and place < len(reached):
            yield session.drawn[place][0] - written


def read_memory(process: int) -> float:
    """Megabytes of memory that a process holds."""
    status = Path(f"/proc/{process}/status").read_text().split("VmRSS:")[1]
    return int(status.split()[0]) / 1024


def read_cpu_seconds(process: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def read_clocks(process: int) -> tuple[float, float]:
    """Seconds since 1970, and processor seconds of a process so far."""
    return time.time(), read_cpu_seconds(process)


def count_cores(first: tuple[float, float], last: tuple[float, float]) -> float:
    """How many cores a process took between two looks at the clocks."""
    return (last[1] - first[1]) / (last[0] - first[0])


async def watch_together(
    address: str, cookie: dict[str, str], runs: Sequence[str], sessions: int, seconds: float
) -> tuple[list[BrowserSession], list[str]]:
    """Let browsers watch, in no step with each other.

    Returns:
        The browsers with what they received, and what ended one of them early.
    """
    browsers: list[BrowserSession] = []

    async def watch(run: str) -> None:
        await asyncio.sleep(random.random())
        async with open_browser(address, cookie, run) as browser:
            browsers.append(browser)
            await browser.watch(seconds, CLICK_SECONDS * random.uniform(0.8, 1.2))

    chosen = [runs[number % len(runs)] for number in range(sessions)]
    ends = await asyncio.gather(*map(watch, chosen), return_exceptions=True)
    return browsers, [repr(end) for end in ends if end]


async def weigh_meanwhile(
    process: int, watching: Coroutine, seconds: float
) -> tuple[Any, list[float]]:
    """Wait for what `watching` returns; and memory at the beginning, in the middle, at the end."""
    memory = [read_memory(process)]
    task = asyncio.create_task(watching)
    await asyncio.sleep(seconds / 2)
    memory.append(read_memory(process))
    watched = await task
    return watched, [*memory, read_memory(process)]


def find_percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies; NaN without any."""
    ordered = sorted(values)
    return ordered[int(share * len(ordered))] if ordered else float("nan")


def summarise(
    browsers: Sequence[BrowserSession],
    lags: Sequence[float],
    ends: list[str],
    cores: float,
    drawing: float,
) -> tuple[Row, list[Claim]]:
    """What the browsers waited for and received.

    Args:
        browsers: With what they received.
        lags: Seconds of each report until each curve that reaches it.
        ends: What ended a browser early.
        cores: Of the server, while it was watched.
        drawing: Processor seconds of the server for being watched.
    """
    pages = [answer.seconds for browser in browsers for answer in browser.pages]
    redraws = [answer for browser in browsers for answer in browser.redraws]
    errors = [*ends, *(error for browser in browsers for error in browser.errors)]
    for error in sorted(set(errors)):
        print(f"{errors.count(error)} x {error}")
    row: Row = {
        "browsers": len(browsers),
        "pages": len(pages),
        "redraws": len(redraws),
        "redraw, median, s": statistics.median(answer.seconds for answer in redraws),
        "its 95th percentile": find_percentile([each.seconds for each in redraws], 0.95),
        "bytes/redraw, median": statistics.median(answer.bytes for answer in redraws),
        "greatest": max(answer.bytes for answer in redraws),
        "server beside the training, cores": cores,
        "ms of a core/redraw": 1000 * drawing / (len(redraws) + len(pages)),
        "load average": os.getloadavg()[0],
    }
    claims = [
        Claim("page response, median, s", find_percentile(pages, 0.5), at_most=1),
        Claim("page response, 95th percentile, s", find_percentile(pages, 0.95), at_most=1),
        Claim("chart lag, median, s", find_percentile(lags, 0.5), at_most=2.5),
        Claim("chart lag, 95th percentile, s", find_percentile(lags, 0.95), at_most=2.5),
        Claim("errors", len(errors), at_most=0),
    ]
    return row, claims


def draw_lags(lags: Sequence[float]) -> go.Figure:
    """How long the curves lag behind the training."""
    figure = go.Figure(go.Histogram(x=lags, marker_color=BLUE))
    figure.update_xaxes(title="seconds from a report to the curve that reaches it")
    figure.update_yaxes(title="reports, at each browser")
    return apply_layout(figure, "Chart lag")


def measure(
    home: Path, archive: Path, sessions: int, seconds: float, runs: int, page: Path
) -> None:
    """Set up the runs, let them be watched, and report."""
    store, names = RunStore(home), []
    names.append(store.create(configure_run(home, archive, 0), name="watched").id)
    with ExitStack() as stack:
        process, address = stack.enter_context(run_server(home))
        wait_until_it_trains(store, names[0])
        [alone] = train_unwatched(store, names, seconds / 5)
        for seed in range(1, runs):
            engine = stack.enter_context(start_engine(home, resume=False, executor="process"))
            names.append(engine.submit(configure_run(home, archive, seed), name=f"watched {seed}"))
            wait_until_it_trains(store, names[-1])
        resting = read_clocks(process)
        unwatched = train_unwatched(store, names, seconds / 5)
        watched_from = read_clocks(process)
        watching = watch_together(address, make_cookie(home), names, sessions, seconds)
        (browsers, errors), memory = asyncio.run(weigh_meanwhile(process, watching, seconds))
        watched_to = read_clocks(process)
        begin, end = watched_from[0], watched_to[0]
        cores = count_cores(watched_from, watched_to)
        drawing = (cores - count_cores(resting, watched_from)) * (end - begin)
        watched = [measure_speed(store, run, begin, end) for run in names]
        steps = {run: list_steps(store.events(run)) for run in names}
    lags = [lag for browser in browsers for lag in list_lags(browser, steps[browser.run])]
    row, claims = summarise(browsers, lags, errors, cores, drawing)
    notes = ["", f"Run 1 alone and unwatched: {alone:.3g} steps a second."]
    for number, (then, now) in enumerate(zip(unwatched, watched, strict=True), 1):
        what = f"speed of run {number}, watched to unwatched"
        claims.append(Claim(what, now / then, at_least=0.8))
        notes.append(f"Run {number}: {then:.3g} unwatched, {now:.3g} watched.")
    notes.append("Memory of the server, MB, at the beginning, in the middle and at the end:")
    notes.append(", ".join(f"{value:.0f}" for value in memory))
    write_report("Watching browsers", [row], claims, [draw_lags(lags)], notes, page)


def main() -> None:
    """Measure in a data folder that is removed afterwards."""
    parser = build_parser(__doc__, "watching_browsers")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--runs", type=int, default=2)
    chosen = parser.parse_args()
    archive = chosen.data or find_shared_zip("new_photos_20_large.zip")
    with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):
        seconds = 60 * chosen.minutes
        measure(Path(folder), archive, chosen.sessions, seconds, chosen.runs, chosen.page)


if __name__ == "__main__":
    main()
