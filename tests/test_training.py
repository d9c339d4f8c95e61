"""The training loop, on toy data whose answer is known."""

import math
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.errors import RunError
from transfer_core.features import normalise
from transfer_core.networks import get_network
from transfer_core.networks.surgery import adapt
from transfer_core.networks.train_mode import find_batch_norms, refresh_statistics
from transfer_core.settings import OptimiserSettings
from transfer_core.system import is_out_of_memory
from transfer_core.training.data_loaders import count_batches, prefetch, shuffle_into_batches
from transfer_core.training.early_stopping import EarlyStopping, compute_first_stop
from transfer_core.training.events import Ended, EpochEnded, Started, Stepped
from transfer_core.training.interpolation import copy_weights, load_interpolated
from transfer_core.training.meters import WeightChangeMeter
from transfer_core.training.optimiser import (
    GradientAccumulator,
    build_one_cycle_schedule,
    build_parameter_groups,
)
from transfer_core.training.train import fold_standardisation, train_head, train_whole_network

SOURCE = get_network("demonstration")
QUICK = OptimiserSettings(1e-2, 1e-2, batch_size=16, epochs=5, patience=5, augment=False)


def build_network(strategy, **changes):
    return replace(strategy, optimiser=replace(QUICK, **changes))


def make_blobs(images=60, classes=3, dimensions=512):
    generator = np.random.default_rng(0)
    labels = np.arange(images) % classes
    centres = generator.normal(size=(classes, dimensions))
    features = centres[labels] + 0.5 * generator.normal(size=(images, dimensions))
    return features.astype(np.float32), labels.astype(np.int64)


def run_head(strategy=None, stop=lambda: False, seed=0, labels=None):
    strategy = strategy or build_network(
        plan_strategy(TransferCase.SMALL_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind)
    )
    network = adapt(SOURCE, strategy, 3, seed)
    features, true = make_blobs()
    labels = true if labels is None else labels
    events = train_head(
        network,
        features,
        labels,
        np.arange(40),
        np.arange(40, 60),
        strategy,
        seed=seed,
        class_weights=None,
        stop_requested=stop,
    )
    return network, features, labels, events


def make_pictures(images=24):
    """Red, green and blue pictures with noise: a task that pixels alone solve."""
    labels = np.arange(images) % 3
    pixels = np.random.default_rng(0).integers(0, 80, (images, 64, 64, 3), dtype=np.uint8)
    for index, label in enumerate(labels):
        pixels[index, :, :, label] += 150
    return pixels, labels.astype(np.int64)


def run_whole(case, stop=lambda: False, initialise=None, seed=0, **changes):
    strategy = build_network(
        plan_strategy(case, SOURCE.stage_names, kind=SOURCE.kind, initialise=initialise), **changes
    )
    network = adapt(SOURCE, strategy, 3, seed)
    pixels, labels = make_pictures()
    events = train_whole_network(
        network,
        pixels,
        labels,
        np.arange(15),
        np.arange(15, 24),
        strategy,
        SOURCE,
        seed=seed,
        class_weights=None,
        stop_requested=stop,
    )
    return network, events


def test_events_start_with_started_and_end_with_ended():
    *_, events = run_head()
    events = list(events)
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Ended)
    assert [e.epoch for e in events if isinstance(e, EpochEnded)] == [1, 2, 3, 4, 5]
    assert any(isinstance(e, Stepped) for e in events)


def test_the_new_layer_learns_and_the_network_holds_what_was_learned():
    network, features, labels, events = run_head()
    last = [e for e in events if isinstance(e, EpochEnded)][-1]
    assert last.validation_accuracy == 1
    predicted = network.head(torch.from_numpy(features[40:])).argmax(1).numpy()
    assert (predicted == labels[40:]).all()


def test_frozen_stages_are_bit_identical_and_the_new_one_is_not():
    network, *_, events = run_head()
    changes = list(events)[-1].changes
    assert all(c.relative_change == 0 and not c.statistics_moved for c in changes if c.frozen)
    assert [c.stage for c in changes if not c.frozen] == ["head"]
    assert changes[-1].relative_change > 0


