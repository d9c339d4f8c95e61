"""The ranks of a run on several devices, as the first of them starts and ends the others."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import torch

from transfer_core.dataset import DataSet
from transfer_core.errors import SettingsError
from transfer_core.languages import _
from transfer_core.runs.device_checks import require_shares
from transfer_core.runs.store.config_json import to_json
from transfer_core.system import ALONE, Ranks, WorkStopped, count_devices, join_launched_ranks
from transfer_core.training import RunConfig

LAST_SECONDS = 2.0  # until a rank that does not end by itself is ended
SETTLING_SECONDS = 1.0  # in which a failed exchange is seen to come from the death of a rank
_PACKAGE_PARENT = Path(__file__).resolve().parents[2]

_LOG = logging.getLogger(__name__)


@contextmanager
def gather_ranks(
    config: RunConfig, data_set: DataSet, directory: Path, home: Path
) -> Iterator[Ranks]:
    """Yield the ranks of a run, of which this process is the first; they end with the block.

    They are those that a launcher has started (torchrun, srun, Ray Train), on any number of
    machines that share the data folder. Without a launcher this process starts them on its own
    machine. If one of these dies, so does this process at once, by the same signal: the run then
    goes on behind its checkpoint like any other whose process has died. So several devices need a
    process that performs one run and nothing else.

    Raises:
        SettingsError: If the run or this machine does not fit the number of devices.
    """
    if config.devices == 1:
        yield ALONE
        return
    require_shares(config, data_set)
    launched = join_launched_ranks()
    _require_devices(config, launched)
    with (
        _keep(launched) if launched else _start_ranks(config, home) as ranks,
        _share_threads(ranks),
    ):
        values = {"config": to_json(config), "directory": str(directory), "home": str(home)}
        ranks.tell(do="begin", **values)
        yield ranks


@contextmanager
def _keep(launched: Ranks) -> Iterator[Ranks]:
    try:
        yield launched
    finally:
        launched.tell(do="end")
        end = time.monotonic() + LAST_SECONDS
        with suppress(WorkStopped):  # the messages end with this process
            launched.wait_until_done(lambda: time.monotonic() > end)


@contextmanager
def _start_ranks(config: RunConfig, home: Path) -> Iterator[Ranks]:
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store, ended = Path(folder) / "store", threading.Event()
        others = [_start_rank(number, config, store) for number in range(1, config.devices)]
        for each in others:
            threading.Thread(target=_die_with, args=(each, ended), daemon=True).start()
        try:
            yield open_local_ranks(0, config.devices, store)
        except RuntimeError:  # as an exchange with a dead rank raises before its death is noticed
            time.sleep(SETTLING_SECONDS)
            raise
        finally:
            ended.set()
            for each in others:
                _end(each)


def open_local_ranks(number: int, count: int, store: Path) -> Ranks:
    """Return the ranks of one machine, which meet in a file."""
    from torch.distributed import FileStore

    return Ranks(number, count, FileStore(str(store), count), is_local=True)


def _start_rank(number: int, config: RunConfig, store: Path) -> subprocess.Popen:
    path = os.pathsep.join(filter(None, (str(_PACKAGE_PARENT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "transfer_core.runs.rank_process", str(number)]
    threads = _count_threads(config.devices)
    return subprocess.Popen(
        [*command, str(config.devices), str(store), "--threads", str(threads)],
        stdin=subprocess.PIPE,  # ends with this process, and the rank with it
        stdout=2,  # what this process says on its own output are messages
        env=os.environ | {"PYTHONPATH": path},
    )


def _die_with(rank: subprocess.Popen, ended: threading.Event) -> None:
    """End this process as another rank ends, unless the run is over."""
    code = rank.wait()
    if not ended.is_set():
        _LOG.error("process %d of this run ended with %d, and so does the attempt", rank.pid, code)
        _end_this_process(code)


def _end_this_process(code: int) -> NoReturn:
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code or 1)


def _end(rank: subprocess.Popen) -> None:
    with suppress(OSError):
        rank.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        rank.wait(LAST_SECONDS)
    rank.kill()
    rank.wait()


@contextmanager
def _share_threads(ranks: Ranks) -> Iterator[None]:
    threads = torch.get_num_threads()
    if ranks.is_local:
        torch.set_num_threads(_count_threads(ranks.count))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _count_threads(ranks: int) -> int:
    return max(1, torch.get_num_threads() // ranks)


def _require_devices(config: RunConfig, launched: Ranks | None) -> None:
    if launched:
        there = launched.count
        fits = there == config.devices
    else:
        there = count_devices(config.device)
        fits = there >= config.devices
    if not fits:
        raise SettingsError(
            _("This run needs another number of devices than it has here."),
            found=_("devices: {count}", count=there),
            remedy=_("Start it with {count}.", count=there),
        )
