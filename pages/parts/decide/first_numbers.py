"""The first accuracies while the rest is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st

from pages.shared.layout import escape_markdown
from pages.shared.progress import empty_on_exit
from transfer_core.languages import _

if TYPE_CHECKING:
    from transfer_core.transferability import StageEvidence


@contextmanager
def show_first_numbers() -> Iterator[Callable[[StageEvidence], None]]:
    """Yield a callback that draws the accuracy of each stage; the first is that of case 1."""
    place, lines = st.empty(), []

    def report_stage(stage: StageEvidence) -> None:
        cut = _("Cut after {stage}", stage=_(stage.title))
        name = escape_markdown(cut if lines else _("Case 1, new last layer"))
        accuracy = stage.plain_accuracy
        lines.append(_("- **{name}**: about {accuracy:.0%}", name=name, accuracy=accuracy))
        place.markdown(_("Measured so far:") + "\n" + "\n".join(lines))

    with empty_on_exit(place):
        yield report_stage
