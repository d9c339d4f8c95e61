"""Pixels: all kept, some kept or none, the same to whoever reads them."""

import errno
import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from zips import make_class_files, write_zip

from transfer_core import dataset, images
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.dataset.packed_images import PackedImages
from transfer_core.features import embed_with_runtime, make_runtime
from transfer_core.features.embedding import embed
from transfer_core.features.embedding_cache import load_or_compute_embeddings
from transfer_core.networks import get_network
from transfer_core.networks.network_builder import load_pretrained
from transfer_core.runs.launch import make_run_config
from transfer_core.runs.perform import perform_run
from transfer_core.system import disk_cache, parallel
from transfer_core.system.parallel import WorkStopped
from transfer_core.training.events import Preparing

SOURCE = get_network("demonstration")
COUNT = 60


@pytest.fixture
def small_set(tmp_path, transfer_home):
    path = write_zip(tmp_path / "set.zip", make_class_files({"a": 30, "b": 30}))
    return dataset.ingest(path, home=transfer_home)


@pytest.fixture
def expected(small_set, transfer_home):
    """The oracle: every image decoded by itself."""
    decoded = (dataset.load_image(transfer_home, small_set, index) for index in range(COUNT))
    return np.stack([images.apply_transform(image, SOURCE.transform) for image in decoded])


@pytest.fixture
def pixels(small_set, transfer_home):
    """Makes pixels anew, as a new process would."""
    return lambda: dataset.PixelArray(transfer_home, small_set, SOURCE.transform)


@pytest.fixture(params=[COUNT, 25, 0], ids=["all fit", "some fit", "none fits"])
def fitting(request, monkeypatch):
    """Count the images that fit on the disk."""
    size = 64 * 64 * 3 * request.param / dataset.pixel_cache.MAX_CACHE_FRACTION + 2_000
    monkeypatch.setenv(disk_cache.SETTING, str(size / disk_cache.GIGABYTE))
    return request.param


def list_kept_files(home):
    return [path for path in (home / "pixels").rglob("*") if path.is_file()]


def test_images_are_the_same_however_many_are_kept(fitting, pixels, expected, transfer_home):
    first = pixels()
    assert first.cache_capacity == fitting
    first.fill_cache()
    for found in (first, pixels()):
        assert (found[:] == expected).all() and (found[20:40] == expected[20:40]).all()
        chosen = np.array([59, 3, 24, 25, 3])
        assert (found[chosen] == expected[chosen]).all()
    size = sum(path.stat().st_size for path in list_kept_files(transfer_home))
    overhead = disk_cache.NPY_HEADER_BYTES + disk_cache.HASH_BYTES
    assert size == (fitting and 64 * 64 * 3 * fitting + overhead)


def test_batches_are_the_images_in_order_and_keep_those_that_fit(
    fitting, pixels, expected, small_set, transfer_home
):
    batches = list(pixels().iter_batches(16))
    assert [len(batch) for batch in batches] == [16, 16, 16, 12]
    assert (np.concatenate(batches) == expected).all()
    small_set.pack_path(transfer_home).unlink()  # what was kept is not decoded again
    assert (pixels()[:fitting] == expected[:fitting]).all()


def test_batches_of_chosen_images_decode_no_others(pixels, expected, monkeypatch, transfer_home):
    decoded, real = [], PackedImages.decode

    def count_and_decode(self, places, into):
        places = list(places)
        decoded.extend(index for _, index in places)
        return real(self, places, into)

    monkeypatch.setattr(PackedImages, "decode", count_and_decode)
    chosen = np.array([3, 17, 41])
    assert (np.concatenate(list(pixels().iter_batches(2, chosen))) == expected[chosen]).all()
    assert sorted(decoded) == [3, 17, 41] and list_kept_files(transfer_home) == []


def test_the_next_batches_are_decoded_while_one_is_used_but_not_all_of_them(
    pixels, monkeypatch, small_set
):
    decoded, real = [], PackedImages.decode
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(parallel, "MAX_TASK_IMAGES", 4)
    monkeypatch.setattr(
        PackedImages, "decode", lambda *given, **named: decoded.append(real(*given, **named))
    )
    batches = pixels().iter_batches(4)
    next(batches)
    end = time.monotonic() + 5
    while len(decoded) < 8 and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(decoded) == 8  # four for each core
    batches.close()


