"""From an archive to classes, splits, problems and the store."""

import csv
import io
import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from zips import RawZip, make_class_files, make_picture, write_zip

from transfer_core import dataset
from transfer_core.dataset import DataSet, ingestion
from transfer_core.dataset.archive import Problem
from transfer_core.dataset.folder_structure import parse_split_name
from transfer_core.dataset.types import SPLITS, VALUES_PER_CHUNK, encode_list
from transfer_core.errors import ArchiveError, DataSetError, StorageError, TransferError
from transfer_core.system.parallel import WorkStopped


@pytest.fixture
def read(tmp_path, transfer_home):
    """Ingest a dictionary of files, or of counts for each folder, as a zip."""

    def ingest(files: dict, **options) -> DataSet:
        if all(isinstance(value, int) for value in files.values()):
            files = make_class_files(files)
        path = write_zip(tmp_path / "flowers.zip", files)
        return dataset.ingest(path, home=transfer_home, **options)

    return ingest


def list_kinds(data_set: DataSet) -> Counter:
    return Counter(problem.kind for problem in data_set.problems)


def count_splits(data_set: DataSet) -> dict[str, tuple[int, ...]]:
    return {split: data_set.counts(split) for split in dataset.SPLITS}


def read_refusal(read, files, *, kind=DataSetError, **options) -> TransferError:
    with pytest.raises(kind) as caught:
        read(files, **options)
    return caught.value


# Layout


@pytest.mark.parametrize("wrapper", ["", "flowers/", "download/flowers/photos/", "Test/", "train/"])
@pytest.mark.parametrize(
    "train, val, test",
    [
        ("train", "val", "test"),
        ("Training", "VALID", "Testing"),
        ("TRAIN", "validation", "eval"),
        ("train_set", "dev", "test_images"),
        ("01-train", "val2017", "Evaluation"),
    ],
)
def test_49_splits_are_recognised_by_any_usual_name_below_any_wrapper(
    read, wrapper, train, val, test
):
    names = {"train": train, "validation": val, "test": test}
    counts = {"train": 4, "validation": 2, "test": 3}
    found = read(
        {f"{wrapper}{names[s]}/{c}": n for s, n in counts.items() for c in ("daisy", "rose")}
    )
    assert found.classes == ("daisy", "rose")
    assert count_splits(found) == {s: (n, n) for s, n in counts.items()}
    assert (
        found.import_summary.given_splits == dataset.SPLITS and not found.import_summary.made_splits
    )
    assert found.import_summary.wrapper == (wrapper.rstrip("/") or None)


@pytest.mark.parametrize("wrapper", ["", "a/", "a/b/c/d/"])
def test_49_class_folders_are_found_at_any_depth(read, wrapper):
    found = read({f"{wrapper}daisy": 5, f"{wrapper}rose": 5})
    assert found.classes == ("daisy", "rose") and found.counts() == (5, 5)
    assert found.import_summary.wrapper == (wrapper.rstrip("/") or None)


def test_a_wrapper_inside_each_split_is_looked_through(read):
    found = read({"train/train/a": 4, "train/train/b": 4, "val/val/a": 2, "val/val/b": 2})
    assert found.classes == ("a", "b") and found.counts("validation") == (2, 2)


def test_two_parts_of_a_download_are_read_as_one(read):
    found = read({"part1/a": 4, "part1/b": 4, "part2/a": 3, "part2/b": 3})
    assert found.classes == ("a", "b") and found.counts() == (7, 7)


def test_folders_inside_a_class_belong_to_the_class(read):
    found = read({"a/2020": 4, "a/2021": 4, "b": 4})
    assert found.classes == ("a", "b") and found.counts() == (8, 4)


def test_classes_that_are_named_like_splits_stay_classes(read):
    assert read({"test": 5, "valid": 5, "train": 5}).classes == ("test", "train", "valid")


@pytest.mark.parametrize("name", ["trainers", "attest", "evalua", "validate me", "devil", "set"])
def test_names_that_only_resemble_a_split_are_none(name):
    assert parse_split_name(name) is None


