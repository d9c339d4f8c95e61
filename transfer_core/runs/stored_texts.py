"""Texts in the records of runs, which are English, and how a reader sees them."""

from transfer_core.languages import N_, translate_stored
from transfer_core.training import NEVER_FINITE, USED_RATE, Preparing

WAITING_FOR_CLUSTER = N_("Waiting for a place in the cluster")
WAITING_FOR_TURN = N_("Waiting for another training to end")

SMALL_CACHE = N_("{work} (only {count} fit into the cache, the others are decoded each time)")
EMBEDDING_VIEWS = N_("Embedding augmented views, {number} of {views}")
WAS_INTERRUPTED = N_("it was {state} in attempt {attempt}")
KEPT_EPOCH = N_("what it had learned by epoch {epoch} is kept")
RESUMES_AFTER_EPOCH = N_("Resume it: it continues after epoch {epoch}.")

_TEMPLATES = (
    SMALL_CACHE,
    EMBEDDING_VIEWS,
    WAS_INTERRUPTED,
    KEPT_EPOCH,
    RESUMES_AFTER_EPOCH,
    NEVER_FINITE,
    USED_RATE,
)


def is_waiting(event: object) -> bool:
    """Whether an event says that the run does nothing until there is room for it."""
    waits = WAITING_FOR_CLUSTER, WAITING_FOR_TURN
    return isinstance(event, Preparing) and event.what in waits


def translate_record_text(text: str) -> str:
    """A sentence of a run's record in the reader's language; others stay as they are."""
    return translate_stored(text, _TEMPLATES)
