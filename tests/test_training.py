"""The training loop, on toy data whose answer is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from transfer_core.cases import OptimiserSettings, TransferCase, plan
from transfer_core.errors import RunError
from transfer_core.networks import get
from transfer_core.surgery import operate
from transfer_core.training.changes import ChangeMeter
from transfer_core.training.events import Ended, EpochEnded, Started, Stepped
from transfer_core.training.feeds import batches, shuffled
from transfer_core.training.new_layer import fold, train_new_layer
from transfer_core.training.whole_network import train_whole_network

SOURCE = get("demonstration")
QUICK = OptimiserSettings(1e-2, 1e-2, batch_size=16, epochs=5, patience=5, augment=False)


def small(strategy, **changes):
    return replace(strategy, optimiser=replace(QUICK, **changes))


def blobs(images=60, classes=3, dimensions=512):
    generator = np.random.default_rng(0)
    labels = np.arange(images) % classes
    centres = generator.normal(size=(classes, dimensions))
    features = centres[labels] + 0.5 * generator.normal(size=(images, dimensions))
    return features.astype(np.float32), labels.astype(np.int64)


def run_new_layer(strategy=None, stop=lambda: False, seed=0, labels=None):
    strategy = strategy or small(plan(TransferCase.SMALL_SIMILAR, SOURCE.stage_names))
    network = operate(SOURCE, strategy, 3, seed)
    features, true = blobs()
    labels = true if labels is None else labels
    events = train_new_layer(
        network, features, labels, np.arange(40), np.arange(40, 60), strategy,
        seed=seed, class_weights=None, stop_requested=stop,
    )  # fmt: skip
    return network, features, labels, events


def pictures(images=24):
    """Red, green and blue pictures with noise: a task that pixels alone solve."""
    labels = np.arange(images) % 3
    pixels = np.random.default_rng(0).integers(0, 80, (images, 64, 64, 3), dtype=np.uint8)
    for index, label in enumerate(labels):
        pixels[index, :, :, label] += 150
    return pixels, labels.astype(np.int64)


def run_whole(case, stop=lambda: False, initialise=None, seed=0, **changes):
    strategy = small(plan(case, SOURCE.stage_names, initialise=initialise), **changes)
    network = operate(SOURCE, strategy, 3, seed)
    pixels, labels = pictures()
    events = train_whole_network(
        network, pixels, labels, np.arange(15), np.arange(15, 24), strategy, SOURCE,
        seed=seed, class_weights=None, stop_requested=stop,
    )  # fmt: skip
    return network, events


def test_events_start_with_started_and_end_with_ended():
    *_, events = run_new_layer()
    events = list(events)
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Ended)
    assert [e.epoch for e in events if isinstance(e, EpochEnded)] == [1, 2, 3, 4, 5]
    assert any(isinstance(e, Stepped) for e in events)


def test_the_new_layer_learns_and_the_network_holds_what_was_learned():
    network, features, labels, events = run_new_layer()
    last = [e for e in events if isinstance(e, EpochEnded)][-1]
    assert last.validation_accuracy == 1
    predicted = network.new(torch.from_numpy(features[40:])).argmax(1).numpy()
    assert (predicted == labels[40:]).all()


def test_frozen_stages_are_bit_identical_and_the_new_one_is_not():
    network, *_, events = run_new_layer()
    changes = list(events)[-1].changes
    assert all(c.relative_change == 0 and not c.statistics_moved for c in changes if c.frozen)
    assert [c.stage for c in changes if not c.frozen] == ["new"]
    assert changes[-1].relative_change > 0


def test_an_unfrozen_network_moves_in_weights_and_statistics():
    _, events = run_whole(TransferCase.LARGE_SIMILAR, epochs=1)
    changes = list(events)[-1].changes
    assert all(change.relative_change > 0 for change in changes)
    assert all(change.statistics_moved for change in changes if change.stage != "new")


def test_partly_frozen_training_moves_only_the_rest():
    strategy = small(plan(TransferCase.LARGE_SIMILAR, SOURCE.stage_names), epochs=1)
    strategy = replace(strategy, frozen=("conv1", "conv2"))
    network = operate(SOURCE, strategy, 3, seed=0)
    pixels, labels = pictures()
    *_, ended = train_whole_network(
        network, pixels, labels, np.arange(15), np.arange(15, 24), strategy, SOURCE,
        seed=0, class_weights=None, stop_requested=lambda: False,
    )  # fmt: skip
    moved = {c.stage for c in ended.changes if c.relative_change or c.statistics_moved}
    assert moved == {"conv3", "fc1", "fc2", "new"}


@pytest.mark.parametrize("initialise", ["random", "pretrained"])
def test_the_whole_network_learns_colours(initialise):
    _, events = run_whole(
        TransferCase.LARGE_DIFFERENT, initialise=initialise, epochs=12, learning_rate=3e-3
    )
    best = max(e.validation_accuracy for e in events if isinstance(e, EpochEnded))
    assert best >= 8 / 9


def test_where_the_new_layer_was_trained_first_the_start_may_be_best():
    network, events = run_whole(TransferCase.LARGE_SIMILAR, epochs=2, learning_rate=1.0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    events = list(events)
    start, ended = events[1], events[-1]
    assert (start.epoch, start.step, start.train_loss) == (0, 0, None)
    assert start.best and ended.best_epoch == 0  # such a learning rate wrecks the network
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_steps_in_bfloat16_leave_the_weights_float32_and_learn():
    strategy = small(plan(TransferCase.LARGE_SIMILAR, SOURCE.stage_names), epochs=12)
    network = operate(SOURCE, strategy, 3, seed=0)
    pixels, labels = pictures()
    events = train_whole_network(
        network, pixels, labels, np.arange(15), np.arange(15, 24), strategy, SOURCE,
        seed=0, class_weights=None, stop_requested=lambda: False, number_format="bfloat16",
    )  # fmt: skip
    best = max(e.validation_accuracy for e in events if isinstance(e, EpochEnded))
    assert best >= 8 / 9
    assert {value.dtype for value in network.parameters()} == {torch.float32}


def test_the_same_seed_gives_the_same_weights():
    networks = []
    for _ in range(2):
        network, events = run_whole(TransferCase.LARGE_SIMILAR, epochs=2, augment=True)
        list(events)
        networks.append(network.state_dict())
    assert all(torch.equal(networks[0][name], networks[1][name]) for name in networks[0])


def test_early_stopping_restores_the_weights_of_the_lowest_validation_loss():
    shuffled_labels = np.random.default_rng(1).permutation(blobs()[1])
    strategy = small(plan(TransferCase.SMALL_SIMILAR, SOURCE.stage_names), epochs=100, patience=4)
    network, features, labels, events = run_new_layer(strategy, labels=shuffled_labels)
    events = list(events)
    ended, epochs = events[-1], [e for e in events if isinstance(e, EpochEnded)]
    assert ended.reason == "early stopping"
    assert ended.epochs == ended.best_epoch + 4
    logits = network.new(torch.from_numpy(features[40:]))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels[40:])).item()
    assert loss == pytest.approx(min(e.validation_loss for e in epochs), rel=1e-4)
    assert epochs[ended.best_epoch - 1].best


def test_a_stop_between_batches_keeps_the_best_epoch():
    asked = iter([False] * 12 + [True] * 1000)  # three batches and validations an epoch
    *_, events = run_new_layer(stop=lambda: next(asked))
    ended = list(events)[-1]
    assert ended.reason == "stopped"
    assert ended.best_epoch >= 1


def test_a_stop_in_the_first_epoch_ends_without_a_best_epoch():
    _, events = run_whole(TransferCase.LARGE_SIMILAR, stop=lambda: True)
    ended = list(events)[-1]
    assert (ended.reason, ended.epochs, ended.best_epoch) == ("stopped", 0, 0)


def test_a_loss_that_is_not_finite_names_the_learning_rate():
    features = np.full((60, 512), np.nan, np.float32)
    strategy = small(plan(TransferCase.SMALL_SIMILAR, SOURCE.stage_names))
    events = train_new_layer(
        operate(SOURCE, strategy, 3, 0), features, blobs()[1], np.arange(40), np.arange(40, 60),
        strategy, seed=0, class_weights=None, stop_requested=lambda: False,
    )  # fmt: skip
    with pytest.raises(RunError, match="learning rate 0.01"):
        list(events)


def test_the_folded_layer_equals_the_layer_on_standardised_features():
    torch.manual_seed(0)
    layer, into = torch.nn.Linear(5, 3), torch.nn.Linear(5, 3)
    mean, deviation, x = torch.randn(5), torch.rand(5) + 0.5, torch.randn(4, 5)
    fold(layer, mean, deviation, into=into)
    assert torch.allclose(into(x), layer((x - mean) / deviation), atol=1e-5)


@pytest.mark.parametrize(("images", "batch"), [(1, 2), (2, 2), (3, 2), (5, 4), (9, 8), (100, 32)])
def test_batches_hold_every_image_once_and_never_a_single_one(images, batch):
    parts = shuffled(np.arange(images), batch, torch.Generator().manual_seed(0))
    assert sorted(np.concatenate(parts)) == list(range(images))
    assert len(parts) == batches(images, batch)
    assert images == 1 or min(len(part) for part in parts) >= 2


def test_the_meter_tells_a_change_of_one_bit():
    network = operate(SOURCE, plan(TransferCase.SMALL_SIMILAR, SOURCE.stage_names), 3, 0)
    meter = ChangeMeter(network, ("conv1",))
    with torch.no_grad():
        weight = network.conv1.conv.weight.view(-1)
        weight[0] = math.nextafter(weight[0].item(), 1) + 1e-7
        network.conv2.norm.running_mean[0] += 1e-6
    changes = {change.stage: change for change in meter.measure()}
    assert changes["conv1"].relative_change > 0
    assert changes["conv2"].statistics_moved and changes["conv2"].relative_change == 0
    assert not changes["fc1"].statistics_moved and changes["fc1"].relative_change == 0


def test_a_feature_that_is_nearly_always_zero_cannot_outweigh_the_others():
    """Found on brain scans: rare activations blew the validation loss up from the first epoch."""
    features, labels = blobs()
    features[:, :100] = 0
    features[3, :100] = 1e-3  # active on one training image, hardly
    features[45:, :100] = 3  # and on validation images
    strategy = small(plan(TransferCase.SMALL_SIMILAR, SOURCE.stage_names))
    events = train_new_layer(
        operate(SOURCE, strategy, 3, 0), features, labels, np.arange(40), np.arange(40, 60),
        strategy, seed=0, class_weights=None, stop_requested=lambda: False,
    )  # fmt: skip
    first = next(event for event in events if isinstance(event, EpochEnded))
    assert first.validation_loss < 5
