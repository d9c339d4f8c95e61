"""The experiment trackers that a run can be logged to: TensorBoard and MLflow."""

import os
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from transfer_core.errors import SettingsError

TRACKER_VARIABLE = "TRANSFER_LOG_TO"  # environment variable: "tensorboard:FOLDER" or "mlflow:URI"
EXPERIMENT_NAME = "Transfer Lab"  # of MLflow


class Tracker(Protocol):
    """Records one run."""

    def log_metrics(self, values: Mapping[str, float], step: int, timestamp: float) -> None:
        """Record numbers at an optimiser step; `timestamp` in seconds since 1970."""

    def end(self, test_metrics: Mapping[str, float], state: str) -> None:
        """Record the result and the state: "finished", "failed" or "stopped"."""


# Makes a tracker for one run from its id, name and settings in words.
TrackerFactory = Callable[[str, str, Mapping[str, str]], Tracker]


def parse_tracker_setting(setting: str) -> TrackerFactory:
    """Return the tracker factory that a setting asks for.

    Args:
        setting: Value of the environment variable `TRANSFER_LOG_TO`.

    Raises:
        SettingsError: If it names no tracker, or the library is not installed.
    """
    kind, _, place = setting.partition(":")
    if kind not in _LIBRARIES or not place:
        raise SettingsError(
            f"The setting {TRACKER_VARIABLE} names no experiment tracker.",
            found=repr(setting[:80]),
            remedy="Set it to tensorboard:FOLDER or mlflow:URI, or leave it away.",
        )
    library, package = _LIBRARIES[kind]
    if find_spec(library) is None:
        raise SettingsError(
            f"The setting {TRACKER_VARIABLE} asks for {kind}, which is not installed.",
            found=f"no package {library}",
            remedy=f"Install it with `pip install {package}`, or leave the setting away.",
        )
    if kind == "tensorboard":
        return lambda *run: _TensorBoardTracker(Path(place).expanduser(), *run)
    return lambda *run: _MLflowTracker(place, *run)


_LIBRARIES = {  # module and package to install
    "tensorboard": ("tensorboard", "tensorboard"),
    "mlflow": ("mlflow", "mlflow"),
}


class _TensorBoardTracker:
    """Logs each run to a folder named after the run and its id."""

    def __init__(self, folder: Path, run_id: str, name: str, settings: Mapping[str, str]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        readable = re.sub(r"[^\w-]+", "_", name)[:60].strip("_")
        self._writer, self._settings = SummaryWriter(folder / f"{readable}-{run_id}"), settings

    def log_metrics(self, values: Mapping[str, float], step: int, timestamp: float) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step, timestamp)
        self._writer.flush()  # so that a run can be watched

    def end(self, test_metrics: Mapping[str, float], state: str) -> None:
        settings = dict(self._settings) | {"state": state}
        self._writer.add_hparams(settings, dict(test_metrics), run_name=".")
        self._writer.close()


class _MLflowTracker:
    """Logs each run as a run of the MLflow experiment "Transfer Lab"."""

    _STATUS = {"finished": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}

    def __init__(self, uri: str, run_id: str, name: str, settings: Mapping[str, str]) -> None:
        os.environ.setdefault(
            "MLFLOW_DISABLE_TELEMETRY", "true"
        )  # no usage data leaves this computer
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self._client = MlflowClient(tracking_uri=uri)
        existing = self._client.get_experiment_by_name(EXPERIMENT_NAME)
        experiment = (
            existing.experiment_id if existing else self._client.create_experiment(EXPERIMENT_NAME)
        )
        run = self._client.create_run(experiment, run_name=name, tags={"transfer_lab.run": run_id})
        self._run = run.info.run_id
        params = [Param(key, value) for key, value in settings.items()]
        self._client.log_batch(self._run, params=params)

    def log_metrics(self, values: Mapping[str, float], step: int, timestamp: float) -> None:
        from mlflow.entities import Metric

        metrics = [
            Metric(name, value, int(1000 * timestamp), step) for name, value in values.items()
        ]
        self._client.log_batch(self._run, metrics=metrics)

    def end(self, test_metrics: Mapping[str, float], state: str) -> None:
        for name, value in test_metrics.items():
            self._client.log_metric(self._run, name, value)
        self._client.set_terminated(self._run, self._STATUS[state])
