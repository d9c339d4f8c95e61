"""Several processes that train one run together get the result of one."""

import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import test_runs_engine
import torch
from rank_training import train
from safetensors.torch import load_file
from test_runs_engine import WAIT, wait_for
from zips import make_class_files, write_zip

from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.errors import SettingsError
from transfer_core.features import embed_with_runtime, make_runtime
from transfer_core.networks import adapt, get_network
from transfer_core.runs import rank_process, rank_team
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.engine.process_executor import ProcessExecutor
from transfer_core.runs.launch import launch_run, make_run_config, start_engine
from transfer_core.runs.perform import perform_run
from transfer_core.runs.rank_embedding import embed_on_ranks
from transfer_core.runs.rank_team import open_local_ranks
from transfer_core.runs.store.config_json import to_json
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.events import select_events
from transfer_core.runs.store.records import RunState
from transfer_core.system import Ranks, describe_launch
from transfer_core.training.events import Ended, EpochEnded, Started
from transfer_core.training.result import TestResult as Result

FOLDER = Path(__file__).parent
SCRIPT = FOLDER / "rank_training.py"
SOURCE = get_network("demonstration")


@pytest.mark.parametrize(("length", "count"), [(64, 2), (7, 3), (2, 3)])
def test_shares_hold_every_item_once_and_differ_by_one_at_most(length, count):
    shares = [range(length)[Ranks(number, count).get_share(length)] for number in range(count)]
    assert [item for share in shares for item in share] == list(range(length))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.fixture
def one_thread():
    """As the ranks have: the sums of several threads are rounded in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_two_ranks_train_what_one_trains(tmp_path):
    expected_events, expected = train()
    command = [sys.executable, SCRIPT, "1", "2", tmp_path / "store", tmp_path / "second"]
    with subprocess.Popen(command) as second:
        events, weights = train(open_local_ranks(0, 2, tmp_path / "store"))
        assert second.wait(60) == 0
    theirs = load_file(tmp_path / "second")
    for name, value in weights.items():
        assert torch.equal(value, theirs[name]), name
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-4)
    for told, other in zip(pick(events), pick(expected_events), strict=True):
        if isinstance(told, EpochEnded):
            assert told.step == other.step and told.train_accuracy == other.train_accuracy
            assert told.train_loss == pytest.approx(other.train_loss, rel=1e-4)
            assert told.validation_loss == pytest.approx(other.validation_loss, rel=1e-4)
            assert told.validation_accuracy == other.validation_accuracy
        else:
            assert told == other


def pick(events):
    """What does not depend on time."""
    return [
        replace(event, seconds=0.0, images_per_second=0.0, changes=())
        if isinstance(event, Ended)
        else event
        for event in events
        if isinstance(event, Started | EpochEnded | Ended)
    ]


def test_launchers_tell_their_ranks_by_torchruns_or_slurms_variables():
    torchrun = {
        "RANK": "3",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "4",
        "MASTER_ADDR": "node",
        "MASTER_PORT": "29500",
    }
    assert describe_launch(torchrun | {"PATH": "/bin"}) == torchrun
    srun = {
        "SLURM_PROCID": "3",
        "SLURM_LOCALID": "1",
        "SLURM_STEP_NUM_TASKS": "4",
        "SLURM_STEP_NODELIST": "gpu-[07-08,11]",
        "SLURM_JOB_ID": "41234",
    }
    assert describe_launch(srun) == torchrun | {"MASTER_ADDR": "gpu-07", "MASTER_PORT": "21234"}
    assert describe_launch(srun | {"SLURM_STEP_NODELIST": "a,b"})["MASTER_ADDR"] == "a"
    for alone in ({}, {"SLURM_PROCID": "0", "SLURM_JOB_ID": "1"}, torchrun | {"WORLD_SIZE": "1"}):
        assert describe_launch(alone) is None


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A data folder."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def data_set(home):
    """Sixty images of noise in three classes."""
    files = make_class_files({"a": 20, "b": 20, "c": 20})
    return dataset.ingest(write_zip(home / "noise.zip", files), home=home)


@pytest.fixture
def config(data_set):
    """A run of case 4 from random weights, with augmentation, batch norm and dropout."""
    strategy = plan_strategy(
        TransferCase.LARGE_DIFFERENT, SOURCE.stage_names, initialise="random", kind=SOURCE.kind
    )
    settings = replace(strategy.optimiser, epochs=4, patience=4, batch_size=9)
    config = make_run_config(data_set, SOURCE, replace(strategy, optimiser=settings), 3, devices=2)
    return replace(config, precision="float32", channels_last=True)


def test_each_image_is_embedded_on_one_rank_and_all_embeddings_are_those_of_one(
    home, data_set, config, tmp_path
):
    network, store = adapt(SOURCE, config.strategy, 3, config.seed), torch.distributed.HashStore()
    given = network, dataset.PixelArray(home, data_set, SOURCE.transform), SOURCE, ("conv1", "fc1")
    runtime, chosen = make_runtime("torch"), np.array([1, 2, 3, 5, 8, 13, 21])
    first, seen = Ranks(0, 2, store), []
    follower = threading.Thread(target=rank_process.follow_run, args=(Ranks(1, 2, store),))
    follower.start()
    first.tell(do="begin", config=to_json(config), directory=str(tmp_path), home=str(home))
    for indices in (chosen, None):
        options = {"runtime": runtime, "indices": indices}
        found = embed_on_ranks(
            first, tmp_path, *given, **options, progress=lambda *done: seen.append(done[1:])
        )
        expected = embed_with_runtime(*given, **options)
        for stage, values in expected.items():
            np.testing.assert_allclose(found[stage], values, rtol=1e-4, atol=1e-5)
    first.tell(do="end")
    follower.join(WAIT)
    assert not follower.is_alive() and not list(tmp_path.iterdir())
    assert (7, 7) in seen and seen[-1] == (60, 60)


def test_killed_rank_ends_its_attempt_and_another_goes_on_with_any_number_of_devices(
    home, config, tmp_path, monkeypatch
):
    told = []
    monkeypatch.setattr(rank_team, "_end_this_process", told.append)
    events = []
    with pytest.raises(RuntimeError, match="[Cc]onnection|gloo"):
        for event in perform(config, tmp_path, home):
            events.append(event)
            if RunDirectory(tmp_path).find_checkpoint_epoch() == 2:
                (rank,) = list_ranks(os.getpid())
                os.kill(rank, signal.SIGKILL)
    wait_for(lambda: told == [-signal.SIGKILL])
    assert not list_ranks(os.getpid())
    events += perform(replace(config, devices=1), tmp_path, home)
    assert isinstance(events[-1], Result)
    assert [e.epoch for e in events if isinstance(e, EpochEnded)] == [1, 2, 3, 4]


def list_ranks(parent):
    """The ids of the living ranks that a process has started."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, mother = (each / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(mother) == parent and state != "Z":
                is_rank = b"rank_process" in (each / "cmdline").read_bytes()
                found += [int(each.name)] * is_rank
    return found


