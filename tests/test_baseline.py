"""Cases 3 and 4 keep what training everything gave, beside the head trained alone."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.networks import get_network
from transfer_core.networks.kept_stages import resolve_effective_strategy
from transfer_core.networks.network_builder import load_pretrained
from transfer_core.runs.launch import make_run_config
from transfer_core.runs.perform import perform_run
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.training.events import BaselineTrained, Ended, EpochEnded, Preparing, Started
from transfer_core.training.result import TestResult as Result

SOURCE = get_network("demonstration")
ORIGINAL = load_pretrained(SOURCE).state_dict()


@pytest.fixture
def colours(tmp_path, transfer_home):
    """A data set of three colours, which a head learns at once."""
    noise = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "colours.zip", "w") as archive:
        for label in range(3):
            for number in range(20):
                pixels = noise.integers(0, 100, (64, 64, 3), dtype=np.uint8)
                pixels[..., label] += 120
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "PNG")
                archive.writestr(f"{label}/{number}.png", buffer.getvalue())
    return dataset.ingest(tmp_path / "colours.zip", home=transfer_home)


def run(data_set, home, folder, case=TransferCase.LARGE_SIMILAR, stop_at=None, **changes):
    """Events of a run that is stopped at the first event for which `stop_at` is true."""
    strategy = plan_strategy(case, SOURCE.stage_names, kind=SOURCE.kind)
    strategy = replace(strategy, optimiser=replace(strategy.optimiser, **{"epochs": 1} | changes))
    events = []
    stopping = perform_run(
        make_run_config(data_set, SOURCE, strategy, 0),
        folder,
        home,
        lambda: bool(stop_at) and any(map(stop_at, events)),
    )
    for event in stopping:
        events.append(event)
    return events


def find(events, kind):
    """The last event of a kind; None if there is none."""
    return next((event for event in reversed(events) if isinstance(event, kind)), None)


def is_head_training(event) -> bool:
    """Whether some epochs of the head alone have been trained."""
    return isinstance(event, Preparing) and "alone" in event.what and event.done == 20


def list_moved_stages(folder) -> set[str]:
    """Stages of the network that a run kept whose weights are not the pre-trained ones."""
    kept = load_file(RunDirectory(folder).weights_file)
    return {
        name.split(".")[0]
        for name, value in kept.items()
        if name not in ORIGINAL or not torch.equal(value, ORIGINAL[name])
    }


def test_training_everything_starts_from_the_head_trained_alone_if_asked(
    colours, transfer_home, tmp_path
):
    """At a rate of nearly 0 nothing learns any more, so the result is the start itself."""
    for first in (True, False):
        settings = {"learning_rate": 1e-9, "train_head_first": first, "augment": False}
        folder = tmp_path / str(first)
        folder.mkdir()
        events = run(colours, transfer_home, folder, freeze_batch_norm=True, **settings)
        head, result = load_file(RunDirectory(folder).baseline_file), find(events, Result)
        kept = load_file(RunDirectory(folder).weights_file)["head.linear.weight"]
        assert torch.allclose(kept, head["linear.weight"], atol=1e-5) is first
        assert (result.accuracy == result.baseline_accuracy == 1) is first


def test_case_3_keeps_what_training_everything_gave_though_the_head_alone_is_better(
    colours, transfer_home, tmp_path
):
    settings = {"learning_rate": 1e-6, "train_head_first": False, "interpolation": 1.0}
    events = run(colours, transfer_home, tmp_path, **settings)
    ended, result = find(events, Ended), find(events, Result)
    assert (ended.reason, ended.best_epoch) == ("all epochs", 1)
    assert list_moved_stages(tmp_path) == {"conv1", "conv2", "conv3", "fc1", "fc2", "head"}
    assert result.accuracy < result.baseline_accuracy
    assert result.validation_accuracy < result.baseline_validation_accuracy
    told = "The new layer trained alone, with everything else frozen as in case 1, is right on "
    assert told + f"{result.baseline_accuracy:.1%} of them" in result.sentence


def test_the_head_trained_alone_is_kept_with_what_it_reached(colours, transfer_home, tmp_path):
    events = run(colours, transfer_home, tmp_path)
    baseline, result = find(events, BaselineTrained), find(events, Result)
    assert baseline.validation_accuracy == result.baseline_validation_accuracy
    head = load_file(RunDirectory(tmp_path).baseline_file)
    assert {name: tuple(value.shape) for name, value in head.items()} == {
        "linear.weight": (3, 512),
        "linear.bias": (3,),
    }
    case_1 = run(colours, transfer_home, tmp_path, TransferCase.SMALL_SIMILAR, epochs=100)
    assert find(case_1, Result).accuracy == result.baseline_accuracy
    assert find(case_1, Ended).validation_accuracy == baseline.validation_accuracy
    assert find(case_1, Result).baseline_accuracy is None


@pytest.mark.parametrize(
    ("case", "changes"),
    [(TransferCase.LARGE_DIFFERENT, {}), (TransferCase.SMALL_DIFFERENT, {})],
    ids=["random weights", "frozen stages"],
)
def test_other_runs_have_no_baseline(case, changes, colours, transfer_home, tmp_path):
    events = run(colours, transfer_home, tmp_path, case, **changes)
    assert find(events, BaselineTrained) is None and find(events, Result).baseline_accuracy is None
    assert not RunDirectory(tmp_path).baseline_file.exists()


STOPS = {
    "while the head is trained": is_head_training,
    "after the head was trained": lambda event: isinstance(event, BaselineTrained),
    "in the first epoch of everything": lambda event: isinstance(event, Started),
}


@pytest.mark.parametrize("stop_at", STOPS.values(), ids=STOPS)
def test_a_stop_before_an_epoch_of_everything_keeps_the_head_and_says_so(
    stop_at, colours, transfer_home, tmp_path
):
    events = run(colours, transfer_home, tmp_path, stop_at=stop_at)
    ended, result = find(events, Ended), find(events, Result)
    assert sum(isinstance(event, Ended) for event in events) == 1
    assert (ended.reason, ended.epochs, ended.best_epoch) == ("stopped", 0, None)
    assert list_moved_stages(tmp_path) == {"head"}
    assert [c.stage for c in ended.changes if c.relative_change or c.statistics_moved] == ["head"]
    assert result.accuracy == result.baseline_accuracy > 0.9
    assert result.validation_accuracy == result.baseline_validation_accuracy
    assert result.sentence.startswith("The run was stopped before an epoch of training everything")
    strategy = plan_strategy(TransferCase.LARGE_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind)
    assert resolve_effective_strategy(SOURCE, strategy, ended.best_epoch).frozen


@pytest.mark.parametrize("case", [TransferCase.SMALL_SIMILAR, TransferCase.LARGE_DIFFERENT])
def test_a_stop_before_anything_was_learned_leaves_no_result(
    case, colours, transfer_home, tmp_path
):
    events = run(
        colours, transfer_home, tmp_path, case, stop_at=lambda event: isinstance(event, Started)
    )
    assert find(events, Ended).best_epoch is None and find(events, EpochEnded) is None
    assert find(events, Result) is None
    assert not RunDirectory(tmp_path).weights_file.exists()


def test_a_stop_of_case_1_after_some_epochs_keeps_the_best_of_them(
    colours, transfer_home, tmp_path
):
    events = run(
        colours,
        transfer_home,
        tmp_path,
        TransferCase.SMALL_SIMILAR,
        stop_at=lambda event: isinstance(event, EpochEnded) and event.epoch == 20,
        epochs=100,
    )
    ended = find(events, Ended)
    assert ended.reason == "stopped" and 1 <= ended.best_epoch <= 20
    assert find(events, Result).accuracy > 0.9 and list_moved_stages(tmp_path) == {"head"}


def test_a_head_training_that_ends_without_its_last_event_is_a_stop(
    colours, transfer_home, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "transfer_core.runs.head_training.train_head", lambda *_args, **_settings: iter(())
    )
    events = run(colours, transfer_home, tmp_path)
    assert not find(events, Ended) and not find(events, Result)
