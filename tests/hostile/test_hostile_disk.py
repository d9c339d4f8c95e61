"""A disk that fails: for every n the n-th write, fsync, rename or commit fails, or all from there.

Afterwards there is the old state or the new one, and never a mix. What is left over is swept.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from faults import STEP, cause_every_fault
from PIL import Image
from toy_runs import make_config, make_test_result, save_toy_checkpoint

from transfer_core import dataset
from transfer_core.dataset import atomic_folder, store
from transfer_core.dataset.changes import Change
from transfer_core.errors import StorageError
from transfer_core.export import bundle, export_run
from transfer_core.networks import get_network
from transfer_core.runs import RunDirectory, RunStore, launch, start_engine, sweeping
from transfer_core.runs.store import curation
from transfer_core.runs.store.records import Outcome, RunState
from transfer_core.runs.store.schema import SCHEMA_VERSION
from transfer_core.system import storage

STORED = Path(__file__).parents[1] / "stored" / "version_2"
RUN = "0123456789abcdef"


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """Faults are caused here, not power cuts: what is written need not reach the disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(params=[False, True], ids=["full", "killed"])
def dies(request) -> bool:
    """Whether the process is dead after the fault."""
    return request.param


@pytest.fixture
def archive(tmp_path) -> Path:
    """A folder with two classes of four small images."""
    noise = np.random.default_rng(0)
    for name in ("ant", "bee"):
        (tmp_path / "insects" / name).mkdir(parents=True)
        for number in range(4):
            pixels = noise.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "insects" / name / f"{number}.png")
    shutil.make_archive(str(tmp_path / "insects"), "zip", tmp_path / "insects")
    return tmp_path / "insects.zip"


@pytest.fixture
def make_home(tmp_path, monkeypatch):
    """What makes an empty data folder, one for each fault."""
    monkeypatch.setattr(atomic_folder, "LOCKING_SECONDS", -1)
    monkeypatch.setattr(sweeping, "SAFE_AGE_SECONDS", -1)

    def make(number) -> Path:
        home = tmp_path / f"home {number}"
        home.mkdir()
        return home

    return make


def list_left_over(home: Path) -> list[Path]:
    """Unfinished folders and half-written files, after a sweep as a start makes it."""
    sweeping.sweep_orphans(home)
    return [*home.rglob("*.part"), *home.rglob(".unfinished-*")]


def check_data_sets(home: Path) -> list[str]:
    """Every data set is whole, and no other folder is there; returns their ids."""
    dataset.remove_abandoned_folders(home / "data")
    assert not [*home.rglob(".unfinished-*")]
    listed = dataset.list_data_sets(home)
    for summary in listed:
        assert store.load_whole(home, summary.id) is not None
        assert len(dataset.load(home, summary.id).records) == summary.images
    return [summary.id for summary in listed]


def test_a_data_set_is_read_in_as_a_whole_or_not_at_all(archive, make_home, dies):
    expected = dataset.ingest(archive, home=make_home("expected"))

    def check(home, ended_well):
        assert check_data_sets(home) in ([], [expected.id])[ended_well:]
        assert dataset.ingest(archive, home=home) == expected

    faults = cause_every_fault(
        make_home, lambda home: dataset.ingest(archive, home=home), check, dies=dies, step=STEP
    )
    assert faults >= 20


def test_a_damaged_data_set_is_put_right_as_a_whole_or_not_at_all(archive, make_home, dies):
    def prepare(number):
        home = make_home(number)
        data_set = dataset.ingest(archive, home=home)
        pack = data_set.pack_path(home)
        pack.write_bytes(pack.read_bytes()[:-9])
        return home

    def check(home, ended_well):
        again = dataset.ingest(archive, home=home)
        assert check_data_sets(home) == [again.id]

    def load_again(home):
        dataset.ingest(archive, home=home)

    cause_every_fault(prepare, load_again, check, dies=dies, step=STEP)