def perform(config, folder, home):
    """The events of a run that writes a checkpoint every epoch."""
    return perform_run(config, folder, home, lambda: False, checkpoint_time_share=math.inf)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"devices": 20}, "images in a batch"),
        ({"compiled": True}, "torch.compile"),
        ({"device": "cuda"}, "number of devices"),
    ],
)
def test_run_that_does_not_fit_its_devices_is_refused(changes, said, home, config, tmp_path):
    if changes == {"device": "cuda"} and torch.cuda.device_count() > 1:
        pytest.skip("this machine has the GPUs")
    with pytest.raises(SettingsError, match=said):
        next(perform(replace(config, **changes), tmp_path, home))


def test_thread_refuses_several_devices(home, config):
    with start_engine(home) as engine:
        run = engine.wait(engine.submit(config), WAIT)  # as one that was queued for processes
        assert run.state is RunState.failed and run.error.remedy == "Choose at most 1."


@pytest.mark.parametrize(
    ("most", "changes", "said"),
    [
        (1, {}, "at most 1"),
        (2, {"compiled": True}, "torch.compile"),
        (50, {"devices": 50}, "batch"),
    ],
)
def test_run_on_too_many_devices_is_refused_before_it_is_queued(
    most, changes, said, home, data_set
):
    strategy = plan_strategy(TransferCase.LARGE_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind)
    with start_engine(home) as engine:
        engine.max_devices, before = most, engine.list_runs()
        with pytest.raises(SettingsError, match=said):
            launch_run(engine, data_set, SOURCE, strategy, 0, **{"devices": 2} | changes)
        assert engine.list_runs() == before


@pytest.mark.thorough
def test_run_among_the_ranks_of_a_launcher(home, config, tmp_path, monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    launch = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_RANK": "0"}
    follow = "from transfer_core.runs import rank_process as r; assert r.follow_if_launched()"
    command = [sys.executable, "-c", follow]
    for name, value in launch.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RANK", "1")
    with subprocess.Popen(command, cwd=FOLDER.parent) as second:
        monkeypatch.setenv("RANK", "0")
        assert not rank_process.follow_if_launched()
        events = list(perform(config, tmp_path, home))
        assert second.wait(10 * WAIT) == 0
    assert isinstance(events[-1], Result)


@pytest.mark.thorough  # half a minute of processor time
def test_run_of_two_ranks_survives_a_killed_one_with_the_same_result_and_can_be_stopped(
    home, config, tmp_path, monkeypatch
):
    monkeypatch.setattr(test_runs_engine, "WAIT", 400.0)
    settings = config.strategy.optimiser
    longer = replace(config.strategy, optimiser=replace(settings, epochs=12, patience=12))
    config = replace(config, strategy=longer)
    expected = list(perform(config, tmp_path, home))
    command = [sys.executable, str(FOLDER / "rank_worker.py"), str(home)]
    executor = ProcessExecutor(command)
    with Engine(home, executor) as engine:
        run_id = engine.submit(config)
        wait_for(lambda: engine.directory(run_id).find_checkpoint_epoch())
        (worker,) = executor.list_busy_processes()
        (rank,) = list_ranks(worker)
        os.kill(rank, signal.SIGKILL)
        run = engine.wait(run_id, 400)
        assert (run.state, run.attempt, run.result) == ("finished", 2, expected[-1])
        weights = [
            load_file(RunDirectory(f).weights_file)
            for f in (tmp_path, engine.directory(run_id).path)
        ]
        assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
        epochs = [e.epoch for e in select_events(engine.events(run_id), EpochEnded)]
        assert epochs == list(range(1, 13))

        endless = replace(longer, optimiser=replace(settings, epochs=1000, patience=1000))
        run_id = engine.submit(replace(config, strategy=endless))
        wait_for(lambda: select_events(engine.events(run_id), EpochEnded))
        (worker,) = executor.list_busy_processes()
        (rank,) = list_ranks(worker)
        for each in (signal.SIGINT, signal.SIGTERM):  # as to all processes of a terminal or a job
            os.kill(rank, each)
        began = time.monotonic()
        engine.stop(run_id)
        run = engine.wait(run_id, 20)
        assert run.state is RunState.stopped and run.result
        print(f"stopped after {time.monotonic() - began:.1f} s")
        assert not list_ranks(worker)
