"""Augmented views: what they are, and that a run learns from them and is judged without them."""

from dataclasses import replace

import numpy as np
import pytest
from zips import make_class_files, write_zip

from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.dataset import ingest
from transfer_core.features.augmented_views import AugmentedView
from transfer_core.features.embedding import embed
from transfer_core.networks import get_network
from transfer_core.networks.network_builder import load_pretrained
from transfer_core.runs.launch import make_run_config, start_engine
from transfer_core.runs.store.events import find_last_event, select_events
from transfer_core.training.events import Preparing, Started

SOURCE = get_network("demonstration")


def make_pixels(images=40):
    return np.random.default_rng(0).integers(0, 256, (images, 64, 64, 3), np.uint8)


def embed_view(view: AugmentedView, images=40) -> np.ndarray:
    found = embed(
        load_pretrained(SOURCE),
        make_pixels(images),
        SOURCE,
        ("fc1",),
        preprocess=view.build_preprocessing(),
    )
    return found["fc1"]


def test_a_view_is_the_same_whenever_it_is_made():
    view = AugmentedView(0, mirror=True)
    assert (embed_view(view) == embed_view(view)).all()


def test_views_differ_from_each_other_and_from_the_images():
    plain = embed(load_pretrained(SOURCE), make_pixels(), SOURCE, ("fc1",))["fc1"]
    first, second = (
        embed_view(AugmentedView(0, mirror=True)),
        embed_view(AugmentedView(1, mirror=True)),
    )
    for one, other in ((plain, first), (first, second)):
        assert np.abs(one - other).max(1).min() > 1e-3  # of every image


def test_views_have_keys_of_their_own():
    views = [AugmentedView(number, mirror) for number in (0, 1) for mirror in (True, False)]
    assert len({view.key for view in views}) == 4


def test_only_the_wanted_images_are_embedded():
    whole = embed(load_pretrained(SOURCE), make_pixels(), SOURCE, ("fc1",))["fc1"]
    some = embed(
        load_pretrained(SOURCE), make_pixels(), SOURCE, ("fc1",), indices=np.array([7, 3, 30])
    )["fc1"]
    assert np.allclose(some, whole[[7, 3, 30]], atol=1e-5)


@pytest.fixture
def ran(tmp_path, transfer_home):
    """Events and result of a run of case 1 with two views."""
    zip_ = write_zip(tmp_path / "noise.zip", make_class_files({"a": 20, "b": 20}))
    data = ingest(zip_, home=transfer_home)
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, SOURCE.stage_names, kind=SOURCE.kind)
    strategy = replace(strategy, optimiser=replace(strategy.optimiser, epochs=2, views=2))
    with start_engine(transfer_home) as engine:
        run = engine.wait(engine.submit(make_run_config(data, SOURCE, strategy, 0)), 60)
        return data, run, engine.events(run.id)


def test_a_run_learns_from_the_views_and_is_judged_on_images_alone(ran):
    data, run, events = ran
    started = find_last_event(events, Started)
    assert started.train_images == 3 * len(data.indices("train"))
    assert started.validation_images == len(data.indices("validation"))
    assert run.result.images == len(data.indices("test"))


def test_views_are_told_while_they_are_embedded(ran):
    _, _, events = ran
    told = {event.what for event in select_events(events, Preparing)}
    assert {f"Embedding augmented views, {number} of 2" for number in (1, 2)} <= told
