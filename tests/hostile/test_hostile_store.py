"""Damage in the data folder: one sentence that says what to do, and never a wrong answer.

A table of the files that matter, what is done to each, and who reads it then.
"""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.shared import caches
from transfer_core import dataset
from transfer_core.cli.main import main
from transfer_core.dataset import samples
from transfer_core.errors import TransferError
from transfer_core.inspection import load_trained_network
from transfer_core.inspection.prediction import load_test_predictions
from transfer_core.runs import RunDirectory, RunStore, load_track_records
from transfer_core.runs.store.records import UnreadableRun

ROOT = Path(__file__).resolve().parents[2]
Damage = Callable[[Path], object]


def flip_bit(file: Path) -> None:
    """Flip one bit in the middle, where neither length nor format tells."""
    content = bytearray(file.read_bytes())
    content[len(content) * 2 // 3] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    """Keep the first half."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    """Keep nothing but the name."""
    file.write_bytes(b"")


def scramble(file: Path) -> None:
    """Put bytes in its place that are neither text nor weights."""
    file.write_bytes(bytes(range(256)) * 3)


DAMAGES = [flip_bit, cut, empty, scramble]


@pytest.fixture
def stored(made, transfer_home) -> tuple[Path, str, Path]:
    """A copy of the data folder with a finished run; the run's id; the zip of its images."""
    home, run, bundle = made
    shutil.copytree(home, transfer_home, dirs_exist_ok=True)
    return transfer_home, run, bundle.parent / "colours.zip"


def find_data_folder(home: Path) -> Path:
    (folder,) = (f for f in (home / "data").iterdir() if (f / "images.pack").exists())
    return folder


def read_images(home: Path, _run: str) -> None:
    data_set = dataset.load(home, find_data_folder(home).name)
    for index in range(len(data_set.records)):
        dataset.load_image(home, data_set, index)


READERS = [  # the file, and who reads it
    ("data/*/dataset.json", read_images),
    ("data/*/images.pack", read_images),
    ("runs/*/network.safetensors", load_trained_network),
    ("runs/*/test_logits.npy", load_test_predictions),
    ("runs/*/result.json", load_trained_network),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize(("pattern", "read"), READERS, ids=[name for name, _ in READERS])
def test_damage_is_told_in_a_sentence_with_what_to_do(pattern, read, damage, stored):
    home, run, _zip = stored
    read(home, run)
    (file,) = home.glob(pattern)
    damage(file)
    with pytest.raises(TransferError, match="damaged on the disk") as caught:
        read(home, run)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["dataset.json", "images.pack", "hashes.json", "summary.json"])
@pytest.mark.parametrize("damage", [*DAMAGES, Path.unlink], ids=lambda damage: damage.__name__)
def test_loading_the_same_zip_again_puts_a_damaged_data_set_right(name, damage, stored):
    home, run, archive = stored
    folder = find_data_folder(home)
    before = dataset.load(home, folder.name)
    damage(folder / name)
    again = dataset.ingest(archive, home=home)
    assert again == before == dataset.load(home, folder.name)
    read_images(home, run)
    assert [summary.id for summary in dataset.list_data_sets(home)] == [folder.name]
    assert not list((home / "data").glob(".unfinished-*"))


def test_loading_the_zip_again_puts_the_versions_of_its_data_set_right_too(stored):
    home, _run, archive = stored
    first = dataset.load(home, find_data_folder(home).name)
    moved = next(record.path for record in first.records if record.split == "train")
    version = dataset.make_version(home, first, [dataset.Change("relabel", moved, "red")])
    flip_bit(version.pack_path(home))
    for data_set in (first, version):
        with pytest.raises(TransferError, match="damaged"):
            list(data_set.iter_image_bytes(home, range(len(data_set.records))))
    dataset.ingest(archive, home=home)
    for data_set in (first, version):
        assert len(list(data_set.iter_image_bytes(home, range(len(data_set.records))))) == 30


def test_a_data_set_without_hashes_which_an_older_version_wrote_is_read(stored):
    home, run, _zip = stored
    (find_data_folder(home) / "hashes.json").unlink()
    read_images(home, run)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("cache", ["pixels", "embeddings"])
def test_a_damaged_cache_is_made_again(cache, damage, stored):
    from transfer_core.features import load_or_embed
    from transfer_core.networks import get_network, load_pretrained

    home, _run, _zip = stored
    source = get_network("demonstration")
    data_set = dataset.load(home, find_data_folder(home).name)
    network, stage = load_pretrained(source), source.stage_names[-2]

    def read() -> np.ndarray:
        pixels = dataset.load_pixels(home, data_set, source.transform)
        if cache == "pixels":
            return pixels[:].copy()
        known, _runtime = load_or_embed(home, data_set.id, network, pixels, source, (stage,))
        return known[stage].copy()

    expected = read()
    for file in (home / cache).rglob("*.npy"):
        damage(file)
    assert (read() == expected).all()


@pytest.mark.parametrize("damage", [cut, empty, scramble], ids=lambda damage: damage.__name__)
def test_what_is_damaged_and_can_be_made_again_or_left_out_harms_nothing(
    damage, made, transfer_home, monkeypatch
):
    from transfer_core.networks import get_network, list_networks
    from transfer_core.timing import cost_cache

    monkeypatch.setattr(samples.catalog, "write_sample_zip", lambda *_, **__: "made again")
    sample = transfer_home / "samples" / "stripes.zip"
    sample.parent.mkdir()
    shutil.copy(made[2], sample)
    assert samples.resolve_path("sample:stripes", transfer_home) == sample
    damage(sample)
    assert samples.resolve_path("sample:stripes", transfer_home) == "made again"
    before = cost_cache.load_or_measure_head_training(transfer_home, 8, 2, 4)
    for file in (transfer_home / "timings").glob("*.json"):
        damage(file)
    assert type(cost_cache.load_or_measure_head_training(transfer_home, 8, 2, 4)) is type(before)
    (transfer_home / "weights").mkdir()
    card = transfer_home / "weights" / "demonstration-0123456789.json"
    card.write_text('{"architecture": "demonstration", "weights_sha256": "0123456789"}')
    damage(card)
    assert get_network("demonstration") in list_networks()


def break_column(column: str, value: str) -> Damage:
    """What writes a value into a column of every run."""

    def write(database: Path) -> None:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(f"UPDATE runs SET {column} = ?", (value,))

    write.__name__ = f"{column} {value[:20]}"
    return write


@pytest.mark.parametrize(
    "damage",
    [
        break_column("state", "daydreaming"),
        break_column("tags", "[1, {"),
        break_column("tags", "7"),
        break_column("config", "{}"),
        break_column("config", "[]"),
        break_column("config", '{"version": "new"}'),
        break_column("result", '{"images": '),
        break_column("result", "[" * 100_000),
        break_column("error", '{"problem": 1}'),
        break_column("expectation", '"x"'),
    ],
    ids=lambda damage: damage.__name__,
)
def test_a_row_that_cannot_be_read_is_listed_with_its_problem_and_can_be_deleted(
    damage, stored, capsys
):
    home, run, _zip = stored
    damage(home / "runs.db")
    with closing(RunStore(home)) as store:
        (listed,) = store.list_all()
        assert isinstance(listed, UnreadableRun) and listed.id == run
        with pytest.raises(TransferError, match="cannot be read"):
            store.get(run)
        load_track_records(store)
    assert main(["runs"]) == main(["runs", "--record"]) == 0
    assert main(["predict", run, "nothing.png"]) == 2
    assert main(["runs", "--delete", run]) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_events_that_cannot_be_read_are_left_out(stored):
    home, run, _zip = stored
    with closing(RunStore(home)) as store:
        whole = store.events(run)
        with closing(sqlite3.connect(home / "runs.db")) as connection, connection:
            connection.execute("UPDATE events SET \"values\" = '{' WHERE sequence = 3")
            connection.execute("UPDATE events SET kind = 'sneezed' WHERE sequence = 4")
        assert [e.sequence for e in store.events(run)] == [
            e.sequence for e in whole if e.sequence not in (3, 4)
        ]


@pytest.mark.parametrize("damage", [cut, empty, scramble], ids=lambda damage: damage.__name__)
def test_a_damaged_database_is_told_in_words(damage, stored, capsys):
    home, _run, _zip = stored
    for beside in home.glob("runs.db-*"):
        beside.unlink()
    damage(home / "runs.db")
    status = main(["runs"])
    told = capsys.readouterr().err
    assert "Traceback" not in told and (status == 0 or "runs" in told)


def test_an_outcome_with_another_result_than_was_written_is_not_believed(stored):
    home, run, _zip = stored
    directory = RunDirectory.locate(home, run)
    assert directory.read_outcome() is not None
    text = directory.result_file.read_text()
    directory.result_file.write_text(text.replace('"accuracy": ', '"accuracy": 0.0 + 0', 1))
    assert directory.read_outcome() is None
    directory.result_file.write_text(text.replace('"images": 6', '"images": 7', 1))
    assert directory.read_outcome() is None


@pytest.mark.parametrize(("page", "told"), [("data", "damaged"), ("try_it", "damaged")])
def test_a_page_tells_damage_in_place_of_a_traceback(page, told, stored):
    st.cache_resource.clear()
    st.cache_data.clear()
    home, run, _zip = stored
    folder = find_data_folder(home)
    for file in (folder / "images.pack", RunDirectory.locate(home, run).weights_file):
        flip_bit(file)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.switch_page(f"pages/{page}.py")
    app.query_params["data"], app.query_params["run"] = folder.name, run
    app.run()
    assert not app.exception and any(told in error.value for error in app.error)
    caches.get_engine().close()
    st.cache_resource.clear()
