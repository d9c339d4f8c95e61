"""Tell images of unknown kinds from known ones: classes held out of training, set by set.

    python -m benchmarks.unknown_images FOLDER_OF_ZIPS [--draws 3] [--cases 1 3]

Of each set some classes are held out; the demonstration network is trained on the others as
the app does it. Then each score says how unknown the test images of the known classes and
the images of the held-out classes are. AUROC: the chance that an image of a held-out class is
called more unknown than a test image. False alarms: the share of test images beyond the
threshold that validation images set for 5 %. Found: the share of held-out images beyond it.
Sets of two classes cannot lose one; for them the unknown images are those of the other such sets.

The score was picked, in case 1, on sample:digits, sample:plankton_many and cifar10_5k alone; the
other sets judge the choice.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.special import softmax
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from transfer_core import dataset, networks
from transfer_core.cases import TransferCase, plan
from transfer_core.dataset import DataSet, samples
from transfer_core.inspection.out_of_distribution import (
    FALSE_ALARMS,
    KnownImages,
    conformal_threshold,
    embedded,
    some,
)
from transfer_core.inspection.prediction import TrainedNetwork, restore
from transfer_core.runs.perform import new_engine, run_config

PICKED_ON = ("sample:digits", "sample:plankton_many", "cifar10_5k")
SOURCE_SET = "source_photos_160"  # what the network was pre-trained on knows no held-out class
HELD_OUT = 0.3  # share of the classes
MOST = 1_000  # unknown images of a set
PICKED = "nearest neighbour"  # the app's own
NOTHING = np.empty(0, np.float32)

FIGURES = ("AUROC", "false alarms, %", "found, %")


@dataclass(frozen=True)
class Seen:
    """What a trained network makes of some images."""

    embeddings: np.ndarray  # float32 (N, D)
    logits: np.ndarray  # float32 (N, C)
    labels: np.ndarray  # int64 (N,)


def main() -> None:
    """Print a table in Markdown, a line for each set, case and score, and the means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=3, help="of held-out classes")
    parser.add_argument("--cases", type=int, nargs="+", default=[1, 3], choices=(1, 3, 4))
    parser.add_argument("--sets", nargs="+", help="only these")
    chosen, rows = parser.parse_args(), []
    for name, path in image_sets(chosen.folder):
        if chosen.sets and name not in chosen.sets:
            continue
        for case in map(TransferCase, chosen.cases):
            drawn = [of_one_draw(path, chosen.folder, case, seed) for seed in range(chosen.draws)]
            for score in drawn[0]:
                rows.append(row(name, case, score, np.array([draw[score] for draw in drawn])))
            print(f"{name}, {case.title}: {rows[-len(drawn[0])]}", file=sys.stderr, flush=True)
    tell(rows)


def tell(rows: list[dict]) -> None:
    """Print the means over both panels, and then every set."""
    print("# Telling images of unknown kinds\n\n" + __doc__.split("\n\n", 2)[2])
    for panel, belongs in (("picked on", True), ("judged on", False)):
        inside = [each for each in rows if (each["set"] in PICKED_ON) == belongs]
        if inside:
            print(f"\n## Mean over the sets {panel}\n\n{markdown(means(inside))}")
    print(f"\n## Set by set\n\n{markdown(rows)}")


def markdown(rows: list[dict]) -> str:
    """Rows as a table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(map(str, each.values()) for each in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def image_sets(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and file of each set."""
    with tempfile.TemporaryDirectory() as made:
        for name in PICKED_ON:
            if name.startswith("sample:"):
                yield name, samples.resolve(name, Path(made))
        for path in sorted(folder.glob("*.zip")):
            if path.stem != SOURCE_SET:
                yield path.stem, path


def of_one_draw(
    path: Path, folder: Path, case: TransferCase, seed: int
) -> dict[str, tuple[float, float, float]]:
    """AUROC, false alarms and found share of each score."""
    with tempfile.TemporaryDirectory() as made:
        home = Path(made)
        everything = dataset.ingest(path, home=home, seed=seed)
        held_out = drawn_classes(everything, seed)
        known = without(home, everything, held_out, seed) if held_out else everything
        trained = trained_on(home, known, case, seed)
        if held_out:
            labels = [everything.classes.index(c) for c in held_out]
            unknown = seen(
                home, trained, everything, np.flatnonzero(np.isin(everything.labels, labels))
            )
        else:
            unknown = of_other_sets(home, trained, path, folder)
        parts = {s: seen(home, trained, known, known.indices(s)) for s in dataset.SPLITS}
        return {
            score: judged(
                *(
                    measure(parts["train"], of)
                    for of in (parts["validation"], parts["test"], unknown)
                )
            )
            for score, measure in scores().items()
        }


