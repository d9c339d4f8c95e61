"""A process that computes a part of a run that another drives: all ranks but the first.

The first rank starts it by `python -m` this; see `rank_team`. A launcher's own ranks come here by
`follow_if_launched`. It writes no event, checkpoint or result. When its input ends, the first rank
has ended, and it ends too.
"""

import os
import signal
import sys
import threading
import time
import traceback
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transfer_core import dataset
from transfer_core.errors import TransferError
from transfer_core.runs.perform import train_on_pixels
from transfer_core.runs.preparation import RunContext
from transfer_core.runs.rank_embedding import embed_share
from transfer_core.runs.rank_team import open_local_ranks
from transfer_core.runs.store.config_json import from_json
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.system import Ranks, describe_launch, join_launched_ranks, use_device
from transfer_core.training import Checkpointer

# In which the first rank can end the run, if the fault was its own or it has met the same; then
# this rank's death ends the attempt.
LAST_SECONDS = 5.0


def follow_if_launched() -> bool:
    """Follow a run to its end, if a launcher started this process as one of its later ranks.

    Every process of a launcher asks this first. The first rank, and a process without a launcher,
    are told no and perform the run.
    """
    told = describe_launch(os.environ)
    if told is None or told["RANK"] == "0":
        return False
    _leave_signals_to_first()
    follow_run(join_launched_ranks())
    return True


def follow_run(ranks: Ranks) -> None:
    """Do what the first rank tells, until it says that the run is over."""
    begun = ranks.receive()
    while (task := ranks.receive())["do"] != "end":
        context = _make_context(begun, ranks)
        network = context.adapt_network(context.config.strategy)
        if task["do"] == "embed":
            embed_share(ranks, context.folder, network, context.pixels, context.source, task)
        else:
            files = RunDirectory(context.folder)
            try:
                for _event in train_on_pixels(context, network, Checkpointer(files, writes=False)):
                    pass
            except TransferError:
                pass  # the first rank has met the same, and tells of it
    ranks.report_done()


def _make_context(begun: dict[str, Any], ranks: Ranks) -> RunContext:
    """Return what a task works on; anew for each, for the first rank may have decoded more."""
    config, home, folder = from_json(begun["config"]), Path(begun["home"]), Path(begun["directory"])
    data_set, source = dataset.load(home, config.data_id), config.source()
    pixels = dataset.PixelArray(home, data_set, source.transform)
    stopped = RunDirectory(folder).is_stopped
    return RunContext(config, folder, home, data_set, source, pixels, stopped, ranks)


def main(arguments: Iterable[str] | None = None) -> None:
    """Follow the run of the process that started this one."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int, help="of this rank")
    parser.add_argument("count", type=int, help="of ranks")
    parser.add_argument("store", type=Path, help="the file in which they meet")
    parser.add_argument("--threads", type=int, required=True, help="of torch")
    options = parser.parse_args(arguments)
    from transfer_core.system import keep_freed_memory, let_threads_sleep, limit_memory

    _leave_signals_to_first()
    threading.Thread(target=_end_with_input, daemon=True).start()
    let_threads_sleep()
    limit_memory()
    keep_freed_memory()
    import torch

    torch.set_num_threads(options.threads)
    use_device(options.number)
    try:
        follow_run(open_local_ranks(options.number, options.count, options.store))
    except Exception:
        traceback.print_exc()
        time.sleep(LAST_SECONDS)
        os._exit(1)


def _leave_signals_to_first() -> None:
    """Go on where a signal asks all ranks to end: the first still needs them for its checkpoint."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