def test_endings_in_upper_case_count(read):
    found = read(make_class_files({"a": 3}, ".PNG") | make_class_files({"b": 3}, ".Png"))
    assert found.counts() == (3, 3)


def test_the_format_is_found_from_the_content(read):
    files = {
        f"{c}/{n}.jpg": make_picture(n + 9 * (c == "b"), kind=k)
        for c in "ab"
        for n, k in enumerate(("JPEG", "PNG", "WEBP", "HEIF"))
    }
    assert read(files).import_summary.formats == {"JPEG": 2, "PNG": 2, "WEBP": 2, "HEIF": 2}


def test_folders_that_differ_in_case_are_one_class_and_told(read):
    found = read({"train/Daisy": 4, "train/rose": 4, "val/daisy": 2, "val/rose": 2})
    assert found.classes == ("Daisy", "rose") and found.counts("validation") == (2, 2)
    assert list_kinds(found)["class-spelling"] == 1


# What is set aside, and told


def test_an_unreadable_image_is_set_aside_with_name_and_reason(read):
    files = make_class_files({"a": 4, "b": 4})
    files["a/cut.jpg"] = make_picture(99, (64, 64), "JPEG")[:900]
    files["b/text.png"] = b"hello"
    found = read(files)
    assert found.import_summary.unreadable == 2 and found.counts() == (4, 4)
    told = {p.path: p.message for p in found.problems}
    assert "truncated" in told["a/cut.jpg"] and "not an image" in told["b/text.png"]


def test_an_entry_with_a_false_checksum_is_set_aside(tmp_path, transfer_home):
    raw = RawZip()
    for name, data in make_class_files({"a": 3, "b": 3}).items():
        raw.add(name, data)
    path = raw.add("a/bad.png", make_picture(50), crc=1).write(tmp_path / "a.zip")
    found = dataset.ingest(path, home=transfer_home)
    assert [p.path for p in found.problems] == [
        "a/bad.png"
    ] and found.import_summary.unreadable == 1


def test_files_that_are_no_images_are_listed_and_never_dropped_silently(read):
    files = make_class_files({"a": 3, "b": 3}) | {
        "a/notes.txt": b"x",
        "b/x.svg": b"x",
        "README": b"x",
    }
    found = read(files)
    assert {p.path for p in found.problems if p.kind == "not-an-image"} == {
        "a/notes.txt",
        "b/x.svg",
        "README",
    }
    assert found.import_summary.not_images == 3


def test_junk_is_counted_and_told_without_a_problem(read):
    junk = {
        "__MACOSX/a/._0.png": b"x",
        "a/.DS_Store": b"x",
        "Thumbs.db": b"x",
        "a/.ipynb_checkpoints/0-checkpoint.png": make_picture(77),
    }
    found = read(make_class_files({"a": 3, "b": 3}) | junk)
    assert found.problems == () and found.import_summary.junk == 4
    assert "4 junk files ignored" in found.import_summary.describe()


def test_images_beside_the_class_folders_are_told(read):
    files = make_class_files({"train/a": 4, "train/b": 4})
    found = read(
        files | {"train/loose.png": make_picture(70), "test/unlabelled.png": make_picture(71)}
    )
    assert list_kinds(found) == {"no-class": 2} and found.import_summary.given_splits == ("train",)


def test_an_animation_is_kept_and_told(read):
    frames = [Image.new("RGB", (16, 16), c) for c in ("red", "blue")]
    data = io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
    found = read(make_class_files({"a": 3, "b": 3}) | {"a/film.gif": data.getvalue()})
    assert list_kinds(found) == {"animated": 1} and found.counts() == (4, 3)


def test_an_empty_class_folder_is_told(tmp_path, transfer_home):
    for name, data in make_class_files(
        {"train/a": 4, "train/b": 4, "val/a": 2, "val/b": 2}
    ).items():
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(data)
    (tmp_path / "set" / "train" / "c").mkdir()
    found = dataset.ingest(tmp_path / "set", home=transfer_home)
    assert found.classes == ("a", "b")
    assert found.problems == (Problem("empty-folder", "train/c", "The folder is empty."),)