def test_an_unfrozen_network_moves_in_weights_and_statistics():
    _, events = run_whole(TransferCase.LARGE_SIMILAR, epochs=1)
    changes = list(events)[-1].changes
    assert all(change.relative_change > 0 for change in changes)
    assert all(change.statistics_moved for change in changes if change.stage != "head")


def test_frozen_batch_norm_keeps_its_statistics_while_all_weights_learn():
    network, events = run_whole(TransferCase.LARGE_SIMILAR, epochs=2, freeze_batch_norm=True)
    before = adapt(
        SOURCE,
        plan_strategy(TransferCase.LARGE_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind),
        3,
        0,
    )
    changes = list(events)[-1].changes
    assert all(change.relative_change > 0 for change in changes)
    assert not any(change.statistics_moved for change in changes)
    pairs = list(zip(find_batch_norms(network), find_batch_norms(before), strict=True))
    assert pairs
    for trained, original in pairs:
        assert torch.equal(trained.running_mean, original.running_mean)
        assert torch.equal(trained.running_var, original.running_var)
        assert not torch.equal(trained.weight, original.weight)


def test_partly_frozen_training_moves_only_the_rest():
    strategy = build_network(
        plan_strategy(TransferCase.LARGE_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind), epochs=1
    )
    strategy = replace(strategy, frozen=("conv1", "conv2"))
    network = adapt(SOURCE, strategy, 3, seed=0)
    pixels, labels = make_pictures()
    *_, ended = train_whole_network(
        network,
        pixels,
        labels,
        np.arange(15),
        np.arange(15, 24),
        strategy,
        SOURCE,
        seed=0,
        class_weights=None,
        stop_requested=lambda: False,
    )
    moved = {c.stage for c in ended.changes if c.relative_change or c.statistics_moved}
    assert moved == {"conv3", "fc1", "fc2", "head"}


@pytest.mark.parametrize("initialise", ["random", "pretrained"])
def test_the_whole_network_learns_colours(initialise):
    _, events = run_whole(
        TransferCase.LARGE_DIFFERENT, initialise=initialise, epochs=12, learning_rate=3e-3
    )
    best = max(e.validation_accuracy for e in events if isinstance(e, EpochEnded))
    assert best >= 8 / 9


def test_steps_in_bfloat16_leave_the_weights_float32_and_learn():
    strategy = build_network(
        plan_strategy(TransferCase.LARGE_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind), epochs=12
    )
    network = adapt(SOURCE, strategy, 3, seed=0)
    pixels, labels = make_pictures()
    events = train_whole_network(
        network,
        pixels,
        labels,
        np.arange(15),
        np.arange(15, 24),
        strategy,
        SOURCE,
        seed=0,
        class_weights=None,
        stop_requested=lambda: False,
        precision="bfloat16",
    )
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
    shuffled_labels = np.random.default_rng(1).permutation(make_blobs()[1])
    strategy = build_network(
        plan_strategy(TransferCase.SMALL_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind),
        learning_rate=4,
        weight_decay=0,
        epochs=100,
        patience=4,
    )
    network, features, labels, events = run_head(strategy, labels=shuffled_labels)
    events = list(events)
    ended, epochs = events[-1], [e for e in events if isinstance(e, EpochEnded)]
    assert (ended.reason, ended.epochs) == ("early stopping", 54)  # 4 behind half of the cycle
    assert "10% or more above its lowest value for 4 epochs" in ended.explanation
    logits = network.head(torch.from_numpy(features[40:]))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels[40:])).item()
    assert loss == pytest.approx(min(e.validation_loss for e in epochs), rel=1e-4)
    assert epochs[ended.best_epoch - 1].best


def train_on_shuffled_labels(epochs, patience):
    """The end of a training whose validation loss soon rises."""
    shuffled_labels = np.random.default_rng(1).permutation(make_blobs()[1])
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind)
    strategy = build_network(strategy, epochs=epochs, patience=patience)
    return list(run_head(strategy, labels=shuffled_labels)[-1])[-1]


