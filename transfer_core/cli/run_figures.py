"""Figures of finished runs, for the output of the commands that train."""

import statistics
from collections.abc import Iterable

from transfer_core.cases import TransferCase
from transfer_core.runs import RunRecord
from transfer_core.training import Ended


def collect_figures(record: RunRecord, ended: Ended) -> dict:
    """Return the settings and results of a finished run, by the names that JSON has for them."""
    strategy = record.config.strategy
    return {
        "run": record.id,
        "network": record.config.network,
        "case": strategy.case.value,
        "option": strategy.key,
        "keep_through": strategy.keep_through,
        "initialise": strategy.initialise,
        "validation_accuracy": record.result.validation_accuracy,
        "test_accuracy": record.result.accuracy,
        "low": record.result.low,
        "high": record.result.high,
        "majority_accuracy": record.result.majority_accuracy,
        "epochs": ended.epochs,
        "reason": ended.reason,
        "seconds": ended.seconds,
        "images_per_second": ended.images_per_second,
        "sentence": record.result.sentence,
    }


def describe_interruption(run: RunRecord, epoch: int | None) -> str:
    """Say in one sentence what becomes of a run that Ctrl-C or a signal has interrupted.

    Args:
        run: The run, as it is now.
        epoch: From `RunReader.find_resume_epoch`.
    """
    if run.result is not None:
        return f"Interrupted just after run {run.id} had ended: the app has its result."
    if epoch is None:
        return f"Interrupted before run {run.id} had learned anything: start it again."
    after = f"after epoch {epoch}" if epoch else "in its first epoch"
    return f"Interrupted {after}: the app resumes run {run.id} from there, on the page Train."


def summarise(rows: Iterable[dict]) -> list[dict]:
    """Return the mean and the standard deviation over the seeds, for each case."""
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(format_label(row), []).append(row)
    return [
        {
            "label": label,
            "case": group[0]["case"],
            "initialise": group[0]["initialise"],
            "test_accuracies": [row["test_accuracy"] for row in group],
            "mean": statistics.mean(row["test_accuracy"] for row in group),
            "spread": statistics.stdev([row["test_accuracy"] for row in group])
            if len(group) > 1
            else 0.0,
        }
        for label, group in groups.items()
    ]


def format_label(row: dict) -> str:
    """Return the case of a row for people; case 4 with its initial weights."""
    start = f", {row['initialise']} weights" if row["case"] == TransferCase.LARGE_DIFFERENT else ""
    return TransferCase(row["case"]).title + start
