"""Backups: whole while the data folder is used, small, compared with their hashes, restored."""

import shutil
import time
from pathlib import Path

import pytest
from toy_runs import make_checkpointing_perform, make_config, make_test_result

from transfer_core import dataset
from transfer_core.cli.main import main
from transfer_core.errors import StorageError
from transfer_core.export import back_up, backup
from transfer_core.inspection import classify_files
from transfer_core.runs import RunDirectory, RunStore
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.store.events import select_events
from transfer_core.training import EpochEnded
from transfer_core.workspaces import hold_for_this_computer
from transfer_core.workspaces.store import WorkspaceStore


@pytest.fixture
def home(made, transfer_home) -> Path:
    """A data folder of the test's own, with a finished run."""
    shutil.copytree(made[0], transfer_home, dirs_exist_ok=True)
    return transfer_home


def list_files(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def list_epochs(engine: Engine, run_id: str) -> list[int]:
    return [each.epoch for each in select_events(engine.events(run_id), EpochEnded)]


def test_a_restored_backup_has_runs_images_and_workspaces_but_no_caches(made, home, tmp_path):
    run_id = made[1]
    data_set = dataset.load(home, RunStore(home).read(run_id).config.data_id)
    hold_for_this_computer(home, data_set)
    (home / "logs").mkdir()
    (home / "logs" / "server-8501.log").write_text("{}\n")
    image = tmp_path / "image.png"
    image.write_bytes(dataset.read_image_bytes(home, data_set, 0))
    ((__, before),) = classify_files(home, run_id, [image])
    copy = back_up(home, tmp_path / "backups").folder
    assert not {"embeddings", "pixels", "logs", "engines"} & {path.name for path in copy.iterdir()}
    restored = tmp_path / "restored"
    shutil.copytree(copy, restored)
    assert RunStore(restored).read(run_id) == RunStore(home).read(run_id)
    ((__, after),) = classify_files(restored, run_id, [image])
    assert after.probabilities == pytest.approx(before.probabilities, abs=1e-4)
    workspaces = WorkspaceStore(restored)
    assert workspaces.list_held(workspaces.this_computer) == (data_set.id,)


def test_what_has_not_changed_takes_no_space_again(home, tmp_path):
    first = back_up(home, tmp_path / "backups")
    before = list_files(first.folder)
    (home / "note.txt").write_text("new")
    second = back_up(home, tmp_path / "backups")
    assert first.copied == first.files > 5
    assert (second.copied, second.copied_bytes, second.files) == (1, 3, first.files + 1)
    assert list_files(second.folder) == before | {"note.txt": b"new"}
    (home / "note.txt").write_text("changed")
    back_up(home, tmp_path / "backups")
    assert (second.folder / "note.txt").read_text() == "new"


def test_files_with_two_names_take_space_once(home, tmp_path):
    (pack,) = home.glob("data/*/images.pack")
    (pack.parent.parent / "version").mkdir()
    (pack.parent.parent / "version" / "images.pack").hardlink_to(pack)
    made = back_up(home, tmp_path / "backups")
    copies = list(made.folder.glob("data/*/images.pack"))
    assert len(copies) == 2 and copies[0].samefile(copies[1])


def test_a_run_that_ends_while_it_is_copied_is_whole(made, home, tmp_path, monkeypatch):
    """Its log grows after it was copied, and its result appears after its folder was listed."""
    run = RunDirectory.locate(home, made[1])
    result, copyfileobj = run.result_file.read_bytes(), shutil.copyfileobj
    log = run.events_file.read_bytes()
    run.result_file.unlink()
    run.events_file.write_bytes(log[:-20])

    def end_run_after(reader, writer):
        copyfileobj(reader, writer)
        if Path(reader.name) == run.weights_file:
            run.events_file.write_bytes(log)
            run.result_file.write_bytes(result)

    monkeypatch.setattr(backup.shutil, "copyfileobj", end_run_after)
    copy = back_up(home, tmp_path / "backups")
    assert copy.damaged == ()
    assert RunDirectory.locate(copy.folder, made[1]).read_outcome() is not None
    assert RunDirectory.locate(copy.folder, made[1]).events_file.read_bytes() == log


def test_runs_that_go_on_while_backups_are_made_end_after_a_restore(tmp_path):
    home, perform = tmp_path / "home", make_checkpointing_perform(epochs=5, pause=0.1)
    home.mkdir()
    with Engine(home, perform, lanes=(None,) * 3) as engine:
        run_ids = [engine.submit(make_config(seed)) for seed in range(3)]
        # A run that dies before its first checkpoint is interrupted, by a restore too.
        while any(len(list_epochs(engine, run_id)) < 2 for run_id in run_ids):
            time.sleep(0.01)
        copies = [back_up(home, tmp_path / "backups") for _ in range(3)]
    assert not any(copy.damaged for copy in copies)
    for copy in copies:
        shutil.copytree(copy.folder, tmp_path / "restored")
        with Engine(tmp_path / "restored", perform, lanes=(None, None)) as engine:
            for run_id in run_ids:
                run = engine.wait(run_id, 30)
                assert run.result == make_test_result()
                assert set(list_epochs(engine, run_id)) == {1, 2, 3, 4, 5}
        shutil.rmtree(tmp_path / "restored")


def test_a_file_that_is_removed_meanwhile_is_left_out(home, tmp_path, monkeypatch):
    (home / "notes").mkdir()
    for name in "ab":
        (home / "notes" / name).touch()
    copyfileobj = shutil.copyfileobj

    def remove_the_next(reader, writer):
        copyfileobj(reader, writer)
        if Path(reader.name).name == "a":
            (home / "notes" / "b").unlink()

    monkeypatch.setattr(backup.shutil, "copyfileobj", remove_the_next)
    copy = back_up(home, tmp_path / "backups").folder
    assert [path.name for path in (copy / "notes").iterdir()] == ["a"]


def test_damage_is_named_and_no_older_backup_is_removed(made, home, tmp_path, capsys):
    target = tmp_path / "backups"
    assert main(["backup", str(target), "--keep", "1"]) == 0
    weights, (pack,) = RunDirectory.locate(home, made[1]).weights_file, home.glob("data/*/*.pack")
    for file in (weights, pack):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    assert main(["backup", str(target), "--keep", "1"]) == 1
    told = capsys.readouterr().err
    assert f"runs/{made[1]} is damaged" in told and f"data/{pack.parent.name} is damaged" in told
    assert len(list(target.iterdir())) == 2


def test_only_the_oldest_backups_are_removed(home, tmp_path):
    target = tmp_path / "backups"
    target.mkdir()
    (target / "2020-01-01 my own").mkdir()
    made = [back_up(home, target, keep=2).folder for _ in range(3)]
    assert sorted(target.iterdir()) == sorted([target / "2020-01-01 my own", *made[1:]])


@pytest.mark.parametrize("target", [".", "backups"])
def test_a_folder_inside_the_data_folder_is_refused(home, target):
    with pytest.raises(StorageError, match="cannot be backed up there"):
        back_up(home, home / target)


def test_without_a_data_folder_nothing_is_made(transfer_home, tmp_path):
    assert main(["backup", str(tmp_path / "backups")]) == 2
    assert not (tmp_path / "backups").exists()