@pytest.mark.parametrize(("epochs", "patience"), [(20, 3), (60, 8), (61, 2)])
def test_nothing_ends_a_one_cycle_run_before_its_learning_rate_has_fallen(epochs, patience):
    ended = train_on_shuffled_labels(epochs, patience)
    assert ended.epochs >= epochs // 2 + patience > ended.best_epoch + patience


def test_a_patience_that_the_second_half_cannot_hold_ends_nothing():
    ended = train_on_shuffled_labels(epochs=20, patience=11)
    assert (ended.reason, ended.epochs, ended.explanation) == ("all epochs", 20, "")


@given(
    epochs=st.integers(1, 60),
    patience=st.integers(1, 60),
    losses=st.lists(st.floats(0.01, 9) | st.just(math.nan) | st.just(math.inf), min_size=60),
)
@settings(max_examples=300, deadline=None)
def test_early_stopping_needs_a_clear_rise_in_the_second_half(epochs, patience, losses):
    stopping = EarlyStopping(epochs, patience)
    best = [stopping.record(loss) for loss in losses[:epochs] if not stopping.should_stop()]
    assert len(best) >= compute_first_stop(epochs, patience)
    finite = [loss if math.isfinite(loss) else math.inf for loss in losses[: len(best)]]
    lowest = min(finite)
    assert stopping.best_epoch == (None if math.isinf(lowest) else finite.index(lowest) + 1)
    assert sum(best) == 0 if math.isinf(lowest) else best[stopping.best_epoch - 1]
    if len(best) < epochs:
        assert min(finite[-patience:]) >= 1.1 * lowest


def test_a_stop_between_batches_keeps_the_best_epoch():
    asked = iter([False] * 12 + [True] * 1000)  # three batches and validations an epoch
    *_, events = run_head(stop=lambda: next(asked))
    ended = list(events)[-1]
    assert ended.reason == "stopped"
    assert ended.best_epoch >= 1


def test_a_stop_in_the_first_epoch_ends_without_a_best_epoch():
    _, events = run_whole(TransferCase.LARGE_SIMILAR, stop=lambda: True)
    ended = list(events)[-1]
    assert (ended.reason, ended.epochs, ended.best_epoch) == ("stopped", 0, None)


def test_a_loss_that_is_not_finite_names_the_learning_rate():
    features = np.full((60, 512), np.nan, np.float32)
    strategy = build_network(
        plan_strategy(TransferCase.SMALL_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind)
    )
    events = train_head(
        adapt(SOURCE, strategy, 3, 0),
        features,
        make_blobs()[1],
        np.arange(40),
        np.arange(40, 60),
        strategy,
        seed=0,
        class_weights=None,
        stop_requested=lambda: False,
    )
    with pytest.raises(RunError, match="learning rate 0.01"):
        list(events)


@pytest.mark.parametrize("epochs", [1, 2, 7])
def test_a_validation_loss_that_is_never_finite_is_told_and_nothing_is_kept(epochs):
    features, labels = make_blobs()
    features[40:] = np.nan
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind)
    strategy = build_network(strategy, epochs=epochs, patience=1)
    events = train_head(
        adapt(SOURCE, strategy, 3, 0),
        features,
        labels,
        np.arange(40),
        np.arange(40, 60),
        strategy,
        seed=0,
        class_weights=None,
        stop_requested=lambda: False,
    )
    with pytest.raises(RunError, match="validation loss was not a finite number in any of"):
        list(events)


def test_the_folded_layer_equals_the_layer_on_standardised_features():
    torch.manual_seed(0)
    layer, into = torch.nn.Linear(5, 3), torch.nn.Linear(5, 3)
    mean, deviation, x = torch.randn(5), torch.rand(5) + 0.5, torch.randn(4, 5)
    fold_standardisation(layer, mean, deviation, target=into)
    assert torch.allclose(into(x), layer((x - mean) / deviation), atol=1e-5)


@pytest.mark.parametrize(("images", "batch"), [(1, 2), (2, 2), (3, 2), (5, 4), (9, 8), (100, 32)])
def test_batches_hold_every_image_once_and_never_a_single_one(images, batch):
    parts = shuffle_into_batches(np.arange(images), batch, torch.Generator().manual_seed(0))
    assert sorted(np.concatenate(parts)) == list(range(images))
    assert len(parts) == count_batches(images, batch)
    assert images == 1 or min(len(part) for part in parts) >= 2