def judged(validation: np.ndarray, test: np.ndarray, unknown: np.ndarray):
    truth = np.r_[np.zeros(len(test)), np.ones(len(unknown))]
    threshold = conformal_threshold(np.sort(validation), FALSE_ALARMS)
    area = roc_auc_score(truth, np.r_[test, unknown])
    return area, float((test > threshold).mean()), float((unknown > threshold).mean())


def drawn_classes(data_set: DataSet, seed: int) -> list[str]:
    count = round(HELD_OUT * len(data_set.classes)) if len(data_set.classes) > 3 else 0
    return sorted(np.random.default_rng(seed).choice(data_set.classes, count, replace=False))


def without(home: Path, data_set: DataSet, classes: list[str], seed: int) -> DataSet:
    """The data set of the other classes, from its original files."""
    with tempfile.TemporaryDirectory() as made:
        for index, record in enumerate(data_set.records):
            name = data_set.classes[record.label]
            if name not in classes:
                file = Path(made, name, f"{index}{Path(record.path).suffix}")
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(dataset.image_bytes(home, data_set, index))
        return dataset.ingest(Path(made), home=home, seed=seed)


def trained_on(home: Path, data_set: DataSet, case: TransferCase, seed: int) -> TrainedNetwork:
    source = networks.get("demonstration")
    config = run_config(data_set, source, plan(case, source.stage_names), seed)
    with new_engine(home, resume=False) as engine:
        run = engine.submit(config)
        engine.wait(run)
        return restore(home, run)


def seen(home: Path, trained: TrainedNetwork, data_set: DataSet, indices: np.ndarray) -> Seen:
    indices = some(indices, 5 * MOST)
    embeddings = embedded(home, trained, data_set, indices)
    with torch.inference_mode():
        # Behind a fully connected stage the new layer takes embeddings as they are.
        found = trained.network[-1](torch.from_numpy(embeddings)).numpy()
    return Seen(embeddings, found, data_set.labels[indices])


def of_other_sets(home: Path, trained: TrainedNetwork, path: Path, folder: Path) -> Seen:
    """The images of the other sets that are too small to lose a class."""
    parts = []
    for _, other in image_sets(folder):
        if other != path and other.parent == folder:
            data_set = dataset.ingest(other, home=home)
            if len(data_set.classes) <= 3:
                everything = some(np.arange(len(data_set.records)), MOST)
                parts.append(seen(home, trained, data_set, everything))
    return Seen(
        *(
            np.concatenate([getattr(p, f) for p in parts])
            for f in ("embeddings", "logits", "labels")
        )
    )


def scores() -> dict[str, Callable[[Seen, Seen], np.ndarray]]:
    """Of each score: from the training images and some others to how unknown these are."""
    return {
        PICKED: lambda train, of: KnownImages(train.embeddings, NOTHING).distances(of.embeddings),
        "neighbour 1, unit length": lambda train, of: neighbour(train, of, 1),
        "neighbour 5, unit length": lambda train, of: neighbour(train, of, 5),
        "Mahalanobis": mahalanobis,
        "energy": lambda _, of: -np.logaddexp.reduce(of.logits, axis=1),
        "max softmax": lambda _, of: -softmax(of.logits, axis=1).max(1),
    }


def neighbour(train: Seen, of: Seen, k: int) -> np.ndarray:
    """Distance to the k-th neighbour of embeddings of unit length (Sun et al. 2022)."""
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(normalize(train.embeddings))
    return search.kneighbors(normalize(of.embeddings))[0][:, -1]


def mahalanobis(train: Seen, of: Seen) -> np.ndarray:
    """Distance to the nearest class in the shared covariance, shrunk (Lee et al. 2018)."""
    means = np.stack([train.embeddings[train.labels == c].mean(0) for c in np.unique(train.labels)])
    centred = train.embeddings - means[np.unique(train.labels, return_inverse=True)[1]]
    shape = LedoitWolf(assume_centered=True).fit(centred)
    return np.min([shape.mahalanobis(of.embeddings - mean) for mean in means], axis=0)


def row(name: str, case: TransferCase, score: str, figures: np.ndarray) -> dict:
    mean = figures.mean(0)
    return {
        "set": name, "case": case.value, "score": score, "AUROC": f"{mean[0]:.3f}",
        "of each draw": " ".join(f"{a:.3f}" for a in figures[:, 0]),
        "false alarms, %": f"{100 * mean[1]:.1f}", "found, %": f"{100 * mean[2]:.1f}",
    }  # fmt: skip


def means(rows: list[dict]) -> list[dict]:
    """Of each case and score, over the sets."""
    groups: dict[tuple, list[dict]] = {}
    for each in rows:
        groups.setdefault((each["case"], each["score"]), []).append(each)
    return [
        {"case": case, "score": score, "sets": len(group)}
        | {column: f"{np.mean([float(r[column]) for r in group]):.3g}" for column in FIGURES}
        for (case, score), group in groups.items()
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
