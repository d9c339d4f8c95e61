"""The result of a run in a sentence."""

from pages.shared import caches
from transfer_core.runs import RunRecord, find_last_event
from transfer_core.training import Ended


def describe_result(record: RunRecord) -> str:
    """Say how many test images are right, and whether that beats always saying the same class."""
    result = record.result
    if result.low > result.majority_accuracy:
        verdict = "better than"
    elif result.high < result.majority_accuracy:
        verdict = "worse than"
    else:
        verdict = "too few test images to tell it from"
    right = sum(row[number] for number, row in enumerate(result.confusion))
    sentence = (
        f"{right:,} of {result.images:,} test images are right: {verdict} always saying the same "
        f"class ({result.majority_accuracy:.1%})."
    )
    if not _was_stopped_early(record):
        return sentence
    return (
        f"{sentence} The run was stopped before it had gone once through training "
        f"{record.config.strategy.what_is_trained}: this is the new layer alone."
    )


def _was_stopped_early(record: RunRecord) -> bool:
    """Whether only the new layer had been trained when the run was stopped."""
    if record.is_imported or record.result.baseline_accuracy is None:
        return False
    ended = find_last_event(caches.get_run_log(record.id).events(), Ended)
    return ended is not None and ended.best_epoch is None
