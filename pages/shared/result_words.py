"""The result of a run in a sentence."""

from pages.shared import caches
from transfer_core.languages import N_, _
from transfer_core.runs import RunRecord, find_last_event
from transfer_core.training import Ended


def describe_interval(low: float, high: float) -> str:
    """Write the ends of an interval, in [0, 1]: "91% – 96%"."""
    return _("{low:.0%} – {high:.0%}", low=low, high=high)


def describe_result(record: RunRecord) -> str:
    """Say how many test images are right, and whether that beats always saying the same class."""
    result = record.result
    right = sum(row[number] for number, row in enumerate(result.confusion))
    if result.low > result.majority_accuracy:
        sentence = N_(
            "{right:,} of {images:,} test images are right: better than always saying the same "
            "class ({guessing:.1%})."
        )
    elif result.high < result.majority_accuracy:
        sentence = N_(
            "{right:,} of {images:,} test images are right: worse than always saying the same "
            "class ({guessing:.1%})."
        )
    else:
        sentence = N_(
            "{right:,} of {images:,} test images are right: too few test images to tell it from "
            "always saying the same class ({guessing:.1%})."
        )
    told = _(sentence, right=right, images=result.images, guessing=result.majority_accuracy)
    if not _was_stopped_early(record):
        return told
    stopped = _(
        "The run was stopped before an epoch of its training had ended: this is the new layer "
        "alone."
    )
    return f"{told} {stopped}"


def _was_stopped_early(record: RunRecord) -> bool:
    """Whether only the new layer had been trained when the run was stopped."""
    if record.is_imported or record.result.baseline_accuracy is None:
        return False
    ended = find_last_event(caches.get_run_log(record.id).events(), Ended)
    return ended is not None and ended.best_epoch is None
