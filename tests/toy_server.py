"""A server of toy runs that takes orders, see benchmarks/kills: `python toy_server.py HOME`."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from toy_runs import make_config  # noqa: E402

from benchmarks.kills.server import make_run_orders, serve  # noqa: E402
from transfer_core.runs.engine.engine import Engine  # noqa: E402
from transfer_core.runs.engine.process_executor import ProcessExecutor  # noqa: E402

if __name__ == "__main__":
    home = Path(sys.argv[1])
    executor = ProcessExecutor([sys.executable, str(TESTS / "toy_worker.py"), str(home), "short"])
    with Engine(home, executor) as engine:
        serve(make_run_orders(engine, executor, lambda kind: engine.submit(make_config(), kind)))
