"""Sentences that were stored in English, as in a run's record, shown in the reader's language."""

import re
from collections.abc import Iterable
from functools import cache

from transfer_core.languages.catalogue import _


def translate_stored(text: str, templates: Iterable[str] = ()) -> str:
    """A stored sentence in the reader's language; as it is if it is not known.

    Args:
        text: A text of the source, or what `str.format` once made of one of the templates; what
            stands in its fields is translated too.
        templates: Texts with named fields as in the source, marked with `N_`.
    """
    for template in templates:
        if found := _compile(template).fullmatch(text):
            return _(template, **{name: _(value) for name, value in found.groupdict().items()})
    return _(text)


@cache
def _compile(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)  # texts, and the names of the fields between them
    for place, part in enumerate(parts):
        parts[place] = f"(?P<{part}>.+?)" if place % 2 else re.escape(part)
    return re.compile("".join(parts), re.DOTALL)
