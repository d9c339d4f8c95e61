"""Texts with values in the records of runs, which are English, and how a reader sees them."""

from transfer_core.languages import N_, translate_stored
from transfer_core.training import NEVER_FINITE, USED_RATE

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


def translate_record_text(text: str) -> str:
    """A sentence of a run's record in the reader's language; others stay as they are."""
    return translate_stored(text, _TEMPLATES)
