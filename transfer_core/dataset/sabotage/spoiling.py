"""Put a flaw into a data set as a new version with a sealed key, and find it again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from transfer_core.dataset.changes import Change
from transfer_core.dataset.ingestion import ingest
from transfer_core.dataset.sabotage.flaws import FlawKey, FlawKind, TamperedImage
from transfer_core.dataset.sabotage.planning import plan_flaw
from transfer_core.dataset.samples import PRACTICE_PREFIX, SAMPLE_PREFIX, resolve_path
from transfer_core.dataset.types import DataSet
from transfer_core.dataset.versions import list_versions, make_version
from transfer_core.errors import DataSetError
from transfer_core.languages import N_, _
from transfer_core.system import Progress, ignore_progress

KEY_FILE = "flaw.json"  # beside what describes the version


@dataclass(frozen=True, slots=True)
class MysterySet:
    """A spoiled set that is made by code, the same every time."""

    sample: str  # one of `SAMPLES`, with fewer images
    title: str  # of the images
    kind: FlawKind
    seed: int


MYSTERY_SETS: dict[str, MysterySet] = {
    "A": MysterySet("digits", N_("Handwritten digits"), "labels", 2),
    "B": MysterySet("plankton_many", N_("Plankton"), "shortcut", 7),
    "C": MysterySet("stripes", N_("Striped cloth"), "leak", 1),
    "D": MysterySet("digits", N_("Handwritten digits"), "imbalance", 4),
}


@dataclass(frozen=True, slots=True)
class SpoiledVersion:
    """A version of a data set with a flaw, and what was changed in it since."""

    id: str
    parent: str  # id of the data set without the flaw
    key: FlawKey
    repairs: tuple[Change, ...]  # of all versions that were made from it


def spoil(
    home: Path,
    data_set: DataSet,
    kind: FlawKind,
    seed: int,
    *,
    name: str | None = None,
    progress: Progress = ignore_progress,
) -> DataSet:
    """Make a version of a data set that has a flaw; the data set itself stays as it is.

    Args:
        home: The data folder.
        data_set: The data set to spoil.
        kind: Which flaw.
        seed: Chooses the images and classes.
        name: Of the version; None names it like any other version.
        progress: Called with what is done, images done and total; may raise to end the work.

    Raises:
        DataSetError: If there is a flaw in it already, or it is too small for this one.
    """
    if find_flaw(home, data_set.id):
        raise DataSetError(
            _("This data set has a flaw already."),
            found=data_set.name,
            remedy=_("Repair it first, or open the images without the flaw."),
        )
    plan = plan_flaw(home, data_set, kind, seed, progress)
    key = FlawKey(kind, seed, plan.tampered)
    return make_version(
        home,
        data_set,
        plan.changes,
        plan.added,
        name=name,
        extra_files={KEY_FILE: json.dumps(asdict(key), ensure_ascii=False)},
    )


def make_mystery_set(home: Path, letter: str, *, progress: Progress = ignore_progress) -> DataSet:
    """Make one of `MYSTERY_SETS` from a sample; the same images every time.

    Args:
        home: The data folder.
        letter: One of `MYSTERY_SETS`.
        progress: Called with what is done, images done and total; may raise to end the work.
    """
    chosen = MYSTERY_SETS[letter]
    path = f"{SAMPLE_PREFIX}{PRACTICE_PREFIX}{chosen.sample}"
    path = resolve_path(path, home, progress=progress)
    clean = ingest(path, home=home, name=f"{chosen.title}, to practise", progress=progress)
    name = f"Mystery set {letter}: {chosen.title.lower()}"
    return spoil(home, clean, chosen.kind, chosen.seed, name=name, progress=progress)


def find_flaw(home: Path, data_id: str) -> SpoiledVersion | None:
    """The spoiled version that a data set is or was made from; None if there is none."""
    repairs: tuple[Change, ...] = ()
    for version in reversed(list_versions(home, data_id)):
        key = _load_key(home, version.id)
        if key:
            return SpoiledVersion(version.id, version.parent, key, repairs)
        repairs = version.changes + repairs
    return None


def plan_repair(data_set: DataSet, key: FlawKey) -> tuple[Change, ...]:
    """The changes that take out of a spoiled data set what is left of its flaw.

    Args:
        data_set: The spoiled version, or one that was made from it.
        key: What was done to it.
    """
    label_of = {record.path: data_set.classes[record.label] for record in data_set.records}
    changes = []
    for image in key.images:
        match key.kind:
            case "labels" if label_of.get(image.path, image.class_name) != image.class_name:
                changes.append(Change("relabel", image.path, image.class_name))
            case "leak" | "shortcut" if image.path in label_of:
                changes.append(Change("set aside", image.path))
            case "imbalance" if image.path not in label_of:
                changes.append(Change("restore", image.path))
        if key.kind == "shortcut" and image.original not in label_of:
            changes.append(Change("restore", image.original))
    return tuple(changes)


def _load_key(home: Path, data_id: str) -> FlawKey | None:
    try:
        text = (home / "data" / data_id / KEY_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    values = json.loads(text)
    images = tuple(TamperedImage(**image) for image in values["images"])
    return FlawKey(values["kind"], values["seed"], images)
