"""The drawings of Start, stored beside it: torch, which lays them out, takes seconds to import."""

import json
from functools import cache
from pathlib import Path

from transfer_core.cases import TransferCase
from transfer_core.figures import LegendEntry, NetworkDrawing, Slab
from transfer_core.languages import get_language

STORED_FILE = Path(__file__).with_suffix(".json")  # written by `python -m tools.start_drawings`


def load_drawings() -> dict[TransferCase, NetworkDrawing]:
    """The demonstration network in each of the four cases, in the reader's language."""
    return _read_drawings(get_language())


@cache
def _read_drawings(language: str) -> dict[TransferCase, NetworkDrawing]:
    stored = json.loads(STORED_FILE.read_text(encoding="utf-8"))[language]
    return {TransferCase(int(case)): _read_drawing(given) for case, given in stored.items()}


def _read_drawing(given: dict) -> NetworkDrawing:
    slabs = tuple(Slab(**slab | {"stages": tuple(slab["stages"])}) for slab in given["slabs"])
    legend = tuple(LegendEntry(**entry) for entry in given["legend"])
    changed = {"slabs": slabs, "legend": legend, "outputs": tuple(given["outputs"])}
    return NetworkDrawing(**given | changed)
