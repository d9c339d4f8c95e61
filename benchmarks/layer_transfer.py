"""How transferable are the layers of a network, on an archive of images?

    python -m benchmarks.layer_transfer photos.zip scans.zip --out docs/layer_transfer.json

Trains every cut of the network as `transferability.measure_layer_transfer` does, and writes each
point as soon as it is measured; begun again, it goes on where it ended.
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from transfer_core import dataset
from transfer_core.networks import DEFAULT_NETWORK, get_network
from transfer_core.transferability import (
    LayerTransferPoint,
    load_own_images,
    measure_layer_transfer,
)


def main() -> None:
    """Measure, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archives", nargs="+", type=Path)
    parser.add_argument("--network", default=DEFAULT_NETWORK)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    source, measured = get_network(options.network), {}
    if options.out.is_file():
        measured = json.loads(options.out.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as home:
        for archive in options.archives:
            data_set = dataset.ingest(archive, home=Path(home))
            own = load_own_images(Path(home), data_set, source)
            points = measured.setdefault(archive.stem, [])
            # The control is on other images, so it is the same for every archive.
            others = [each for name in measured for each in measured[name] if is_control(each)]
            points += [each for each in others if each not in points]
            known = tuple(LayerTransferPoint(**each) for each in points)
            for point in measure_layer_transfer(source, own, known=known):
                points.append(asdict(point))
                options.out.write_text(json.dumps(measured), encoding="utf-8")
                print(archive.stem, point, flush=True)


def is_control(point: dict) -> bool:
    """Whether a point was measured on images of the network's own source."""
    return point["arm"].startswith("source")


if __name__ == "__main__":
    main()