def test_the_meter_tells_a_change_of_one_bit():
    network = adapt(
        SOURCE,
        plan_strategy(TransferCase.SMALL_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind),
        3,
        0,
    )
    meter = WeightChangeMeter(network, ("conv1",))
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
    features, labels = make_blobs()
    features[:, :100] = 0
    features[3, :100] = 1e-3  # active on one training image, hardly
    features[45:, :100] = 3  # and on validation images
    strategy = build_network(
        plan_strategy(TransferCase.SMALL_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind)
    )
    events = train_head(
        adapt(SOURCE, strategy, 3, 0),
        features,
        labels,
        np.arange(40),
        np.arange(40, 60),
        strategy,
        seed=0,
        class_weights=None,
        stop_requested=lambda: False,
    )
    first = next(event for event in events if isinstance(event, EpochEnded))
    assert first.validation_loss < 5


class Hungry(torch.nn.Linear):
    """A layer for which the memory suffices only for a few images at a time."""

    most = 3

    def forward(self, inputs):
        if len(inputs) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward(inputs)


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 3.0, 0.5])])
def test_a_batch_that_does_not_fit_is_learned_from_in_parts_with_the_same_step(weights):
    torch.manual_seed(0)
    inputs, labels = torch.randn(16, 4), torch.arange(16) % 3
    layers = [torch.nn.Linear(4, 3), Hungry(4, 3)]
    layers[1].load_state_dict(layers[0].state_dict())
    steppers = [
        GradientAccumulator(layer, torch.optim.SGD(layer.parameters(), 0.1), weights, "float32", 16)
        for layer in layers
    ]
    (loss, hits), (other, others) = (stepper.step(inputs, labels) for stepper in steppers)
    assert [stepper.micro_batch_size for stepper in steppers] == [16, 2]
    assert loss == pytest.approx(other, rel=1e-5) and hits == others
    assert torch.allclose(layers[0].weight, layers[1].weight, atol=1e-6)


@pytest.mark.parametrize("images", [2, 3, 5, 13, 57])
@pytest.mark.parametrize("micro_batch_size", [2, 4, 8])
def test_no_part_of_a_batch_is_a_single_image(images, micro_batch_size):
    """Batch normalisation cannot learn from one."""
    layer = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6))
    layer.append(torch.nn.Linear(6, 3))
    optimiser = torch.optim.SGD(layer.parameters(), 0.1)
    accumulator = GradientAccumulator(layer, optimiser, None, "float32", images)
    accumulator.micro_batch_size = micro_batch_size
    loss, correct = accumulator.step(torch.randn(images, 4), torch.arange(images) % 3)
    assert math.isfinite(loss) and 0 <= correct <= images


def test_where_not_even_two_images_fit_the_run_fails():
    layer = Hungry(4, 3)
    layer.most = 1
    stepper = GradientAccumulator(
        layer, torch.optim.SGD(layer.parameters(), 0.1), None, "float32", 16
    )
    with pytest.raises(torch.OutOfMemoryError):
        stepper.step(torch.randn(16, 4), torch.arange(16) % 3)


def test_what_torch_says_when_memory_is_short_is_told_from_other_errors():
    said = (
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    )
    assert is_out_of_memory(RuntimeError(said)) and is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_stages_learn_the_faster_the_nearer_to_the_output():
    strategy = build_network(
        plan_strategy(TransferCase.LARGE_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind),
        stage_decay=0.5,
    )
    network = adapt(SOURCE, strategy, 3, seed=0)
    groups = build_parameter_groups(network, strategy.optimiser)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    by_stage = [{rates[id(p)] for p in stage.parameters()} for stage in network.children()]
    assert by_stage == [{1e-2 * 0.5**behind} for behind in (5, 4, 3, 2, 1, 0)]