def test_a_class_that_one_split_lacks_is_told(read):
    found = read({"train/a": 4, "train/b": 4, "train/c": 4, "val/a": 2, "val/b": 2, "val/d": 1})
    assert found.classes == ("a", "b", "c")
    assert list_kinds(found) == {"class-without-training": 1, "missing-in-split": 1}


# Refusals


def test_the_folders_found_are_drawn_with_their_counts(read):
    error = read_refusal(read, {"set/daisy": 4, "set/rose": 1})
    assert error.found == (
        "flowers.zip\n└── set\n    ├── daisy  (4 images)\n    └── rose  (1 image)"
    )


def test_44_a_set_without_a_readable_image_is_refused_with_counts_and_reasons(read):
    error = read_refusal(read, {f"{c}/{n}.png": b"no" for c in "ab" for n in range(4)})
    assert "None of the images can be read" in error.problem
    assert "8 images set aside: a/0.png: The file is not an image" in error.found


def test_a_class_that_loses_its_images_says_why(read):
    error = read_refusal(read, make_class_files({"a": 4}) | {f"b/{n}.png": b"no" for n in range(3)})
    assert "b (0)" in error.problem and "not an image" in error.remedy


# Splits


def test_a_missing_split_is_made_stratified_60_20_20(read):
    found = read({"a": 50, "b": 10, "c": 3})
    assert count_splits(found) == {
        "train": (30, 6, 1),
        "validation": (10, 2, 1),
        "test": (10, 2, 1),
    }
    assert found.import_summary.made_splits == dataset.SPLITS


@pytest.mark.parametrize(
    ("given", "made", "train"),
    [
        (("train",), ("validation", "test"), 12),
        (("train", "val"), ("test",), 16),
        (("train", "test"), ("validation",), 16),
    ],
)
def test_a_missing_part_is_taken_from_train_alone(read, given, made, train):
    counts = {"train": 20, "val": 5, "test": 7}
    found = read({f"{split}/{c}": counts[split] for split in given for c in "ab"})
    assert found.import_summary.made_splits == made
    assert found.counts("train") == (train, train)
    for split in made:
        assert found.counts(split) == (4, 4)
        assert all(found.records[i].path.startswith("train/") for i in found.indices(split))
    taken = ", ".join(made).replace(", ", " and ")
    assert f"{taken} taken from train" in found.import_summary.describe()


def test_the_split_depends_on_the_seed_alone(tmp_path, transfer_home):
    files = make_class_files({"a": 20, "b": 20})
    one = write_zip(tmp_path / "one.zip", files)
    other = write_zip(tmp_path / "other.zip", dict(reversed(files.items())))
    splits = [
        [
            r.split
            for r in dataset.ingest(path, home=transfer_home / str(path.stem), seed=seed).records
        ]
        for path, seed in ((one, 0), (other, 0), (one, 1))
    ]
    assert splits[0] == splits[1] != splits[2]


def test_50_copies_stay_on_one_side_of_a_made_split_and_are_told(read):
    files = make_class_files({"a": 20, "b": 20})
    files |= {f"a/copy{n}.png": files[f"a/{n}.png"] for n in range(10)}
    found = read(files)
    assert list_kinds(found) == {"duplicate": 10} and found.import_summary.duplicates == 10
    sides: dict[str, set] = {}
    for record in found.records:
        sides.setdefault(record.digest, set()).add(record.split)
    assert all(len(splits) == 1 for splits in sides.values())
    assert found.counts() == (30, 20)


def test_50_a_copy_in_two_classes_is_told_and_stays_on_one_side(read):
    files = make_class_files({"a": 20, "b": 20})
    files |= {f"b/from-a{n}.png": files[f"a/{n}.png"] for n in range(8)}
    found = read(files)
    assert list_kinds(found)["conflict"] == 16
    split_of = {record.path: record.split for record in found.records}
    for n in range(8):
        assert split_of[f"a/{n}.png"] == split_of[f"b/from-a{n}.png"]


