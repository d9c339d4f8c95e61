"""Devices; tensors with a device but no values imitate a GPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.errors import SettingsError
from transfer_core.features.embedding import embed
from transfer_core.networks import get_network
from transfer_core.networks.surgery import adapt
from transfer_core.system.devices import choose_device, copy_to_device, get_device, validate_device
from transfer_core.system.random_numbers import make_generator
from transfer_core.training import data_loaders, loop
from transfer_core.training.data_loaders import split_into_batches
from transfer_core.training.events import Ended, Started, Stepped
from transfer_core.training.train import train_head, train_whole_network

# The imitation is no promise of torch's, which says so.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer", "ignore:CUDA is not")
SOURCE = get_network("demonstration")
GPU = torch.device("cuda")
LABELS = np.arange(24, dtype=np.int64) % 3
SPLIT = {"train_indices": np.arange(16), "validation_indices": np.arange(16, 24)}
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")


@without_gpu
def test_without_a_gpu_the_processor_is_taken(monkeypatch):
    monkeypatch.delenv("TRANSFER_DEVICE", raising=False)
    assert choose_device() == "cpu"


@without_gpu
@pytest.mark.parametrize("device", ["cuda", "tpu"])
def test_a_device_that_is_not_there_is_refused_by_name(device, monkeypatch):
    monkeypatch.setenv("TRANSFER_DEVICE", device)
    with pytest.raises(SettingsError) as error:
        choose_device()
    assert error.value.found == device and "TRANSFER_DEVICE" in error.value.remedy


def test_the_processor_is_always_usable():
    assert validate_device("cpu") == "cpu"


def test_what_is_sent_is_a_copy():
    array = np.zeros(3, np.uint8)
    copy_to_device(array).add_(1)
    assert not array.any()


def build_network(case):
    strategy = plan_strategy(case, SOURCE.stage_names, kind=SOURCE.kind)
    return replace(strategy, optimiser=replace(strategy.optimiser, epochs=2, batch_size=8))


@pytest.fixture
def whole():
    """The network of case 3."""
    return adapt(SOURCE, build_network(TransferCase.LARGE_SIMILAR), 3, seed=0)


@pytest.fixture
def frozen():
    """The network of case 1."""
    return adapt(SOURCE, build_network(TransferCase.SMALL_SIMILAR), 3, seed=0)


@pytest.fixture
def imitated_gpu(monkeypatch):
    """Tensors on "cuda" without values: an operation across devices fails, as on a real one."""
    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: None)  # asks the driver for threads
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    monkeypatch.setattr(torch.Tensor, "item", lambda tensor: 0.5)
    monkeypatch.setattr(torch, "equal", lambda one, other: False)
    monkeypatch.setattr(torch.nn.Module, "to", lambda module, **_format: module)
    monkeypatch.setattr(loop, "make_generator", lambda seed, device="cpu": make_generator(seed))
    # Threads see no fake mode.
    monkeypatch.setattr(data_loaders, "prefetch", lambda items, make: map(make, items))
    monkeypatch.setattr(
        data_loaders,
        "shuffle_into_batches",
        lambda indices, size, _: split_into_batches(indices, size),
    )
    return FakeTensorMode(allow_non_fake_inputs=True)


def move_to_gpu(network):
    """The network with all its weights and statistics on the imitated GPU."""
    for module in network.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                empty = torch.empty(weight.shape, device=GPU)
                module._parameters[name] = torch.nn.Parameter(empty, weight.requires_grad)
        for name, values in module._buffers.items():
            if values is not None:
                module._buffers[name] = torch.empty(values.shape, dtype=values.dtype, device=GPU)
    return network


def make_pixels():
    return np.zeros((24, 64, 64, 3), np.uint8)


@pytest.mark.parametrize("number_format", ["float32", "bfloat16"])
@pytest.mark.parametrize("weighted", [True, False])
def test_a_whole_network_is_trained_where_it_lies(number_format, weighted, whole, imitated_gpu):
    strategy = build_network(TransferCase.LARGE_SIMILAR)
    with imitated_gpu:
        move_to_gpu(whole)
        events = list(
            train_whole_network(
                whole,
                make_pixels(),
                LABELS,
                **SPLIT,
                strategy=strategy,
                source=SOURCE,
                seed=0,
                class_weights=torch.ones(3) if weighted else None,
                precision=number_format,
                stop_requested=lambda: False,
            )
        )
    assert isinstance(events[0], Started) and events[0].device == "cuda"
    assert any(isinstance(event, Stepped) for event in events)
    assert isinstance(events[-1], Ended) and get_device(whole).type == "cuda"


def test_a_new_layer_is_trained_where_the_network_lies(frozen, imitated_gpu):
    strategy, embeddings = (
        build_network(TransferCase.SMALL_SIMILAR),
        np.zeros((24, 512), np.float32),
    )
    with imitated_gpu:
        events = list(
            train_head(
                move_to_gpu(frozen),
                embeddings,
                LABELS,
                **SPLIT,
                strategy=strategy,
                seed=0,
                class_weights=torch.ones(3),
                stop_requested=lambda: False,
            )
        )
    assert events[0].device == "cuda" and isinstance(events[-1], Ended)


def test_embeddings_are_computed_where_the_network_lies_and_come_back(
    frozen, imitated_gpu, monkeypatch
):
    seen = []

    def count_transfer(tensor):
        seen.append(tensor.device.type)
        return np.zeros(tensor.shape, np.float32)

    monkeypatch.setattr(torch.Tensor, "numpy", count_transfer)
    with imitated_gpu:
        stages = ("conv3", "fc1")
        found = embed(move_to_gpu(frozen), make_pixels(), SOURCE, stages)
    assert {stage: len(values) for stage, values in found.items()} == {"conv3": 24, "fc1": 24}
    assert set(seen) == {"cpu"}