@pytest.mark.parametrize("end", ["stopped", "left"])
def test_batches_that_are_not_all_read_leave_nothing_behind(end, pixels, transfer_home):
    asked = threading.Event()
    batches = pixels().iter_batches(4, stop=asked.is_set)
    next(batches)
    asked.set()
    if end == "stopped":
        with pytest.raises(WorkStopped):
            list(batches)
    else:
        batches.close()
    assert list_kept_files(transfer_home) == []


def test_all_are_kept_once_there_is_room_for_all(pixels, expected, monkeypatch, transfer_home):
    monkeypatch.setenv(disk_cache.SETTING, "0.0004")
    pixels().fill_cache()
    assert 0 < pixels().cache_capacity < COUNT
    monkeypatch.setenv(disk_cache.SETTING, "1")
    pixels().fill_cache()
    (file,) = list_kept_files(transfer_home)
    assert (np.load(file) == expected).all()


def test_a_full_disk_costs_time_and_nothing_else(pixels, expected, monkeypatch, transfer_home):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    network, found = load_pretrained(SOURCE), pixels()
    found.fill_cache()
    folder = transfer_home / "embeddings" / "set" / "key"
    embedded = load_or_compute_embeddings(
        transfer_home,
        folder,
        ("fc2",),
        lambda stages, allocate: embed_with_runtime(
            network, found, SOURCE, stages, runtime=make_runtime("torch"), allocate=allocate
        ),
    )
    assert np.array_equal(embedded["fc2"], embed(network, expected, SOURCE, ("fc2",))["fc2"])
    assert list_kept_files(transfer_home) == [] and list(folder.iterdir()) == []


def test_embedding_decodes_on_the_way_and_gives_the_same(pixels, expected, transfer_home):
    network = load_pretrained(SOURCE)
    found = embed(network, pixels(), SOURCE, ("conv1", "fc2"))
    plain = embed(network, expected, SOURCE, ("conv1", "fc2"))
    assert all(np.array_equal(found[stage], plain[stage]) for stage in plain)
    assert len(list_kept_files(transfer_home)) == 1


@pytest.mark.parametrize("case", [TransferCase.SMALL_SIMILAR, TransferCase.LARGE_SIMILAR])
def test_a_run_learns_the_same_with_and_without_room(
    case, small_set, transfer_home, monkeypatch, tmp_path
):
    strategy = plan_strategy(case, SOURCE.stage_names, kind=SOURCE.kind)
    strategy = replace(strategy, optimiser=replace(strategy.optimiser, epochs=2))
    config, told = make_run_config(small_set, SOURCE, strategy, 0), []
    for room in ("0", "1"):
        monkeypatch.setenv(disk_cache.SETTING, room)
        directory = tmp_path / room
        directory.mkdir()
        torch.manual_seed(0)
        told.append(list(perform_run(config, directory, transfer_home, lambda: False)))
    without, with_room = told
    assert without[-1] == with_room[-1]
    events = [[e.what for e in run if isinstance(e, Preparing)] for run in told]
    assert "(only 0 fit into the cache, the others are decoded each time)" in events[0][0]
    assert not any("into the cache" in what for what in events[1])


@pytest.mark.parametrize("case", [TransferCase.SMALL_SIMILAR, TransferCase.LARGE_SIMILAR])
def test_a_run_stopped_while_images_are_decoded_ends_and_leaves_nothing_behind(
    case, small_set, transfer_home, monkeypatch, tmp_path
):
    begun, real = threading.Event(), PackedImages.decode

    def note_and_decode(*given, **named):
        begun.set()
        return real(*given, **named)

    monkeypatch.setattr(PackedImages, "decode", note_and_decode)
    config = make_run_config(
        small_set, SOURCE, plan_strategy(case, SOURCE.stage_names, kind=SOURCE.kind), 0
    )
    events = list(perform_run(config, tmp_path, transfer_home, begun.is_set))
    assert begun.is_set() and all(isinstance(event, Preparing) for event in events)
    assert list_kept_files(transfer_home) == []