def test_50_a_leak_between_given_splits_is_left_out_of_train_and_told(read):
    files = make_class_files({"train/a": 6, "train/b": 6, "test/a": 4, "test/b": 4})
    files["train/a/leak.png"] = files["test/a/0.png"]
    found = read(files)
    assert list_kinds(found) == {"leak": 1} and found.counts("test") == (4, 4)
    assert "train/a/leak.png" not in {record.path for record in found.records}
    (problem,) = found.problems
    assert "test/a/0.png" in problem.message and "left out of train" in problem.message


def test_a_validation_part_of_test_images_only_is_made_of_training_images(read):
    names = [
        f"{part}/{kind}/{n}.png" for part in ("train", "test") for kind in "ab" for n in range(8)
    ]
    files = {name: make_picture(number) for number, name in enumerate(names)}
    copies = {name.replace("test/", "val/"): files[name] for name in names if "test/" in name}
    found = read(files | copies)
    digests = {part: {r.digest for r in found.records if r.split == part} for part in SPLITS}
    assert found.import_summary.made_splits == ("validation",)
    assert digests["validation"] and found.counts("test") == (8, 8)
    assert not digests["validation"] & digests["test"]


# The store


def test_equal_content_has_an_equal_id_and_another_seed_another(tmp_path, transfer_home):
    files = make_class_files({"a": 5, "b": 5})
    one = write_zip(tmp_path / "one.zip", files)
    other = write_zip(tmp_path / "other.zip", files)
    first = dataset.ingest(one, home=transfer_home)
    assert dataset.ingest(other, home=transfer_home).id == first.id
    assert dataset.ingest(one, home=transfer_home, seed=1).id != first.id
    assert [s.id for s in dataset.list_data_sets(transfer_home)].count(first.id) == 1


def test_a_zip_that_is_known_is_not_read_again(read, monkeypatch):
    first = read({"a": 5, "b": 5})
    monkeypatch.setattr(ingestion, "ImageCleaner", lambda: pytest.fail("it was read again"))
    assert read({"a": 5, "b": 5}) == first


def test_two_people_may_load_the_same_archive_at_once(tmp_path, transfer_home):
    path = write_zip(tmp_path / "a.zip", make_class_files({"a": 100, "b": 100}))
    with ThreadPoolExecutor(4) as people:
        found = list(people.map(lambda _: dataset.ingest(path, home=transfer_home), range(4)))
    assert found == [found[0]] * 4
    assert len(list((transfer_home / "data").glob("*/images.pack"))) == 1


def test_an_upload_is_told_under_its_own_name(tmp_path, transfer_home):
    path = write_zip(tmp_path / "tmp83f.zip", make_class_files({"a": 3, "b": 3}))
    found = dataset.ingest(path, home=transfer_home, name="My flowers.zip")
    assert found.name == "My flowers.zip"
    assert found.import_summary.draw_tree().startswith("My flowers.zip\n")


def test_a_loaded_data_set_equals_the_ingested_one(read, transfer_home):
    found = read({"a": 5, "b": 6, "train.txt/c": 4}, name="<b>Flowers</b>")
    assert dataset.load(transfer_home, found.id) == found
    (summary,) = dataset.list_data_sets(transfer_home)
    assert summary == dataset.DataSetSummary(found.id, "<b>Flowers</b>", 3, 15)


def test_the_original_bytes_of_each_image_are_kept(read, transfer_home):
    files = make_class_files({"a": 5, "b": 5})
    found = read(files)
    for index, record in enumerate(found.records):
        assert dataset.read_image_bytes(transfer_home, found, index) == files[record.path]
        assert dataset.load_image(transfer_home, found, index).size == (record.width, record.height)


