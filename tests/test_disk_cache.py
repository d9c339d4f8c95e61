"""The bound on caches: what is removed, when, and what never is."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from transfer_core.errors import SettingsError
from transfer_core.system import disk_cache
from transfer_core.system.disk_cache import (
    GIGABYTE,
    CacheFullError,
    add_entry,
    get_limit,
    load_json,
    open_array,
    save_json,
)

LIMIT_BYTES = 1_000  # bytes
OVERHEAD = disk_cache.NPY_HEADER_BYTES + disk_cache.HASH_BYTES  # of an entry, beside its values
NAMES = "abcdef"
ACTIONS = some.lists(
    some.tuples(
        some.sampled_from(["add", "use"]),
        some.sampled_from(NAMES),
        some.integers(disk_cache.HASH_BYTES, 600),
    ),
    max_size=12,
)


@pytest.fixture
def bounded(transfer_home, monkeypatch):
    """A data folder whose caches may take a thousand bytes."""
    monkeypatch.setenv(disk_cache.SETTING, str(LIMIT_BYTES / GIGABYTE))
    return transfer_home


def entry_path(home, name):
    return home / "embeddings" / "set" / f"{name}.npy"


def add(home, name, size, value=0):
    """Add an array whose file has `size` bytes; every element has this value."""
    values = np.full(size - OVERHEAD, value, np.uint8)
    with add_entry(home, entry_path(home, name), size - disk_cache.HASH_BYTES) as file:
        np.save(file, values)


def list_files(home):
    return sorted(
        path for cache in disk_cache.CACHE_FOLDERS for path in (home / cache).rglob("*.*")
    )


def sum_bytes(home):
    return sum(path.stat().st_size for path in list_files(home))


@settings(max_examples=40, deadline=None)
@given(actions=ACTIONS)
def test_what_was_used_longest_ago_goes_first_and_the_bound_holds(tmp_path_factory, actions):
    home, kept = tmp_path_factory.mktemp("home"), {}  # the oracle: sizes, last used last
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(disk_cache.SETTING, str(LIMIT_BYTES / GIGABYTE))
        for action, name, size in actions:
            if action == "add":
                held = size - disk_cache.HASH_BYTES
                with add_entry(home, entry_path(home, name), held) as file:
                    file.write(bytes(held))
                while sum(kept.values()) + size > LIMIT_BYTES:
                    del kept[next(iter(kept))]
                kept.pop(name, None)
                kept[name] = size
            elif name in kept:
                disk_cache.mark_used(entry_path(home, name))
                kept[name] = kept.pop(name)
            assert [path.stem for path in list_files(home)] == sorted(kept)
            assert sum_bytes(home) == sum(kept.values()) <= LIMIT_BYTES


def test_an_entry_larger_than_the_bound_is_refused_and_nothing_is_removed(bounded):
    add(bounded, "a", 400)
    with (
        pytest.raises(CacheFullError),
        add_entry(bounded, entry_path(bounded, "b"), LIMIT_BYTES + 1),
    ):
        pytest.fail("the block must not begin")
    assert list_files(bounded) == [entry_path(bounded, "a")]


def test_what_is_being_written_counts_and_stays(bounded):
    with add_entry(bounded, entry_path(bounded, "a"), 668) as file:
        with pytest.raises(CacheFullError):
            add(bounded, "b", 400)
        add(bounded, "c", 300)
        assert sum_bytes(bounded) == LIMIT_BYTES
        file.write(bytes(668))
    assert list_files(bounded) == [entry_path(bounded, "a"), entry_path(bounded, "c")]


def test_an_entry_that_fails_to_be_written_leaves_nothing_behind(bounded):
    with pytest.raises(ZeroDivisionError), add_entry(bounded, entry_path(bounded, "a"), 500):
        raise ZeroDivisionError
    assert list_files(bounded) == []


def test_what_a_killed_process_was_writing_makes_room(bounded):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from transfer_core.system.disk_cache import add_entry\n"
        "with add_entry(Path(sys.argv[1]), Path(sys.argv[2]), 868): os._exit(9)"
    )
    path = entry_path(bounded, "a")
    root = Path(disk_cache.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, bounded, path], cwd=root)
    assert sum_bytes(bounded) == 900
    add(bounded, "b", 600)
    assert list_files(bounded) == [entry_path(bounded, "b")]


def test_a_removed_array_stays_readable_for_those_who_have_it_open(bounded):
    add(bounded, "a", 600, value=7)
    array = open_array(entry_path(bounded, "a"))
    add(bounded, "b", 600)
    assert open_array(entry_path(bounded, "a")) is None
    assert (array == 7).all() and len(array) == 600 - OVERHEAD


def test_threads_that_add_and_read_at_once_never_meet_half_an_array(bounded):
    def work(seed):
        chance, whole = np.random.default_rng(seed), True
        for _ in range(40):
            value, name = int(chance.integers(256)), chance.choice(list(NAMES))
            with suppress(CacheFullError):  # the other thread is writing
                add(bounded, name, int(chance.integers(200, 600)), value)
            array = open_array(entry_path(bounded, chance.choice(list(NAMES))))
            whole &= array is None or (array == array[0]).all()
        return whole

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(work, range(2)))
    assert 0 < sum_bytes(bounded) <= LIMIT_BYTES


def test_an_array_that_was_cut_off_counts_as_missing(bounded):
    add(bounded, "a", 500)
    entry_path(bounded, "a").write_bytes(entry_path(bounded, "a").read_bytes()[:300])
    assert open_array(entry_path(bounded, "a")) is None


@pytest.mark.parametrize(("free", "expected"), [(40, 20), (1_000, 100)])
def test_half_of_the_free_disk_is_used_and_a_hundred_gigabytes_at_most(
    transfer_home, monkeypatch, free, expected
):
    monkeypatch.delenv(disk_cache.SETTING, raising=False)
    disk = SimpleNamespace(free=free * GIGABYTE)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    assert get_limit(transfer_home) == expected * GIGABYTE


def test_a_gigabyte_of_the_disk_stays_free_whatever_is_set(transfer_home, monkeypatch):
    monkeypatch.setenv(disk_cache.SETTING, "500")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3 * GIGABYTE))
    assert get_limit(transfer_home) == 2 * GIGABYTE


@pytest.mark.parametrize("setting", ["-1", "nan", "inf", "many"])
def test_a_setting_that_is_no_size_is_told(transfer_home, monkeypatch, setting):
    monkeypatch.setenv(disk_cache.SETTING, setting)
    with pytest.raises(SettingsError, match="TRANSFER_CACHE_GB is not a size"):
        get_limit(transfer_home)


@pytest.mark.parametrize("place", [200, 320, 499], ids=["values", "values too", "hash"])
def test_an_array_with_a_flipped_bit_counts_as_missing_also_in_the_process_that_read_it(
    bounded, place
):
    add(bounded, "a", 500)
    path = entry_path(bounded, "a")
    assert open_array(path) is not None
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)
    assert open_array(path) is None


def test_an_entry_that_was_cut_at_its_hash_and_then_changed_counts_as_missing(bounded):
    add(bounded, "a", 500)
    values = entry_path(bounded, "b")
    save_json(bounded, values, [1, 2])
    for path, read in ((entry_path(bounded, "a"), open_array), (values, load_json)):
        content = bytearray(path.read_bytes()[: -disk_cache.HASH_BYTES])
        content[-2] ^= 1
        path.write_bytes(content)
        assert read(path) is None
