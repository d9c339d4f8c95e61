"""A trial of the new layer is the run with these settings, and its curves are read right."""

from dataclasses import replace

import numpy as np
import pytest
from zips import make_picture, write_zip

from transfer_core import dataset
from transfer_core.networks import get_network
from transfer_core.runs import make_run_config, perform_run
from transfer_core.training import Ended, EpochEnded
from transfer_core.transferability.curve_reading import read_curves
from transfer_core.transferability.head_trial import (
    HeadTrial,
    HeadTrialResult,
    load_head_images,
    plan_new_layer,
    select_images,
    try_head,
)

SOURCE = get_network("demonstration")
CLASSES = ("ant", "bee", "cat")
COUNTS = {"train": 7, "val": 4, "test": 3}


def make_files(train=7, numbers=None) -> dict[str, bytes]:
    """Noise with a tint of its class, so that some images are wrong; "cat" has many images."""
    files = {}
    for label, name in enumerate(CLASSES):
        for part, (split, count) in enumerate((COUNTS | {"train": train}).items()):
            more = 2 * count if name == "cat" and split == "train" else count
            for number in range(more):
                if split == "train" and numbers is not None and number not in numbers[label]:
                    continue
                seed = 1_000 * label + 100 * part + number
                files[f"{split}/{name}/{number:02}.png"] = make_picture(seed, (64, 64))
    return files


def ingest(home, folder, **options):
    return dataset.ingest(write_zip(folder / "given.zip", make_files(**options)), home=home)


def load_images(data, home):
    return load_head_images(data, SOURCE, home, lambda *_: None)


def perform(data, home, folder, trial):
    """The epochs and the end of a real run with the settings of a trial."""
    config = make_run_config(data, SOURCE, plan_new_layer(SOURCE, trial), 0)
    folder.mkdir()
    events = list(perform_run(config, folder, home, lambda: False))
    return (
        [event for event in events if isinstance(event, EpochEnded)],
        next(event for event in events if isinstance(event, Ended)),
    )


def assert_equal_curves(result: HeadTrialResult, epochs, ended):
    for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        own, of_run = ([getattr(epoch, name) for epoch in each] for each in (result.epochs, epochs))
        assert own == pytest.approx(of_run, rel=1e-4), name
    assert result.accuracy == ended.validation_accuracy
    assert result.ended.best_epoch == ended.best_epoch


@pytest.mark.parametrize(
    "trial", [HeadTrial(), HeadTrial(learning_rate=30.0, weight_decay=0.01, epochs=20)]
)
def test_a_trial_on_all_images_is_the_run_with_these_settings(trial, transfer_home, tmp_path):
    data = ingest(transfer_home, tmp_path)
    result = try_head(load_images(data, transfer_home), trial)
    assert result.train_counts == (7, 7, 14)  # so unbalanced that the run weighs the classes
    assert 0.0 < result.accuracy < 1.0
    assert_equal_curves(result, *perform(data, transfer_home, tmp_path / "run", trial))


def test_a_trial_on_few_images_is_the_run_on_a_data_set_of_only_these(transfer_home, tmp_path):
    trial = HeadTrial(images_per_class=3, epochs=20)
    images = load_images(ingest(transfer_home, tmp_path), transfer_home)
    train, _ = select_images(images, trial)
    places = [np.flatnonzero(images.labels[images.train] == label) for label in range(3)]
    numbers = [
        np.flatnonzero(np.isin(images.train[own], train)).tolist() for own in places
    ]  # files are numbered in the order of the records
    few = ingest(transfer_home, tmp_path, numbers=numbers)
    assert few.counts("train") == (3, 3, 3)
    result = try_head(images, trial)
    assert_equal_curves(result, *perform(few, transfer_home, tmp_path / "run", trial))


def test_no_test_image_is_among_the_images_of_trials(transfer_home, tmp_path):
    data = ingest(transfer_home, tmp_path)
    images = load_images(data, transfer_home)
    learned_from = np.sort(np.concatenate([data.indices("train"), data.indices("validation")]))
    np.testing.assert_array_equal(images.labels, data.labels[learned_from])
    assert len(images.embeddings) == len(data.records) - len(data.indices("test"))
    splits = np.array([data.records[index].split for index in learned_from])
    assert set(splits[images.train]) == {"train"}
    assert set(splits[images.validation]) == {"validation"}
    assert not images.is_sample