def test_labels_indices_and_counts_agree(read):
    found = read({"a": 5, "b": 10})
    assert found.labels.dtype == np.int64 and found.labels.tolist() == [0] * 5 + [1] * 10
    together = np.concatenate([found.indices(split) for split in dataset.SPLITS])
    assert sorted(together) == list(range(15))
    for split in dataset.SPLITS:
        counts = np.bincount(found.labels[found.indices(split)], minlength=2)
        assert tuple(counts) == found.counts(split)


@pytest.mark.parametrize("data_id", ["", "..", "../../etc", "a" * 20, "A" * 20, "\0", "x/../y"])
def test_61_an_id_that_is_not_ours_is_not_found(transfer_home, data_id):
    with pytest.raises(DataSetError, match="no such data set"):
        dataset.load(transfer_home, data_id)


def test_an_id_that_an_address_asked_for_is_told_without_the_mark_before_it(transfer_home):
    with pytest.raises(DataSetError) as told:
        dataset.load(transfer_home, "?28da")  # as `session` names what no store has
    assert told.value.found == "'28da'"


def inside(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_27_a_stop_is_heard_within_a_second_and_leaves_nothing(tmp_path, transfer_home):
    path = write_zip(tmp_path / "a.zip", make_class_files({"a": 300, "b": 300}))
    asked = []

    def stop() -> bool:
        asked.append(time.monotonic())
        return len(asked) > 5

    with pytest.raises(WorkStopped):
        dataset.ingest(path, home=transfer_home, stop=stop)
    assert time.monotonic() - asked[-1] < 1
    assert inside(transfer_home) == set()


def test_27_progress_that_raises_ends_the_work_and_leaves_nothing(read, transfer_home):
    class Closed(Exception):
        pass

    def progress(what, done, total):
        raise Closed

    with pytest.raises(Closed):
        read({"a": 40, "b": 40}, progress=progress)
    assert inside(transfer_home) == set()


def test_progress_counts_up_to_all_images(read):
    calls = []
    read({"a": 70, "b": 30}, progress=lambda *n: calls.append(n))
    assert calls == sorted(calls) and calls[-1] == ("Reading images", 100, 100)


def test_73_what_a_killed_process_left_is_swept(read, transfer_home):
    old = transfer_home / "data" / ".unfinished-old"
    new = transfer_home / "data" / ".unfinished-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "images.pack").write_bytes(b"x")
    for path in (old / "images.pack", old):
        os.utime(path, (1, 1))
    read({"a": 3, "b": 3})
    assert not old.exists() and new.exists()


def test_77_a_full_disk_is_told_and_leaves_nothing(read, transfer_home, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ingestion.os, "fsync", full)
    error = read_refusal(read, {"a": 3, "b": 3}, kind=StorageError)
    assert error.found == "No space left on device" and "Make space" in error.remedy
    assert inside(transfer_home) == set()


def test_nothing_is_written_outside_the_store(tmp_path, transfer_home, read):
    before = inside(tmp_path)
    found = read({"a": 3, "b": 3})
    new = inside(tmp_path) - before - {"flowers.zip"}
    folder = f"home/data/{found.id}/"
    assert {n.removeprefix(folder) for n in new if "/known/" not in n} == {
        "dataset.json",
        "hashes.json",
        "summary.json",
        "images.pack",
    }


@settings(
    max_examples=150, deadline=8000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6),
    names=st.lists(st.text(max_size=12), max_size=3),
)
def test_a_mutated_zip_makes_a_data_set_or_a_transfer_error(
    tmp_path, transfer_home, changes, names
):
    raw = RawZip()
    for name, data in make_class_files({"a": 3, "b": 3}).items():
        raw.add(name, data)
    for name in names:
        raw.add(f"{name}/1.png".encode("utf-8", "replace").decode(), make_picture(5))
    data = bytearray(raw.bytes())
    for position, value in changes:
        data[position % len(data)] = value
    (tmp_path / "a.zip").write_bytes(data)
    try:
        dataset.ingest(tmp_path / "a.zip", home=transfer_home)
    except TransferError as error:
        assert error.problem and error.found and error.remedy
    assert set(os.listdir(tmp_path)) == {"a.zip", "home"}
    assert not list((transfer_home / "data").glob(".unfinished-*"))


