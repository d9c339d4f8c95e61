"""How transferable are the layers of a network, on archives of images?

    python -m benchmarks.layer_transfer photos.zip scans.zip

Trains every cut of the demonstration network as `transferability.measure_layer_transfer` does,
adds each point to benchmarks/results/layer_transfer.json as soon as it is measured, and writes
docs/layer_transfer.md with its figures. Begun again, it goes on where it ended; with no archive it
only writes the page.
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.layer_transfer_report import write_report
from transfer_core import dataset
from transfer_core.networks import DEFAULT_NETWORK, SourceNetwork, get_network
from transfer_core.transferability import (
    LayerTransferPoint,
    list_arms,
    load_own_images,
    measure_layer_transfer,
)

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "layer_transfer.json"
PAGE = ROOT / "docs" / "layer_transfer.md"


def main() -> None:
    """Measure what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archives", nargs="*", type=Path)
    options = parser.parse_args()
    source = get_network(DEFAULT_NETWORK)
    for archive in options.archives:
        measure(archive, source)
    write_report(source, read_results(), PAGE)


def measure(archive: Path, source: SourceNetwork) -> None:
    """Measure one archive, and keep each point."""
    with tempfile.TemporaryDirectory() as home:
        data_set = dataset.ingest(archive, home=Path(home))
        arms = list_arms(source, both_controls=True)
        own = load_own_images(Path(home), data_set, source)
        for point in measure_layer_transfer(source, own, known=find_known(archive.stem), arms=arms):
            results = read_results()
            place = "control" if is_control(point) else archive.stem
            results.setdefault(place, []).append(point)
            rows = {name: [asdict(each) for each in points] for name, points in results.items()}
            RESULTS.write_text(json.dumps(rows, indent=0) + "\n", encoding="utf-8")
            print(archive.stem, point, flush=True)


def find_known(name: str) -> tuple[LayerTransferPoint, ...]:
    """The points of an archive; the control is on other images, the same for every archive."""
    results = read_results()
    return (*results.get(name, ()), *results.get("control", ()))


def read_results() -> dict[str, list[LayerTransferPoint]]:
    """All points that were measured, by archive, and those of the control."""
    if not RESULTS.is_file():
        return {}
    stored = json.loads(RESULTS.read_text(encoding="utf-8"))
    return {name: [LayerTransferPoint(**row) for row in rows] for name, rows in stored.items()}


def is_control(point: LayerTransferPoint) -> bool:
    """Whether a point was measured on images of the network's own source."""
    return point.arm.startswith("source")


if __name__ == "__main__":
    main()
