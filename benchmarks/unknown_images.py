"""Tell images of unknown kinds from known ones: classes held out of training, set by set.

    python -m benchmarks.unknown_images FOLDER_OF_ZIPS [--draws 3] [--cases 1 3]

Some classes of each set are held out; the demonstration network is trained on the others as
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
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.dataset import DataSet, samples
from transfer_core.inspection import (
    MAX_FALSE_ALARM_RATE,
    OutOfDistributionDetector,
    TrainedNetwork,
    compute_conformal_threshold,
    embed_data_set_images,
    load_trained_network,
    subsample,
)
from transfer_core.runs import make_run_config, start_engine

SELECTION_SETS = ("sample:digits", "sample:plankton_many", "cifar10_5k")
SOURCE_SET = "source_photos_160"  # what the network was pre-trained on knows no held-out class
HELD_OUT_SHARE = 0.3  # share of the classes
MAX_UNKNOWN_IMAGES = 1_000  # unknown images of a set
CHOSEN_SCORE = "nearest neighbour"  # the app's own
NO_SCORES = np.empty(0, np.float32)

METRICS = ("AUROC", "false alarms, %", "found, %")


@dataclass(frozen=True)
class NetworkOutputs:
    """Embeddings and logits of some images, with their labels."""

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
    for name, path in iter_image_sets(chosen.folder):
        if chosen.sets and name not in chosen.sets:
            continue
        for case in map(TransferCase, chosen.cases):
            drawn = [evaluate_draw(path, chosen.folder, case, seed) for seed in range(chosen.draws)]
            for score in drawn[0]:
                rows.append(make_row(name, case, score, np.array([draw[score] for draw in drawn])))
            print(f"{name}, {case.title}: {rows[-len(drawn[0])]}", file=sys.stderr, flush=True)
    print_report(rows)


def print_report(rows: list[dict]) -> None:
    """Print the means over both panels, and then every set."""
    print("# Telling images of unknown kinds\n\n" + __doc__.split("\n\n", 2)[2])
    for panel, belongs in (("picked on", True), ("judged on", False)):
        inside = [each for each in rows if (each["set"] in SELECTION_SETS) == belongs]
        if inside:
            print(f"\n## Mean over the sets {panel}\n\n{format_markdown(average_rows(inside))}")
    print(f"\n## Set by set\n\n{format_markdown(rows)}")


def format_markdown(rows: list[dict]) -> str:
    """Rows as a table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(map(str, each.values()) for each in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def iter_image_sets(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and file of each set."""
    with tempfile.TemporaryDirectory() as made:
        for name in SELECTION_SETS:
            if name.startswith("sample:"):
                yield name, samples.resolve_path(name, Path(made))
        for path in sorted(folder.glob("*.zip")):
            if path.stem != SOURCE_SET:
                yield path.stem, path


def evaluate_draw(
    path: Path, folder: Path, case: TransferCase, seed: int
) -> dict[str, tuple[float, float, float]]:
    """AUROC, false alarms and found share of each score."""
    with tempfile.TemporaryDirectory() as made:
        home = Path(made)
        everything = dataset.ingest(path, home=home, seed=seed)
        held_out = draw_classes(everything, seed)
        known = remove_classes(home, everything, held_out, seed) if held_out else everything
        trained = train_network(home, known, case, seed)
        if held_out:
            labels = [everything.classes.index(c) for c in held_out]
            unknown = compute_outputs(
                home, trained, everything, np.flatnonzero(np.isin(everything.labels, labels))
            )
        else:
            unknown = compute_outputs_of_other_sets(home, trained, path, folder)
        parts = {s: compute_outputs(home, trained, known, known.indices(s)) for s in dataset.SPLITS}
        return {
            score: measure_detection(
                *(
                    measure(parts["train"], of)
                    for of in (parts["validation"], parts["test"], unknown)
                )
            )
            for score, measure in list_score_functions().items()
        }


def measure_detection(validation: np.ndarray, test: np.ndarray, unknown: np.ndarray):
    truth = np.r_[np.zeros(len(test)), np.ones(len(unknown))]
    threshold = compute_conformal_threshold(np.sort(validation), MAX_FALSE_ALARM_RATE)
    area = roc_auc_score(truth, np.r_[test, unknown])
    return area, float((test > threshold).mean()), float((unknown > threshold).mean())


def draw_classes(data_set: DataSet, seed: int) -> list[str]:
    count = round(HELD_OUT_SHARE * len(data_set.classes)) if len(data_set.classes) > 3 else 0
    return sorted(np.random.default_rng(seed).choice(data_set.classes, count, replace=False))


def remove_classes(home: Path, data_set: DataSet, classes: list[str], seed: int) -> DataSet:
    """The data set of the other classes, from its original files."""
    with tempfile.TemporaryDirectory() as made:
        for index, record in enumerate(data_set.records):
            name = data_set.classes[record.label]
            if name not in classes:
                file = Path(made, name, f"{index}{Path(record.path).suffix}")
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(dataset.read_image_bytes(home, data_set, index))
        return dataset.ingest(Path(made), home=home, seed=seed)


def train_network(home: Path, data_set: DataSet, case: TransferCase, seed: int) -> TrainedNetwork:
    source = networks.get_network("demonstration")
    config = make_run_config(
        data_set, source, plan_strategy(case, source.stage_names, kind=source.kind), seed
    )
    with start_engine(home, resume=False) as engine:
        run = engine.submit(config)
        engine.wait(run)
        return load_trained_network(home, run)


def compute_outputs(
    home: Path, trained: TrainedNetwork, data_set: DataSet, indices: np.ndarray
) -> NetworkOutputs:
    indices = subsample(indices, 5 * MAX_UNKNOWN_IMAGES)
    embeddings = embed_data_set_images(home, trained, data_set, indices)
    with torch.inference_mode():
        # After a fully connected stage the head takes embeddings without pooling.
        logits = trained.network[-1](torch.from_numpy(embeddings)).numpy()
    return NetworkOutputs(embeddings, logits, data_set.labels[indices])


def compute_outputs_of_other_sets(
    home: Path, trained: TrainedNetwork, path: Path, folder: Path
) -> NetworkOutputs:
    """The images of the other sets that are too small to lose a class."""
    parts = []
    for _, other in iter_image_sets(folder):
        if other != path and other.parent == folder:
            data_set = dataset.ingest(other, home=home)
            if len(data_set.classes) <= 3:
                everything = subsample(np.arange(len(data_set.records)), MAX_UNKNOWN_IMAGES)
                parts.append(compute_outputs(home, trained, data_set, everything))
    return NetworkOutputs(
        *(
            np.concatenate([getattr(p, f) for p in parts])
            for f in ("embeddings", "logits", "labels")
        )
    )


def list_score_functions() -> dict[str, Callable[[NetworkOutputs, NetworkOutputs], np.ndarray]]:
    """Functions by the name of the score; each scores images against the training images."""
    return {
        CHOSEN_SCORE: lambda train, of: OutOfDistributionDetector(
            train.embeddings, NO_SCORES
        ).compute_distances(of.embeddings),
        "neighbour 1, unit length": lambda train, of: score_by_neighbour(train, of, 1),
        "neighbour 5, unit length": lambda train, of: score_by_neighbour(train, of, 5),
        "Mahalanobis": score_by_mahalanobis,
        "energy": lambda _, of: -np.logaddexp.reduce(of.logits, axis=1),
        "max softmax": lambda _, of: -softmax(of.logits, axis=1).max(1),
    }


def score_by_neighbour(train: NetworkOutputs, outputs: NetworkOutputs, k: int) -> np.ndarray:
    """Distance to the k-th neighbour of embeddings of unit length (Sun et al. 2022)."""
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(normalize(train.embeddings))
    return search.kneighbors(normalize(outputs.embeddings))[0][:, -1]


def score_by_mahalanobis(train: NetworkOutputs, outputs: NetworkOutputs) -> np.ndarray:
    """Distance to the nearest class in the shared covariance, shrunk (Lee et al. 2018)."""
    means = np.stack([train.embeddings[train.labels == c].mean(0) for c in np.unique(train.labels)])
    centred = train.embeddings - means[np.unique(train.labels, return_inverse=True)[1]]
    shape = LedoitWolf(assume_centered=True).fit(centred)
    return np.min([shape.mahalanobis(outputs.embeddings - mean) for mean in means], axis=0)


def make_row(name: str, case: TransferCase, score: str, figures: np.ndarray) -> dict:
    mean = figures.mean(0)
    return {
        "set": name,
        "case": case.value,
        "score": score,
        "AUROC": f"{mean[0]:.3f}",
        "of each draw": " ".join(f"{a:.3f}" for a in figures[:, 0]),
        "false alarms, %": f"{100 * mean[1]:.1f}",
        "found, %": f"{100 * mean[2]:.1f}",
    }


def average_rows(rows: list[dict]) -> list[dict]:
    """Mean over the sets of each case and score."""
    groups: dict[tuple, list[dict]] = {}
    for each in rows:
        groups.setdefault((each["case"], each["score"]), []).append(each)
    return [
        {"case": case, "score": score, "sets": len(group)}
        | {column: f"{np.mean([float(r[column]) for r in group]):.3g}" for column in METRICS}
        for (case, score), group in groups.items()
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
