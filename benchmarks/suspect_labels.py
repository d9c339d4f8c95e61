"""Find wrong training labels: labels swapped in image sets, and how many suspects are wrong.

    python -m benchmarks.suspect_labels FOLDER_OF_ZIPS [--seeds 3]

Of each class, 15 of 100 training images get the label of another class, as the Sabotage lab does
it. Precision: the share of the suspects whose label was swapped. Recall: the share of the swapped
labels that are suspect. First ten: the precision of the ten most doubtful. Suggestion: how often
the suggested class is the true one, of the suspects that were swapped. Unspoiled: suspects among
the images before any label was swapped; some of them may be wrong in truth. Means over the seeds.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.unknown_images import format_markdown
from transfer_core import dataset
from transfer_core.dataset import DataSet, samples
from transfer_core.networks import SourceNetwork, get_network
from transfer_core.transferability import find_suspect_labels

SETS = (
    ("sample:plankton", "demonstration"),
    ("sample:stripes", "demonstration"),
    ("sample:practice_digits", "demonstration"),
    ("sample:digits", "demonstration"),
    ("sample:plankton_many", "demonstration"),
    ("new_photos_10_small", "demonstration"),
    ("ants_bees", "efficientnet_lite0"),
    ("brain_mri_253", "efficientnet_lite0"),
    ("new_photos_10_small", "efficientnet_lite0"),
)


def main() -> None:
    """Print a table in Markdown, a line for each set and network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    chosen, rows = parser.parse_args(), []
    with tempfile.TemporaryDirectory() as made:
        home = Path(made)
        for name, network in SETS:
            path = name if name.startswith("sample:") else str(chosen.folder / f"{name}.zip")
            clean = dataset.ingest(samples.resolve_path(path, home), home=home)
            source = get_network(network)
            found = [measure(home, clean, source, seed) for seed in range(1, chosen.seeds + 1)]
            rows.append(
                {"set": name, "network": network, "training images": len(clean.indices("train"))}
                | {key: round(float(np.mean([each[key] for each in found])), 2) for key in found[0]}
                | {"unspoiled": len(find_suspect_labels(clean, source, home))}
            )
    print("# Finding wrong training labels\n\n" + __doc__.split("\n\n", 2)[2])
    print(format_markdown(rows))


def measure(home: Path, clean: DataSet, source: SourceNetwork, seed: int) -> dict[str, float]:
    """Figures of the suspects in a data set whose labels were swapped with this seed."""
    spoiled = dataset.spoil(home, clean, "labels", seed)
    key = dataset.find_flaw(home, spoiled.id).key
    true = {image.path: image.class_name for image in key.images}
    suspects = find_suspect_labels(spoiled, source, home)
    paths = [spoiled.records[suspect.image].path for suspect in suspects]
    hits = np.array([path in true for path in paths])
    right = [
        spoiled.classes[suspect.suggested] == true[path]
        for suspect, path in zip(suspects, paths, strict=True)
        if path in true
    ]
    return {
        "swapped": len(true),
        "suspects": len(suspects),
        "precision": hits.mean(),
        "recall": hits.sum() / len(true),
        "first ten": hits[:10].mean(),
        "suggestion": np.mean(right),
    }


if __name__ == "__main__":
    main()
