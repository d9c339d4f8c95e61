"""A process that performs runs for an engine, one at a time: `python -m` this, as it is started.

It is told by lines of JSON on its standard input ({"perform": RUN} and {"stop": RUN}) and tells
by lines on its standard output: {"ready": true}, {"event": [kind, values]}, and at the end of a
run {"outcome": state, "error": ...}. The run directory has the rest. When its input ends, its
engine has ended: it interrupts its run, which writes a checkpoint, and ends too.
"""

import json
import os
import signal
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

from transfer_core.runs.engine.executor import RunFunction
from transfer_core.runs.engine.thread_executor import ThreadExecutor
from transfer_core.runs.store.config_json import from_json
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.events import encode_event, encode_values

EXIT_SECONDS = 8.0  # until a run that does not react ends with its process


def serve_runs(home: Path, run_function: RunFunction) -> None:
    """Perform the runs that standard input names until it ends, or the process is to end.

    Args:
        home: The data folder.
        run_function: Performs a run.
    """
    told = _take_standard_output()
    executor, waiting = ThreadExecutor(run_function), SimpleQueue()

    def end(*_signal: Any) -> None:
        executor.close()
        waiting.put(None)
        timer = threading.Timer(EXIT_SECONDS, os._exit, (1,))
        timer.daemon = True
        timer.start()

    def listen() -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if "perform" in message:
                waiting.put(message["perform"])
            else:
                executor.cancel(message["stop"])
        end()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the engine, which then says so
    threading.Thread(target=listen, daemon=True).start()
    _tell(told, {"ready": True})
    while (run_id := waiting.get()) is not None:
        _perform(executor, RunDirectory.locate(home, run_id), told)


def _perform(executor: ThreadExecutor, directory: RunDirectory, told: TextIO) -> None:
    spec = json.loads(directory.spec_file.read_bytes())
    executor.submit(from_json(json.dumps(spec["config"])), directory)
    for event in executor.events(directory.id):
        _tell(told, {"event": encode_event(event)})
    outcome = executor.pop_outcome(directory.id)
    error = encode_values(outcome.error) if outcome.error else None
    _tell(told, {"outcome": outcome.state, "error": error})


def _take_standard_output() -> TextIO:
    """Return standard output for messages alone; what else is printed goes to standard error."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return told


def _tell(told: TextIO, message: dict[str, Any]) -> None:
    try:
        told.write(json.dumps(message) + "\n")
        told.flush()
    except OSError:
        pass  # the engine has ended; standard input will say so


def main(arguments: Iterable[str] | None = None) -> None:
    """Serve an engine with the real trainings, everything that they need imported ahead."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--threads", type=int, required=True, help="of torch")
    options = parser.parse_args(arguments)
    from transfer_core.system import give_way, let_threads_sleep, limit_memory

    give_way()  # to the pages, which a person waits for
    let_threads_sleep()
    limit_memory()
    import torch

    from transfer_core.runs.launch import make_run_function

    torch.set_num_threads(options.threads)
    run_function = make_run_function(options.home)
    _warm_up()
    serve_runs(options.home, run_function)


def _warm_up() -> None:
    """Use once what a run uses: its imports take seconds, most of them only at the first use."""
    import torch

    from transfer_core.cases import TransferCase, plan_strategy
    from transfer_core.features import build_onnx_graph, open_onnx_session
    from transfer_core.networks import DEFAULT_NETWORK, adapt, get_network, list_head_stages

    source = get_network(DEFAULT_NETWORK)
    case = TransferCase.SMALL_SIMILAR
    strategy = plan_strategy(case, source.stage_names, kind=source.kind)
    network = adapt(source, strategy, 2, seed=0)
    stages = list_head_stages(source, strategy)
    open_onnx_session(build_onnx_graph(network, stages, source.input_size))
    torch.optim.SGD(network.parameters(), 0.1).zero_grad()


if __name__ == "__main__":
    main()
