"""Every run draws from generators of its own: nothing that happens beside it changes its result."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.networks import get_network
from transfer_core.networks.network_builder import build_untrained
from transfer_core.networks.surgery import adapt
from transfer_core.system.random_numbers import DrawFrom, make_generator
from transfer_core.training.train import train_whole_network

# Dropout alone, and dropout with stochastic depth.
SOURCES = {
    "demonstration": get_network("demonstration"),
    "efficientnet_b0": get_network("efficientnet_b0").with_input_size(32),
}
PLAN = {"case": TransferCase.LARGE_DIFFERENT, "initialise": "random"}


def train(name: str, seed: int) -> dict[str, torch.Tensor]:
    """The weights that a short training of everything leads to."""
    source = SOURCES[name]
    strategy = plan_strategy(
        PLAN["case"], source.stage_names, kind=source.kind, initialise=PLAN["initialise"]
    )
    settings = replace(strategy.optimiser, epochs=2, batch_size=8)
    strategy = replace(strategy, optimiser=settings)
    network, size = adapt(source, strategy, 3, seed), source.input_size
    pixels = np.random.default_rng(0).integers(0, 256, (20, size, size, 3), dtype=np.uint8)
    events = train_whole_network(
        network,
        pixels,
        np.arange(20) % 3,
        np.arange(16),
        np.arange(16, 20),
        strategy,
        source,
        seed=seed,
        class_weights=None,
        stop_requested=lambda: False,
    )
    assert [type(event).__name__ for event in events][-1] == "Ended"
    return {key: value.clone() for key, value in network.state_dict().items()}


@contextmanager
def surgery_in_another_thread():
    """Operate, build and draw global random numbers for as long as the block lasts."""
    over = threading.Event()
    strategy = plan_strategy(
        TransferCase.SMALL_SIMILAR,
        SOURCES["demonstration"].stage_names,
        kind=SOURCES["demonstration"].kind,
    )

    def work():
        while not over.is_set():
            adapt(SOURCES["demonstration"], strategy, 3, seed=7)
            build_untrained(SOURCES["demonstration"], 3, seed=8)
            torch.rand(3)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def are_equal(one: dict, other: dict) -> bool:
    """Whether all weights and statistics are bit-identical."""
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("name", SOURCES)
def test_two_trainings_beside_surgery_end_as_each_of_them_alone(name):
    with ThreadPoolExecutor(2) as pool:
        alone = [pool.submit(train, name, seed).result() for seed in (0, 1)]
        with surgery_in_another_thread():
            beside = [pool.submit(train, name, seed) for seed in (0, 1)]
            results = [each.result() for each in beside]
    assert not are_equal(*alone)
    assert are_equal(results[0], alone[0]) and are_equal(results[1], alone[1])


@pytest.mark.parametrize("name", SOURCES)
def test_a_training_leaves_the_global_generator_alone(name):
    before = torch.get_rng_state()
    train(name, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_own_numbers_are_those_that_torch_draws_after_seeding_its_global_generator():
    """A script with plain torch can then repeat a run."""
    network = build_untrained(SOURCES["efficientnet_b0"], 3).train()
    images = torch.rand(4, 3, 32, 32, generator=make_generator(1))
    with DrawFrom(make_generator(5)):
        own = network(images)
        layer = torch.nn.Linear(4, 3)
    network = build_untrained(SOURCES["efficientnet_b0"], 3).train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        assert torch.equal(network(images), own)
        assert torch.equal(torch.nn.Linear(4, 3).weight, layer.weight)


def test_what_can_only_draw_from_the_global_generator_is_refused():
    layer = torch.nn.Dropout2d(0.5)
    with DrawFrom(make_generator(0)):
        with pytest.raises(NotImplementedError, match="dropout2d takes no generator"):
            layer.train()(torch.ones(1, 2, 3, 3))
        assert (layer.eval()(torch.ones(1, 2, 3, 3)) == 1).all()


def attend(dropout: float, training: bool = True) -> torch.Tensor:
    layer = torch.nn.MultiheadAttention(4, 2, dropout=dropout).train(training)
    tokens = torch.ones(3, 1, 4)
    return layer(tokens, tokens, tokens, need_weights=False)[0]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: attend(dropout=0.5),
        lambda: functional.scaled_dot_product_attention(*[torch.ones(1, 2, 4)] * 3, dropout_p=0.5),
        lambda: functional.scaled_dot_product_attention(*[torch.ones(1, 2, 4)] * 3, None, 0.5),
        lambda: functional.rrelu(torch.ones(3), training=True),
        lambda: functional.gumbel_softmax(torch.ones(3)),
        lambda: torch.dropout(torch.ones(3), 0.5, True),
    ],
)
def test_attention_and_others_that_would_draw_dropout_in_silence_are_refused(draw):
    with DrawFrom(make_generator(0)), pytest.raises(NotImplementedError, match="no generator"):
        draw()


def test_attention_without_dropout_and_in_eval_mode_is_computed():
    with DrawFrom(make_generator(0)):
        assert attend(dropout=0).shape == attend(dropout=0.5, training=False).shape == (3, 1, 4)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: torch.rand_like(torch.ones(3)),
        lambda: torch.randn_like(torch.ones(3)),
        lambda: torch.randint_like(torch.ones(3), 100),
        lambda: torch.poisson(torch.full((3,), 9.0)),
        lambda: torch.ones(3).log_normal_(),
    ],
)
def test_every_other_draw_takes_the_numbers_of_the_own_generator(draw):
    before = torch.get_rng_state()
    with DrawFrom(make_generator(5)):
        own = draw()
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        assert torch.equal(draw(), own)