# The reading, told back


def test_the_reading_is_told_in_one_sentence(read):
    files = make_class_files(
        {
            "set/train/a": 6,
            "set/train/b": 6,
            "set/train/c": 6,
            "set/val/a": 2,
            "set/val/b": 2,
            "set/val/c": 2,
        }
    )
    files |= {"__MACOSX/x": b"x", "set/.DS_Store": b"x", "set/train/a/x.jpg": b"x"}
    assert read(files).import_summary.describe() == (
        "three classes, train and validation given, test taken from train (20 %, seed 0), "
        "wrapper folder set removed, 2 junk files ignored, 1 unreadable"
    )


def test_the_tree_shows_usable_images_and_stays_short(read):
    found = read({f"class{n:02}": 3 for n in range(30)})
    lines = found.import_summary.draw_tree().splitlines()
    assert lines[:2] == ["flowers.zip", "├── class00  (3 images)"]
    assert lines[-1] == "└── ... and 18 more folders" and len(lines) == 14


def test_55_a_cell_of_the_csv_is_never_a_formula(read):
    files = make_class_files({"a": 3, "=HYPERLINK(1)": 3})
    files |= {
        "=HYPERLINK(1)/x.txt": b"x",
        "＝1.txt": b"x",
        "a/+1.png": b"x",
        'a/,"q".txt': b"x",
        ".junk": b"x",
    }
    text = dataset.export_problems_csv(read(files))
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["kind", "path", "message"]
    assert {row[1] for row in rows[1:]} == {
        "'=HYPERLINK(1)/x.txt",
        "'＝1.txt",
        "a/+1.png",
        'a/,"q".txt',
        "",
    }
    assert rows[-1] == ["junk", "", "1 hidden or system file ignored."]


def test_an_archive_error_passes_through(tmp_path, transfer_home):
    with pytest.raises(ArchiveError, match="no such|cannot be opened"):
        dataset.ingest(tmp_path / "none.zip", home=transfer_home)


# Real sets


@pytest.mark.parametrize(
    ("name", "classes", "counts"),
    [
        ("new_photos_10_small.zip", 10, {"train": 360, "validation": 120, "test": 120}),
        ("new_photos_20_large.zip", 20, {"train": 5997, "validation": 2000, "test": 2000}),
        ("ants_bees.zip", 2, {"train": 195, "validation": 153, "test": 49}),
        ("brain_mri_253.zip", 2, {"train": 151, "validation": 51, "test": 51}),
        ("cifar10_5k.zip", 10, {"train": 3000, "validation": 1000, "test": 1000}),
        pytest.param(
            "source_photos_160.zip",
            160,
            {"train": 57492, "validation": 8000, "test": 14377},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_real_sets_are_read_as_their_manifest_says(
    shared_data, transfer_home, name, classes, counts
):
    found = dataset.ingest(shared_data / name, home=transfer_home)
    assert len(found.classes) == classes
    assert {split: len(found.indices(split)) for split in dataset.SPLITS} == counts
    assert found.import_summary.unreadable == 0 and found.import_summary.not_images == 0
    assert list_kinds(found) == ({"duplicate": 25} if name.startswith("brain") else {})


@pytest.mark.parametrize("count", [0, 1, VALUES_PER_CHUNK, 2 * VALUES_PER_CHUNK + 1])
def test_a_list_written_in_pieces_is_the_json_of_the_list(count):
    values = [[number, "späß"] for number in range(count)]
    assert "".join(encode_list(values)) == json.dumps(values, ensure_ascii=False)


def test_the_data_set_that_is_loaded_is_the_one_that_was_taken_in(tmp_path, transfer_home):
    path = write_zip(tmp_path / "a.zip", make_class_files({"a": 5, "b": 5}))
    found = dataset.ingest(path, home=transfer_home)
    assert dataset.load(transfer_home, found.id) == found