def test_frozen_stages_count_for_no_rate():
    strategy = build_network(
        plan_strategy(TransferCase.LARGE_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind),
        stage_decay=0.5,
    )
    strategy = replace(strategy, frozen=("conv1", "conv2"))
    network = adapt(SOURCE, strategy, 3, seed=0)
    groups = build_parameter_groups(network, strategy.optimiser)
    assert min(group["lr"] for group in groups) == 1e-2 * 0.5**3


def test_early_stages_move_less_where_they_learn_more_slowly():
    def measure_movement(decay):
        _, events = run_whole(TransferCase.LARGE_SIMILAR, epochs=1, stage_decay=decay)
        changes = {change.stage: change.relative_change for change in list(events)[-1].changes}
        return changes["conv1"] / changes["head"]

    assert measure_movement(0.3) < 0.2 * measure_movement(1.0)


def test_batches_made_ahead_keep_their_order_and_their_errors():
    assert list(prefetch(range(5), lambda n: n * n)) == [0, 1, 4, 9, 16]
    made = prefetch([1, 0], lambda n: 1 // n)
    assert next(made) == 1
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_only_one_batch_is_made_ahead():
    made = []
    stream = prefetch(range(10), made.append)
    next(stream)
    assert len(made) <= 2
    stream.close()
    assert len(made) <= 2


@pytest.mark.parametrize("steps", [*range(1, 30), 99, 1000])
def test_the_rate_rises_and_falls_over_any_number_of_steps(steps):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule, rates = build_one_cycle_schedule(optimiser, steps), []
    for _ in range(steps):
        rates.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    rates.append(schedule.get_last_lr()[0])
    top = int(np.argmax(rates))
    assert max(rates) == pytest.approx(0.1, rel=0.3)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_statistics_of_batch_norm_are_those_of_the_images_as_they_are():
    network = nn.Sequential(OrderedDict(body=nn.BatchNorm2d(3), head=nn.Flatten()))
    network.train()
    images = torch.randn(64, 3, 4, 4) * torch.tensor([1.0, 2, 3]).view(1, 3, 1, 1) + 5
    refresh_statistics(network, images.split(32))
    assert not network.training and network.body.momentum == 0.1
    torch.testing.assert_close(network.body.running_mean, images.mean((0, 2, 3)))
    torch.testing.assert_close(network.body.running_var, images.var((0, 2, 3)), rtol=0.02, atol=0)
    before = network.body.running_mean.clone()  # in eval mode, as a frozen stage
    refresh_statistics(network, [images + 1])
    assert torch.equal(network.body.running_mean, before)


def test_a_training_is_validated_with_statistics_of_images_that_are_not_augmented():
    network, events = run_whole(TransferCase.LARGE_SIMILAR, augment=True)
    list(events)
    kept = {n: b.clone() for n, b in network.named_buffers() if n.endswith("running_mean")}
    network.train()
    refresh_statistics(network, [normalise(make_pictures()[0][:15], SOURCE)])
    for name, buffer in network.named_buffers():
        if name in kept:
            torch.testing.assert_close(buffer, kept[name], rtol=1e-4, atol=1e-5)


def test_a_share_of_the_way_from_start_to_end_is_kept_and_validated():
    network, events = run_whole(TransferCase.LARGE_SIMILAR, interpolation=0.5)
    start = copy_weights(network)
    last = None
    for event in events:
        if isinstance(event, EpochEnded):
            last = event.epoch, copy_weights(network)
    assert (event.best_epoch, network.training) == (last[0], False)
    for name in ("conv1.conv.weight", "head.linear.weight"):
        middle = (start[name] + last[1][name]) / 2
        torch.testing.assert_close(network.state_dict()[name], middle)


def test_a_share_of_the_way_is_a_mean_of_weights():
    model = nn.BatchNorm2d(2)
    start, end = copy_weights(model), copy_weights(model)
    end["weight"], end["num_batches_tracked"] = torch.tensor([3.0, 5.0]), torch.tensor(7)
    load_interpolated(model, start, end, 0.25)
    torch.testing.assert_close(model.weight.data, torch.tensor([1.5, 2.0]))
    assert model.num_batches_tracked == 7