def test_a_version_is_made_as_a_whole_or_not_at_all(archive, make_home, dies):
    first = make_home("first")
    parent = dataset.ingest(archive, home=first)
    changes = [Change("relabel", next(r.path for r in parent.records if r.split == "train"), "bee")]

    def prepare(number):
        home = make_home(number)
        shutil.copytree(first, home, dirs_exist_ok=True)
        return home

    def make(home):
        return dataset.make_version(home, parent, changes)

    def check(home, ended_well):
        ids = check_data_sets(home)
        assert parent.id in ids and len(ids) in (1, 2)[ended_well:]
        version = make(home)
        assert set(check_data_sets(home)) == {parent.id, version.id}
        assert [v.parent for v in dataset.list_versions(home, version.id)] == [parent.id]

    cause_every_fault(prepare, make, check, dies=dies, step=STEP)


def test_a_checkpoint_is_the_old_or_the_new_one(make_home, dies):
    def prepare(number):
        directory = RunDirectory.locate(make_home(number), RUN)
        directory.checkpoints_folder.mkdir(parents=True)
        for epoch in (1, 2):
            save_toy_checkpoint(directory, epoch)
        return directory

    def check(directory, ended_well):
        assert directory.find_resume_epoch(verify=True) in (2, 3)[ended_well:]
        directory.prepare("{}", 2)  # the next attempt
        assert not list(directory.checkpoints_folder.glob("*.part"))

    cause_every_fault(prepare, lambda d: save_toy_checkpoint(d, 3), check, dies=dies)


def test_an_outcome_is_written_as_a_whole_or_not_at_all(make_home, dies):
    outcome = Outcome(RunState.finished, make_test_result())

    def prepare(number):
        directory = RunDirectory.locate(make_home(number), RUN)
        directory.prepare("{}", 1)
        return directory

    def check(directory, ended_well):
        assert directory.read_outcome() in (None, outcome)[ended_well:]

    cause_every_fault(prepare, lambda d: d.write_outcome(outcome), check, dies=dies)


def test_the_last_files_are_written_into_the_space_that_was_set_aside_for_them(tmp_path):
    directory = RunDirectory.locate(tmp_path, RUN)
    directory.prepare("{}", 1)
    with directory.reserve_space({directory.weights_file: 2**20, directory.test_logits_file: 1}):
        taken = {f.stat().st_ino for f in directory.path.glob("*.part") if f.stat().st_blocks}
        assert len(taken) == 3  # nobody else can take it meanwhile
        directory.write(directory.weights_file, b"weights")
        directory.write(directory.test_logits_file, lambda file: np.save(file, np.arange(9)))
    outcome = Outcome(RunState.finished, make_test_result())
    directory.write_outcome(outcome)
    files = directory.weights_file, directory.test_logits_file, directory.result_file
    assert {file.stat().st_ino for file in files} == taken
    assert files[0].read_bytes() == b"weights" and (np.load(files[1]) == np.arange(9)).all()
    assert directory.read_outcome() == outcome and not any(map(directory.is_damaged, files[:2]))
    assert not list(directory.path.glob("*.part"))


def test_a_bundle_is_taken_in_as_a_whole_or_not_at_all(made, make_home, dies, monkeypatch):
    monkeypatch.setattr(bundle, "_check_weights", lambda path, card: None)  # takes long

    def check(home, ended_well):
        left = list_left_over(home)
        with closing(RunStore(home)) as runs:
            ids = [run.id for run in runs.list()]
        assert len(ids) in (0, 1)[ended_well:] and left == []
        assert sorted(f.name for f in (home / "runs").glob("*")) == ids
        for run_id in ids:
            directory = RunDirectory.locate(home, run_id)
            assert directory.read_outcome().state is RunState.finished
            assert not directory.is_damaged(directory.weights_file)
        if not ids:
            bundle.import_bundle(home, made[2])

    cause_every_fault(
        make_home, lambda home: bundle.import_bundle(home, made[2]), check, dies=dies, step=STEP
    )


def test_a_run_is_removed_as_a_whole_or_not_at_all(make_home, dies):
    files = {"network.safetensors", "result.json", "spec.json", "checkpoints"}

    def prepare(number):
        home = make_home(number)
        with closing(RunStore(home)) as runs:
            run = runs.create(make_config())
            directory = RunDirectory.locate(home, run.id)
            directory.prepare("{}", 1)
            directory.weights_file.write_text("weights")
            directory.write_outcome(Outcome(RunState.finished, make_test_result()))
            runs.set_state(run.id, RunState.finished)
            curation.delete_runs(runs, [run.id])
        return home

    def remove(home):
        with closing(RunStore(home)) as runs:
            curation.purge_deleted_runs(runs, home, older_than=0)

    def check(home, ended_well):
        assert list_left_over(home) == []
        with closing(RunStore(home)) as runs:
            kept = runs.list(deleted=True)
        folders = list((home / "runs").glob("*"))
        assert [f.name for f in folders] == [run.id for run in kept]
        assert not (kept and ended_well)
        for folder in folders:
            assert {file.name for file in folder.iterdir()} == files

    cause_every_fault(prepare, remove, check, dies=dies, step=STEP)


