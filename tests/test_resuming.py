"""A run whose process is killed continues from its checkpoint and ends as if it had not been."""

import math
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from zips import make_class_files, write_zip

from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.networks import get_network
from transfer_core.runs import perform
from transfer_core.runs.launch import make_run_config, start_engine
from transfer_core.runs.perform import perform_run
from transfer_core.runs.store import config_json
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.events import select_events
from transfer_core.system import WorkStopped
from transfer_core.training.checkpoint import Checkpointer, TrainingState
from transfer_core.training.events import BaselineTrained, Ended, EpochEnded, Preparing
from transfer_core.training.loop import Trainer
from transfer_core.training.result import TestResult as Result

EPOCHS = 3
CASES = {1: TransferCase.SMALL_SIMILAR, 3: TransferCase.LARGE_SIMILAR}
SOURCE = get_network("demonstration")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """An empty data folder."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def configs(home):
    """A configuration of each case, with augmentation and dropout where the case has them."""
    files = make_class_files({"a": 20, "b": 20, "c": 20})
    data_set, configs = dataset.ingest(write_zip(home / "noise.zip", files), home=home), {}
    for number, case in CASES.items():
        strategy = plan_strategy(case, SOURCE.stage_names, kind=SOURCE.kind)
        settings = replace(strategy.optimiser, epochs=EPOCHS, batch_size=8, views=int(number == 1))
        strategy = replace(strategy, optimiser=settings)
        config = make_run_config(data_set, SOURCE, strategy, seed=2)
        # What this machine is fastest in plays no part; channels last is the harder layout.
        configs[number] = replace(config, precision="float32", channels_last=True)
    return configs


@pytest.fixture(scope="module")
def uninterrupted(home, configs, tmp_path_factory):
    """Events and weights of each run that nobody interrupts, by case."""
    runs = {}
    for number, config in configs.items():
        folder = tmp_path_factory.mktemp("whole") / "0123456789abcdef"
        folder.mkdir()
        events = list(perform_run(config, folder, home, lambda: False))
        runs[number] = events, load_file(RunDirectory(folder).weights_file)
    return runs


def kill_after(epoch: int, config, folder: Path, home: Path) -> None:
    """Perform a run in another process, which is killed once the epoch's checkpoint is there."""
    script = f"""
        import math, os, signal
        from pathlib import Path
        import torch
        torch.set_num_threads({torch.get_num_threads()})
        from transfer_core.runs.perform import perform_run
        from transfer_core.runs.store import config_json
        from transfer_core.runs.store.directory import RunDirectory
        config = config_json.from_json({config_json.to_json(config)!r})
        folder, home = Path({str(folder)!r}), Path({str(home)!r})
        for _ in perform_run(config, folder, home, lambda: False, checkpoint_time_share=math.inf):
            if RunDirectory(folder).find_checkpoint_epoch() == {epoch}:
                os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    ended = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize(
    ("case", "epoch"),
    [(1, 2), (3, 2), *(pytest.param(3, each, marks=pytest.mark.thorough) for each in (1, EPOCHS))],
)
def test_a_run_killed_after_any_epoch_ends_with_the_same_weights(
    case, epoch, home, configs, uninterrupted, tmp_path
):
    folder = tmp_path / "0123456789abcdef"
    folder.mkdir()
    kill_after(epoch, configs[case], folder, home)
    events = list(perform_run(configs[case], folder, home, lambda: False))
    expected_events, expected = uninterrupted[case]
    weights = load_file(RunDirectory(folder).weights_file)
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    epochs = [event.epoch for event in events if isinstance(event, EpochEnded)]
    assert epochs == list(range(epoch + 1, EPOCHS + 1))
    assert events[-1] == expected_events[-1]  # the result
    assert find(events, Ended).best_epoch == find(expected_events, Ended).best_epoch
    assert find(events, Ended).changes == find(expected_events, Ended).changes


@pytest.mark.parametrize(
    "steps", [5, *(pytest.param(each, marks=pytest.mark.thorough) for each in (2, 8))]
)
@pytest.mark.parametrize("case", CASES)
def test_a_run_interrupted_after_any_step_ends_with_the_same_weights(
    case, steps, home, configs, uninterrupted, tmp_path, monkeypatch
):
    taken, take_step, events = [], Trainer._take_step, []

    def count_step(trainer, *given):
        taken.extend([1] if trainer._checkpointer else [])  # not those of the head alone
        return take_step(trainer, *given)

    monkeypatch.setattr(Trainer, "_take_step", count_step)
    for event in perform_run(configs[case], tmp_path, home, lambda: len(taken) >= steps):
        if isinstance(event, Ended):
            break  # as an executor does that ends with its program
        events.append(event)
    assert isinstance(event, Ended) and event.reason == "stopped"
    monkeypatch.undo()
    assert RunDirectory(tmp_path).find_checkpoint_epoch() == len(select_epochs(events))
    events += perform_run(configs[case], tmp_path, home, lambda: False)
    expected_events, expected = uninterrupted[case]
    weights = load_file(RunDirectory(tmp_path).weights_file)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert events[-1] == expected_events[-1]
    assert select_epochs(events) == select_epochs(expected_events)


def test_a_run_interrupted_while_its_head_is_trained_alone_ends_with_the_same_weights(
    home, configs, uninterrupted, tmp_path, monkeypatch
):
    taken, take_step = [], Trainer._take_step
    monkeypatch.setattr(Trainer, "_take_step", lambda *a: taken.append(1) or take_step(*a))
    for event in perform_run(configs[3], tmp_path, home, lambda: len(taken) >= 5):
        if isinstance(event, Ended):
            break
    assert len(taken) == 5 and RunDirectory(tmp_path).find_resume_epoch() is None
    events = list(perform_run(configs[3], tmp_path, home, lambda: False))
    assert events[-1] == uninterrupted[3][0][-1]
    assert select_epochs(events) == select_epochs(uninterrupted[3][0])


def select_epochs(events):
    """The measurements of every epoch, without its time."""
    return [replace(event, seconds=0.0) for event in events if isinstance(event, EpochEnded)]


def find(events, kind):
    """The only event of a kind."""
    (event,) = (event for event in events if isinstance(event, kind))
    return event


def test_a_resumed_run_does_not_train_its_baseline_again(home, configs, uninterrupted, tmp_path):
    for _ in perform_run(configs[3], tmp_path, home, lambda: False, checkpoint_time_share=math.inf):
        if RunDirectory(tmp_path).find_checkpoint_epoch():
            break
    events = list(perform_run(configs[3], tmp_path, home, lambda: False))
    work = {event.what for event in events if isinstance(event, Preparing)}
    assert "Training the new layer alone" not in work
    baselines = (find(each, BaselineTrained) for each in (events, uninterrupted[3][0]))
    assert len({(each.validation_loss, each.validation_accuracy) for each in baselines}) == 1


@pytest.mark.parametrize("case", CASES)
def test_a_stop_while_a_resumed_run_prepares_keeps_what_it_had_learned(
    case, home, configs, uninterrupted, tmp_path, monkeypatch
):
    def stop_decoding(context):
        raise WorkStopped
        yield

    for _ in perform_run(
        configs[case], tmp_path, home, lambda: False, checkpoint_time_share=math.inf
    ):
        if RunDirectory(tmp_path).find_checkpoint_epoch() == 2:
            break
    monkeypatch.setattr(perform, "decode_images", stop_decoding)
    events = list(perform_run(configs[case], tmp_path, home, lambda: True))
    ended, losses = (
        find(events, Ended),
        [
            event.validation_loss
            for event in uninterrupted[case][0]
            if isinstance(event, EpochEnded)
        ],
    )
    assert (ended.reason, ended.epochs) == ("stopped", 2)
    assert ended.best_epoch == 1 + min((0, 1), key=lambda epoch: losses[epoch])
    assert isinstance(events[-1], Result)


def test_a_killed_server_continues_its_run_when_it_starts_again(
    home, configs, uninterrupted, tmp_path
):
    """The engine, its store and its log, from the first process to the second."""
    script = f"""
        import os, signal, time
        from pathlib import Path
        import torch
        from transfer_core.runs.launch import start_engine
        from transfer_core.runs.store import config_json
        from transfer_core.training import checkpoint
        torch.set_num_threads({torch.get_num_threads()})
        checkpoint.ASSUMED_SAVE_SECONDS = 0  # so that the first epoch already leaves one
        engine = start_engine(Path({str(home)!r}))
        run = engine.submit(config_json.from_json({config_json.to_json(configs[3])!r}))
        while not engine.directory(run).find_latest_checkpoint():
            time.sleep(0.01)
        print(run, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    killed = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with start_engine(home, executor="process") as engine:
        run = engine.wait(killed.stdout.strip(), timeout=120)
        log, files = engine.events(run.id), engine.directory(run.id)
    assert not files.checkpoints_folder.exists()
    expected_events, expected = uninterrupted[3]
    assert (run.state, run.attempt) == ("finished", 2) and run.result == expected_events[-1]
    weights = load_file(files.weights_file)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    epochs = [(e.epoch, e.validation_loss) for e in select_events(log, EpochEnded)]
    assert epochs == [
        (e.epoch, e.validation_loss) for e in expected_events if isinstance(e, EpochEnded)
    ]


class CountingStore:
    """Counts the checkpoints that it is given."""

    def __init__(self):
        self.epochs = []

    def save_checkpoint(self, epoch, write, suffix):
        self.epochs.append(epoch)

    def find_latest_checkpoint(self):
        return None

    def is_stopped(self):
        return False


@pytest.mark.parametrize("seconds", [0.01, 0.2, 1.0])
def test_checkpoints_take_no_more_than_their_share_of_the_time(seconds, monkeypatch):
    now, store = [0.0], CountingStore()
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    checkpointer = Checkpointer(store, max_time_share=0.02)

    def capture():
        now[0] += seconds
        return TrainingState({"w": torch.zeros(1)}, {})

    for epoch in range(1, 1001):
        now[0] += 1
        checkpointer.save_if_due(epoch, capture)
    assert store.epochs[0] == 10  # a fiftieth of ten seconds is what the first may take
    assert seconds * len(store.epochs) <= 0.021 * now[0]
    assert len(store.epochs) >= min(900, 0.9 * 0.02 * now[0] / seconds)


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(tmp_path, caplog):
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    checkpointer = Checkpointer(RunDirectory(tmp_path), math.inf)
    checkpointer.save_if_due(4, lambda: TrainingState({"w": torch.zeros(1)}, {}))
    assert "no checkpoint was written after epoch 4" in caplog.text
    assert checkpointer.load() is None


def test_a_checkpoint_of_another_format_is_not_resumed_from(tmp_path):
    files = RunDirectory(tmp_path)
    files.save_checkpoint(1, lambda path: path.write_text("1"), ".txt")
    assert Checkpointer(files).load() is None
    checkpointer = Checkpointer(files, math.inf)
    checkpointer.save_if_due(2, lambda: TrainingState({"w": torch.ones(2)}, {"epoch": 2}))
    state = checkpointer.load()
    assert torch.equal(state.tensors["w"], torch.ones(2)) and state.values["epoch"] == 2