def test_images_are_chosen_as_asked(transfer_home, tmp_path):
    images = load_images(ingest(transfer_home, tmp_path), transfer_home)
    few, more = (select_images(images, HeadTrial(images_per_class=n))[0] for n in (2, 5))
    assert set(few) < set(more)
    assert np.bincount(images.labels[few]).tolist() == [2, 2, 2]
    train, validation = select_images(images, HeadTrial(classes=2))
    assert set(images.labels[train]) == set(images.labels[validation]) == {0, 1}
    train, validation = select_images(images, HeadTrial(missing_class=1))
    assert set(images.labels[train]) == {0, 2} and 1 in images.labels[validation]


def test_a_class_that_was_never_shown_is_never_right(transfer_home, tmp_path):
    images = load_images(ingest(transfer_home, tmp_path), transfer_home)
    result = try_head(images, HeadTrial(missing_class=1))
    assert result.train_counts[1] == result.correct[1] == 0
    assert sum(result.correct) == round(result.accuracy * sum(result.validation_counts))
    low, high = result.interval
    assert low < result.accuracy < high


def make_result(
    train_loss,
    validation_loss,
    train_accuracy=(0.5, 1.0),
    validation_accuracy=(0.5, 0.95),
    counts=(50, 50),
    trial=None,
    correct=(95, 95),
):
    """A result with curves of these points."""
    rows = [train_loss, train_accuracy, validation_loss, validation_accuracy]
    length = max(map(len, rows))
    rows = [(*row, *[row[-1]] * (length - len(row))) for row in rows]
    epochs = tuple(
        EpochEnded(number, number, tl, ta, vl, va, False, 0.0, ())
        for number, (tl, ta, vl, va) in enumerate(zip(*rows, strict=True), start=1)
    )
    ended = Ended("all epochs", length, length, 0.1, 1.0, (), validation_accuracy[-1])
    trial = trial or HeadTrial()
    return HeadTrialResult(trial, ("ant", "bee"), counts, (100, 100), epochs, ended, correct)


GOOD = make_result((0.7, 0.3, 0.1), (0.7, 0.35, 0.2))


@pytest.mark.parametrize(
    ("result", "finding", "numbers"),
    [
        (GOOD, "good", ["100%", "95%"]),
        (
            make_result((0.7, 5.0, 1.0, 9.5, 0.1), (0.7, 5.0, 1.0, 9.0, 0.2)),
            "too fast",
            ["2 times", "9.5", "guessing: 0.7", "0.10"],
        ),
        (
            make_result((0.7, 8.0, 7.0), (0.7, 8.0, 7.0), trial=HeadTrial(weight_decay=1.0)),
            "pulled too hard",
            ["once", "8.0"],
        ),
        (
            make_result((0.69, 0.67, 0.65), (0.69, 0.68, 0.66), trial=HeadTrial(0.01)),
            "too slow",
            ["0.69 to 0.65"],
        ),
        (
            make_result((0.69, 0.67, 0.65), (0.69, 0.68), trial=HeadTrial(weight_decay=0.1)),
            "pulled too hard",
            ["0.69 to 0.65"],
        ),
        (
            make_result((0.7, 0.2, 0.01), (0.7, 0.5, 0.9), validation_accuracy=(0.5, 0.7)),
            "learns by heart",
            ["epoch 2", "0.50 to 0.90", "70%"],
        ),
        (
            make_result(
                (0.7, 0.2, 0.01), (0.7, 0.5), validation_accuracy=(0.5, 0.7), counts=(2, 9)
            ),
            "too few images",
            ["2 images", "100%", "70%"],
        ),
        (
            make_result((0.7, 0.2, 0.01), (0.7, 0.5), validation_accuracy=(0.5, 0.7)),
            "better on its own",
            ["100%", "70%"],
        ),
        (
            make_result((0.7, 0.6, 0.2), (0.7, 0.6, 0.3), (0.5, 0.8), (0.5, 0.78)),
            "hard to tell apart",
            ["80%", "78%"],
        ),
        (
            make_result((0.7, 0.1), (0.7, 2.0), counts=(50, 0), correct=(99, 0)),
            "class missing",
            ["“bee”", "0 of its 100", "50%"],
        ),
    ],
)
def test_what_a_curve_shows_is_read_from_its_numbers(result, finding, numbers):
    reading = read_curves(result, GOOD)
    assert reading.finding == finding
    assert not [number for number in numbers if number not in reading.sentence], reading.sentence


def test_a_training_that_left_nothing_is_told():
    lost = replace(make_result((0.7, 5.0), (0.7, 5.0)), ended=None)
    reading = read_curves(lost, GOOD)
    assert (reading.finding, lost.accuracy) == ("diverged", 0.0)
    assert "after 2 epochs" in reading.sentence
