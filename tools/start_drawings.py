"""Store the drawings that the page Start shows before torch is imported.

python -m tools.start_drawings
"""

import json
from dataclasses import asdict
from functools import partial

from pages.parts.start.live_sample import get_demonstration_network, plan_case
from pages.parts.start.stored_drawings import STORED_FILE
from transfer_core.cases import TransferCase
from transfer_core.dataset import SAMPLES
from transfer_core.figures import NetworkDrawing, build_network_drawing
from transfer_core.languages import LANGUAGES, find_language_with
from transfer_core.networks import summarise_network


def build_drawings() -> dict[TransferCase, NetworkDrawing]:
    """The demonstration network in each of the four cases, for the case's sample."""
    source, drawings = get_demonstration_network(), {}
    for sample in SAMPLES.values():
        case, classes = TransferCase(sample.case), name_classes(sample.name)
        stages = summarise_network(source, plan_case(case), len(classes))
        drawings[case] = build_network_drawing(source, stages, classes=classes)
    return drawings


def name_classes(sample: str) -> tuple[str, ...]:
    """The names of a sample's classes, in their order."""
    return tuple(sorted({name.partition("/")[0] for name, _ in SAMPLES[sample].images(1)}))


def main() -> None:
    """Write the file, with the drawings in each language."""
    stored = {}
    for language in LANGUAGES:
        find_language_with(partial(str, language))
        drawings = build_drawings().items()
        stored[language] = {case.value: asdict(drawing) for case, drawing in drawings}
    STORED_FILE.write_text(
        json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
