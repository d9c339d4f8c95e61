"""JSON of long lists, written piece by piece."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice

VALUES_PER_CHUNK = 1000  # values; large enough that the encoder is not called for each of them


def encode_list(values: Iterable) -> Iterator[str]:
    """The text of a list in pieces, so that a million values never lie in memory as text."""
    values, before = iter(values), "["
    while piece := list(islice(values, VALUES_PER_CHUNK)):
        yield before + json.dumps(piece, ensure_ascii=False)[1:-1]
        before = ", "
    yield "]" if before == ", " else "[]"
