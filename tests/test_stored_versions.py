"""A data folder and a bundle that version 2 of the stored settings wrote are still read.

`tests/stored/version_2` was written by the program before the rooms were put in order: settings
without a version number, `number_format` for `precision`, `fall_back`, a head named "new".
"""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from transfer_core import dataset
from transfer_core.cli.main import main
from transfer_core.export import export_run
from transfer_core.export.bundle import import_bundle
from transfer_core.inspection.out_of_distribution import load_or_fit_detector
from transfer_core.inspection.prediction import load_test_predictions, load_trained_network
from transfer_core.runs.engine.reader import RunReader
from transfer_core.runs.store.config_json import CONFIG_VERSION, from_json, to_json
from transfer_core.runs.store.events import find_last_event, select_events
from transfer_core.runs.store.records import RunState, UnreadableRun
from transfer_core.runs.store.schema import SCHEMA_VERSION
from transfer_core.training.events import Ended, EpochEnded, Preparing, Started

STORED = Path(__file__).parent / "stored" / "version_2"
CASE_2, CASE_3 = "bda8f66efe1bc996", "1a41ef7c954e84fe"


@pytest.fixture
def old_home(transfer_home) -> Path:
    """A copy of the stored data folder, which the test may change."""
    shutil.copytree(STORED / "home", transfer_home, dirs_exist_ok=True)
    return transfer_home


@pytest.fixture
def reader(old_home):
    """Reads the runs of the stored data folder."""
    with RunReader(old_home) as reader:
        yield reader


def test_every_run_is_listed_and_none_is_unreadable(reader):
    assert {run.id for run in reader.list_runs()} == {CASE_2, CASE_3}
    assert not [run for run in reader.store.list_all() if isinstance(run, UnreadableRun)]


def test_a_record_has_its_settings_and_its_result_under_todays_names(reader):
    run = reader.get(CASE_3)
    assert (run.state, run.name) == (RunState.finished, "Case 3: large, similar")
    assert (run.config.precision, run.config.strategy.case) == ("bfloat16", 3)
    assert type(run.result).__name__ == "TestResult"
    assert (run.result.images, run.result.accuracy) == (6, 1.0)
    assert [each.name for each in run.result.per_class] == ["across", "down"]
    assert run.result.baseline_accuracy is None  # was not measured then


def test_settings_are_written_again_with_their_version(reader):
    config = reader.get(CASE_3).config
    assert json.loads(to_json(config))["version"] == CONFIG_VERSION
    assert from_json(to_json(config)) == config


def test_settings_that_were_unknown_then_are_what_the_run_did(reader):
    optimiser = reader.get(CASE_3).config.strategy.optimiser
    assert (optimiser.train_head_first, optimiser.freeze_batch_norm) == (False, False)
    assert {reader.get(run).config.strategy.approach for run in (CASE_2, CASE_3)} == {"textbook"}


def test_a_log_is_read_as_events_and_the_head_has_todays_name(reader):
    log = reader.events(CASE_3)
    with closing(sqlite3.connect(reader.home / "runs.db")) as connection:
        count = connection.execute("SELECT count(*) FROM events WHERE run = ?", (CASE_3,))
        assert len(log) == count.fetchone()[0]  # none is skipped
    assert [event.epoch for event in select_events(log, EpochEnded)] == [0, 1, 2]
    assert find_last_event(log, Started).train_images == 16
    assert find_last_event(log, Preparing) is not None
    stages = [change.stage for change in find_last_event(log, Ended).changes]
    assert stages == ["conv1", "conv2", "conv3", "fc1", "fc2", "head"]


def test_the_outcome_in_the_run_directory_is_that_of_the_record(reader):
    for run_id in (CASE_2, CASE_3):
        outcome = reader.directory(run_id).read_outcome()
        assert (outcome.state, outcome.result) == (RunState.finished, reader.get(run_id).result)


def test_answers_to_the_test_images_and_the_data_set_are_read(old_home, reader):
    for run_id in (CASE_2, CASE_3):
        answers, result = load_test_predictions(old_home, run_id), reader.get(run_id).result
        assert (answers.predicted == answers.labels).mean() == result.accuracy
    data_set = dataset.load(old_home, reader.get(CASE_3).config.data_id)
    assert data_set.classes == ("across", "down")
    assert len(data_set.indices("train")) == 16


def test_a_network_is_restored_with_its_head(old_home):
    trained = load_trained_network(old_home, CASE_2)
    assert list(dict(trained.network.named_children()))[-1] == "head"


def test_a_bundle_is_imported(transfer_home):
    record = import_bundle(transfer_home, STORED / "bundle.zip")
    assert record.is_imported and record.state is RunState.finished
    assert record.result.accuracy > 0
    assert load_trained_network(transfer_home, record.id).classes == ("across", "down")


def test_a_report_is_exported(old_home, tmp_path):
    (page,) = export_run(old_home, CASE_2, "report", tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "across" in text and "Training" in text


def test_the_command_line_lists_the_runs(old_home, capsys):
    assert main(["runs", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["run"] for line in lines} == {CASE_2, CASE_3}
    assert all(np.isfinite(line["test_accuracy"]) for line in lines)


def test_the_database_is_of_the_version_that_it_says(old_home, reader):
    with closing(sqlite3.connect(old_home / "runs.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_a_detector_is_read_under_the_name_that_its_scores_had_then(old_home, reader):
    trained = load_trained_network(old_home, CASE_2)
    fitted = load_or_fit_detector(old_home, trained)
    file = reader.directory(CASE_2).detector_file
    np.savez(file, embeddings=fitted.embeddings, usual=fitted.conformal_scores)
    again = load_or_fit_detector(old_home, trained)
    assert (again.conformal_scores == fitted.conformal_scores).all()
