"""Logging to TensorBoard and MLflow, read back by the real libraries."""

import logging
import threading
import time
from pathlib import Path

import pytest
from toy_runs import make_config, make_perform

from transfer_core.errors import SettingsError
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.launch import start_engine
from transfer_core.runs.store.records import RunState
from transfer_core.runs.trackers.backends import (
    EXPERIMENT_NAME,
    TRACKER_VARIABLE,
    parse_tracker_setting,
)
from transfer_core.runs.trackers.follower import log_to_tracker

WAIT = 60.0  # seconds until a test gives up


def run_tracked(home: Path, setting: str, perform=None, name="Pets, <first> try"):
    """The record of a run that was passed on to a tracker, which has taken all of it."""
    seen = log_to_tracker(perform or make_perform(epochs=2), parse_tracker_setting(setting), home)
    with Engine(home, seen) as engine:
        return engine.wait(engine.submit(make_config(seed=7), name), WAIT)


def wait_for(condition):
    """Wait until something is so; returns it."""
    end = time.monotonic() + WAIT
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return found


def read_tensorboard(folder: Path):
    """The values that TensorBoard reads from the one run in a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (run,) = folder.iterdir()
    return EventAccumulator(str(run)).Reload()


def read_mlflow(uri: str):
    """The one run that MLflow has, and a client to ask for more; None until there is a run."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(EXPERIMENT_NAME)
    runs = client.search_runs([experiment.experiment_id]) if experiment else []
    assert len(runs) <= 1
    return (runs[0], client) if runs else None


def has_mlflow_status(uri: str, status: str) -> bool:
    found = read_mlflow(uri)
    return found is not None and found[0].info.status == status


def test_tensorboard_reads_every_scalar_at_its_step(tmp_path):
    run_tracked(tmp_path, f"tensorboard:{tmp_path / 'boards'}")
    log = wait_for(lambda: _read_finished_log(tmp_path / "boards"))
    assert [(s.step, s.value) for s in log.Scalars("training/loss")] == [(1, 1.0), (2, 0.5)]
    assert [(s.step, s.value) for s in log.Scalars("validation/accuracy")] == [(1, 0.5), (2, 0.5)]
    assert log.Scalars("test/accuracy")[0].value == 0.875


def _read_finished_log(folder: Path):
    log = read_tensorboard(folder) if folder.exists() and list(folder.iterdir()) else None
    return log if log and "test/accuracy" in log.Tags()["scalars"] else None


def test_tensorboard_gets_the_settings_as_hyperparameters(tmp_path):
    run = run_tracked(tmp_path, f"tensorboard:{tmp_path / 'boards'}")
    log = wait_for(lambda: _read_finished_log(tmp_path / "boards"))
    told = str(log.summary_metadata["_hparams_/session_start_info"].plugin_data.content)
    assert "learning rate" in told and "epochs" in told
    assert Path(log.path).name == f"Pets_first_try-{run.id}"


def test_mlflow_gets_settings_curves_result_and_state(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    record = run_tracked(tmp_path, f"mlflow:{uri}")
    wait_for(lambda: has_mlflow_status(uri, "FINISHED"))
    run, client = read_mlflow(uri)
    assert run.info.run_name == "Pets, <first> try"
    assert run.data.tags["transfer_lab.run"] == record.id
    assert (run.data.params["seed"], run.data.params["learning rate"]) == ("7", "4")
    assert run.data.metrics["test/accuracy"] == 0.875
    history = client.get_metric_history(run.info.run_id, "training/loss")
    assert [(point.step, point.value) for point in history] == [(1, 1.0), (2, 0.5)]


def test_mlflow_is_told_when_a_run_fails(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    record = run_tracked(tmp_path, f"mlflow:{uri}", make_perform(epochs=3, fail_in_epoch=2))
    assert record.state is RunState.failed
    wait_for(lambda: has_mlflow_status(uri, "FAILED"))


class _Broken:
    """A tracker that breaks at the first number."""

    def log_metrics(self, values, step, when):
        raise ConnectionError("the tracker is away")

    def end(self, final, state):
        raise AssertionError("nothing more is passed on after a failure")


def test_a_tracker_that_fails_is_a_warning_and_the_run_goes_on(tmp_path, caplog):
    with (
        caplog.at_level(logging.WARNING),
        Engine(
            tmp_path, log_to_tracker(make_perform(epochs=3), lambda *run: _Broken(), tmp_path)
        ) as engine,
    ):
        run = engine.wait(engine.submit(make_config()), WAIT)
        wait_for(lambda: "the tracker is away" in caplog.text)
    assert run.state is RunState.finished
    assert caplog.text.count("not passed on") == 1


class _Slow:
    """A tracker that takes until it is let go."""

    def __init__(self, released: threading.Event):
        self._released = released
        released.wait(WAIT)

    def log_metrics(self, values, step, when):
        self._released.wait(WAIT)

    def end(self, final, state):
        pass


def test_the_training_does_not_wait_for_a_slow_tracker(tmp_path):
    released = threading.Event()
    follow = log_to_tracker(make_perform(epochs=3), lambda *run: _Slow(released), tmp_path)
    with Engine(tmp_path, follow) as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert run.state is RunState.finished and not released.is_set()
        released.set()


@pytest.mark.parametrize("setting", ["wandb:here", "tensorboard", "mlflow:", "/just/a/folder"])
def test_a_setting_that_names_no_tracker_is_refused(setting):
    with pytest.raises(SettingsError, match="tensorboard:FOLDER or mlflow:URI"):
        parse_tracker_setting(setting)


def test_a_tracker_that_is_not_installed_is_told_with_how_to_install_it(monkeypatch):
    monkeypatch.setattr("transfer_core.runs.trackers.backends.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="pip install tensorboard"):
        parse_tracker_setting("tensorboard:here")


def test_the_environment_variable_decides(tmp_path, monkeypatch):
    monkeypatch.setenv(TRACKER_VARIABLE, "nonsense")
    with pytest.raises(SettingsError, match="nonsense"):
        start_engine(tmp_path)
