"""Kill the server or one of its processes at random moments, and look what is left.

    python -m benchmarks.kills [--kills 100] [--seed 0] [--phases upload ingest ...] [--resume]

In turn a file is uploaded, a zip of images is read in, a run embeds its images, a run trains, a run
is exported, and a data set is downloaded. At a random moment of it the server, or the process that
does the work, gets SIGKILL; a killed server is started again. Nothing half may then be visible, and
what is left over must be swept. The work must end by itself or be plainly marked, and be the same,
bit for bit, once it is brought to its end. Every kill is kept in a file, with which `--resume` goes
on.
"""

import argparse
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from benchmarks.kills.files import DownloadPhase, ExportPhase, IngestPhase, UploadPhase
from benchmarks.kills.phase import Phase, try_kills
from benchmarks.kills.server import Background, Server, make_run_orders, serve
from benchmarks.kills.tally import Tally
from benchmarks.kills.trainings import RunPhase
from pages.server.upload_route import UPLOAD_ROUTE
from pages.server.uploads import get_uploads
from pages.shared.downloads import IMAGES_ROUTE
from transfer_core import dataset
from transfer_core.dataset import DataSet, samples
from transfer_core.runs import sweep_orphans
from transfer_core.system import hash_file, ignore_progress
from transfer_core.workspaces import open_workspaces

DATA_SETS = {"head": "digits", "whole": "plankton"}  # by the kind of run
PHASES: dict[str, Callable[[Server], Phase]] = {
    "upload": UploadPhase,
    "ingest": IngestPhase,
    "embedding": lambda server: RunPhase("embedding", "head", server, only_before_training=True),
    "training": lambda server: RunPhase("training", "whole", server),
    "export": ExportPhase,
    "download": DownloadPhase,
}


def _serve(home: Path) -> None:
    """The server: what only moves files needs no engine, which takes long to start."""
    serve(_make_run_orders(home) | _make_file_orders(home))


def _make_run_orders(home: Path) -> dict[str, Callable[..., object]]:
    """The orders for runs; the first one starts an engine."""

    @cache
    def start() -> dict[str, Callable[..., object]]:
        return _start_engine(home)

    def forward(order: str) -> Callable[..., object]:
        return lambda *words: start()[order](*words)

    return {order: forward(order) for order in ("submit", "resume", "busy", "finished")}


def _start_engine(home: Path) -> dict[str, Callable[..., object]]:
    """Real trainings on two data sets, with a checkpoint as soon as there is something."""
    import torch

    from transfer_core.cases import TransferCase, plan_strategy
    from transfer_core.networks import get_network
    from transfer_core.runs import Engine, ProcessExecutor, make_run_config

    torch.set_num_threads(1)
    source, plans = get_network("demonstration"), {}
    cases = {"head": TransferCase.SMALL_SIMILAR, "whole": TransferCase.LARGE_SIMILAR}
    for kind, name in DATA_SETS.items():
        strategy = plan_strategy(cases[kind], source.stage_names, kind=source.kind)
        epochs = strategy.optimiser.epochs if kind == "head" else 5
        strategy = replace(strategy, optimiser=replace(strategy.optimiser, epochs=epochs))
        config = make_run_config(_take_in(home, name), source, strategy, 0)
        # Which precision is faster each server measures anew.
        plans[kind] = replace(config, precision="float32", channels_last=True)
    command = [sys.executable, "-m", "benchmarks.kills", "--work", str(home), "--threads", "1"]
    executor = ProcessExecutor(command)
    engine = Engine(home, executor)

    def find_finished() -> str:
        runs = (run.id for run in engine.list_runs() if run.result)
        return next(runs, None) or engine.wait(engine.submit(plans["head"])).id

    orders = make_run_orders(engine, executor, lambda kind: engine.submit(plans[kind]))
    return orders | {"finished": find_finished}


def _take_in(home: Path, name: str) -> DataSet:
    """One of the samples, from the store if it is there."""
    file = home / f"{name}.zip"
    return dataset.ingest(
        file if file.exists() else samples.write_sample_zip(name, file), home=home
    )


def _make_file_orders(home: Path) -> dict[str, Callable[..., object]]:
    """What the server does with files: on the routes of the app, and on a thread as pages do."""
    sweep_orphans(home)
    port, background, uploads = _open_routes(), Background(), get_uploads()

    def find_shelf() -> str:
        workspaces, data_id = open_workspaces(home), _take_in(home, DATA_SETS["head"]).id
        return f"/downloads/images/{workspaces.hold(workspaces.this_computer, data_id)}"

    def find_taken() -> str:
        taken = uploads.take("me", "data")
        return hash_file(taken.path) if taken else "nothing"

    def export(run: str, kind: str) -> None:
        from transfer_core.export import export_run, prepare_download  # brings torch

        if kind == "files":
            background.begin(lambda: export_run(home, run, "weights", home / "out"))
        else:
            background.begin(lambda: prepare_download(home, run, kind, ignore_progress))

    return {
        "port": lambda: port,
        "expect": lambda size: f"{port} {uploads.expect('me', 'data', 'a.zip', int(size))}",
        "taken": find_taken,
        "drop": lambda: uploads.drop("me", "data"),
        "ingest": lambda file: background.begin(lambda: dataset.ingest(Path(file), home=home).id),
        "forget": lambda known: dataset.remove_data_set(home, known),
        "export": export,
        "shelf": find_shelf,
        "tell": background.tell,
    }


def _open_routes() -> int:
    """Serve the app's own addresses for files on a thread; return the port."""
    place = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[UPLOAD_ROUTE, IMAGES_ROUTE])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    threading.Thread(target=server.run, args=([place],), daemon=True).start()
    return place.getsockname()[1]


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
        return _serve(Path(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=list(PHASES))
    parser.add_argument("--file", type=Path, default=Path("kills.jsonl"))
    parser.add_argument("--resume", action="store_true", help="go on behind the kills in the file")
    chosen = parser.parse_args()
    if not chosen.resume:
        chosen.file.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRANSFER_HOME"] = folder
        server = Server([sys.executable, "-m", "benchmarks.kills", "--serve"], Path(folder))
        phases = [PHASES[name](server) for name in chosen.phases]
        tally = try_kills(server, phases, chosen.kills, chosen.seed, Tally(chosen.file))
    print(tally.make_table())
    print("\n".join(tally.faults) or "Nothing was lost or differs; the database is whole.")
    sys.exit(bool(tally.faults))


if __name__ == "__main__":
    main()