def test_an_older_database_is_migrated_as_a_whole_or_not_at_all(make_home, dies):
    def prepare(number):
        home = make_home(number)
        shutil.copytree(STORED / "home", home, dirs_exist_ok=True)
        return home

    def check(home, ended_well):
        with closing(sqlite3.connect(home / "runs.db")) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        assert version in (2, SCHEMA_VERSION)[ended_well:]
        with closing(RunStore(home)) as runs:
            assert len(runs.list()) == 2

    cause_every_fault(prepare, lambda home: RunStore(home).close(), check, dies=dies)


@pytest.mark.parametrize(
    "work",
    [
        lambda home, run, files: dataset.ingest(files / "insects.zip", home=home),
        lambda home, run, files: export_run(home, run, "weights", files / "out"),
        lambda home, run, files: bundle.import_bundle(home, files / "bundle.zip"),
        lambda home, run, files: start_run(home),
    ],
    ids=["read images", "export", "take a bundle in", "train"],
)
def test_too_little_space_is_told_before_the_work_begins(
    work, made, archive, transfer_home, monkeypatch
):
    home, run, zip_file = made
    shutil.copytree(home, transfer_home, dirs_exist_ok=True)
    shutil.copy(zip_file, archive.parent)
    before = list_data_files(transfer_home)
    usage = shutil.disk_usage(transfer_home)
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda folder: usage._replace(free=2**20))
    with pytest.raises(StorageError, match="not enough space") as told:
        work(transfer_home, run, archive.parent)
    assert "1 MB free" in told.value.found and "Make space" in told.value.remedy
    assert list_data_files(transfer_home) == before


def list_data_files(home: Path) -> list[Path]:
    """All but the database and the locks."""
    return sorted(p for p in home.rglob("*") if "runs.db" not in p.name and p.suffix != ".lock")


def start_run(home: Path) -> None:
    from transfer_core.cases import TransferCase, plan_strategy

    source = get_network("demonstration")
    strategy = plan_strategy(TransferCase.LARGE_SIMILAR, source.stage_names, kind=source.kind)
    data_set = dataset.load(home, dataset.list_data_sets(home)[0].id)
    with start_engine(home, resume=False) as engine:
        launch.launch_run(engine, data_set, source, strategy, 0)


def test_what_a_killed_process_left_is_swept_and_what_lives_stays(archive, transfer_home):
    script = f"""
import os, sys
sys.path[:0] = [{str(STORED.parents[2])!r}]
from pathlib import Path
from transfer_core import dataset
from transfer_core.dataset import store
if __name__ == "__main__":
    store.write = lambda *_: os._exit(9)
    dataset.ingest(Path({str(archive)!r}), home=Path({str(transfer_home)!r}))
"""
    (archive.parent / "killed.py").write_text(script)
    subprocess.run([sys.executable, archive.parent / "killed.py"])
    (left,) = (transfer_home / "data").glob(".unfinished-*")
    part = transfer_home / "runs" / RUN / "network.safetensors.01234567.part"
    part.parent.mkdir(parents=True)
    part.write_text("half")
    download = transfer_home / "weights.part"  # goes on later
    download.write_text("half")
    with atomic_folder.create_unfinished_folder(transfer_home / "data") as living:
        for path in (left, *left.iterdir(), living, part, part.parent, download):
            os.utime(path, (time.time() - 7200,) * 2)
        with start_engine(transfer_home):
            pass
        assert living.exists()
    assert not left.exists() and not part.parent.exists() and download.exists()


def test_what_was_just_written_is_not_swept(transfer_home):
    part = transfer_home / "settings.json.01234567.part"
    part.write_text("half")
    sweeping.sweep_orphans(transfer_home)
    assert part.exists()
