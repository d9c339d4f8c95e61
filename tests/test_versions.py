"""Versions of a data set: changes, history, nothing that was there touched, and the zip."""

import hashlib
import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from zips import make_class_files, make_picture
from zips import write_zip as write_files

from transfer_core import dataset, images
from transfer_core.dataset import (
    Change,
    DataSet,
    describe_test_edits,
    list_versions,
    load_set_aside,
    make_addition,
    make_version,
)
from transfer_core.errors import DataSetError, ImageError


@pytest.fixture
def flowers(tmp_path, transfer_home) -> DataSet:
    files = make_class_files({"daisy": 10, "rose": 10})
    files["rose/copy.png"] = files["rose/0.png"]
    return dataset.ingest(write_files(tmp_path / "flowers.zip", files), home=transfer_home)


def hash_files(folder: Path) -> dict[Path, str]:
    """The content of every file, as hashes."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def group_by_path(data_set: DataSet) -> dict:
    return {r.path: (data_set.classes[r.label], r.split, r.digest) for r in data_set.records}


def find_first(data_set: DataSet, split="train", class_name="daisy") -> str:
    wanted = data_set.classes.index(class_name), split
    return next(r.path for r in data_set.records if (r.label, r.split) == wanted)


def test_a_relabelled_image_changes_its_class_and_nothing_else(flowers, transfer_home):
    path = find_first(flowers, "test")
    new = make_version(transfer_home, flowers, [Change("relabel", path, "rose")])
    before, after = group_by_path(flowers), group_by_path(new)
    assert after.pop(path) == ("rose", *before.pop(path)[1:])
    assert after == before and new.classes == flowers.classes and new.id != flowers.id


def test_an_image_set_aside_is_gone_and_can_be_restored_with_its_class_and_split(
    flowers, transfer_home
):
    path = find_first(flowers)
    relabelled = make_version(transfer_home, flowers, [Change("relabel", path, "rose")])
    without = make_version(transfer_home, relabelled, [Change("set aside", path)])
    assert path not in group_by_path(without)
    assert [r.path for r in load_set_aside(transfer_home, without)] == [path]
    again = make_version(transfer_home, without, [Change("restore", path)])
    assert group_by_path(again) == group_by_path(relabelled) and not load_set_aside(
        transfer_home, again
    )


def test_undoing_a_change_leads_back_to_the_data_set_of_before(flowers, transfer_home):
    copy = "rose/copy.png"  # of which the problems tell
    without = make_version(transfer_home, flowers, [Change("set aside", copy)])
    assert [p.kind for p in flowers.problems] == ["duplicate"] and not without.problems
    back = make_version(transfer_home, without, [Change("restore", copy)])
    assert back == flowers and list_versions(transfer_home, back.id) == ()


def test_making_versions_touches_no_file_that_was_there(flowers, transfer_home):
    before = hash_files(transfer_home)
    photo = make_picture(99)
    change = make_addition(photo, "rose")
    second = make_version(transfer_home, flowers, [change], {change.path: photo})
    middle = hash_files(transfer_home)
    other = make_addition(make_picture(98), "daisy")
    make_version(transfer_home, second, [other], {other.path: make_picture(98)})
    assert middle.items() >= before.items()
    assert hash_files(transfer_home).items() >= middle.items()


def test_a_version_shares_the_images_of_its_parent(flowers, transfer_home):
    new = make_version(transfer_home, flowers, [Change("set aside", find_first(flowers))])
    assert new.pack_path(transfer_home).samefile(flowers.pack_path(transfer_home))


def test_where_the_disk_knows_no_links_the_images_are_copied(flowers, transfer_home, monkeypatch):
    def refuse_link(*_):
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse_link)
    new = make_version(transfer_home, flowers, [Change("set aside", find_first(flowers))])
    assert not new.pack_path(transfer_home).samefile(flowers.pack_path(transfer_home))
    assert dataset.read_image_bytes(transfer_home, new, 0)


def test_added_images_are_for_training_and_come_back_byte_by_byte(flowers, transfer_home):
    versions = flowers
    for seed in (99, 98):  # the second pack goes on where the first ends
        change = make_addition(make_picture(seed), "rose")
        versions = make_version(
            transfer_home, versions, [change], {change.path: make_picture(seed)}
        )
    added = [i for i, r in enumerate(versions.records) if r.added]
    assert {versions.records[i].split for i in added} == {"train"}
    assert {versions.classes[versions.records[i].label] for i in added} == {"rose"}
    found = {dataset.read_image_bytes(transfer_home, versions, i) for i in added}
    assert found == {make_picture(99), make_picture(98)}
    for record, data in zip(
        versions.records,
        versions.iter_image_bytes(transfer_home, range(len(versions.records))),
        strict=True,
    ):
        assert hashlib.sha256(data).hexdigest() == record.digest


def test_the_pixels_of_a_version_with_added_images_are_those_of_its_images(flowers, transfer_home):
    change = make_addition(make_picture(99), "rose")
    new = make_version(transfer_home, flowers, [change], {change.path: make_picture(99)})
    size = images.Transform(16)
    found = dataset.load_pixels(transfer_home, new, size)
    one_by_one = [
        images.apply_transform(dataset.load_image(transfer_home, new, i), size)
        for i in range(len(new.records))
    ]
    assert np.array_equal(found, np.stack(one_by_one))


def test_the_history_tells_every_change_oldest_first(flowers, transfer_home):
    one, two = find_first(flowers), find_first(flowers, "test")
    second = make_version(transfer_home, flowers, [Change("set aside", one)])
    changes = (Change("relabel", two, "rose"), Change("restore", one))
    third = make_version(transfer_home, second, changes)
    told = list_versions(transfer_home, third.id)
    assert [v.id for v in told] == [second.id, third.id]
    assert [v.parent for v in told] == [flowers.id, second.id]
    assert told[1].changes == changes and told[0].made <= told[1].made
    assert [d.name for d in (second, third)] == ["flowers, version 2", "flowers, version 3"]


def test_a_version_is_loaded_as_it_was_made(flowers, transfer_home):
    change = make_addition(make_picture(99), "rose")
    new = make_version(transfer_home, flowers, [change], {change.path: make_picture(99)})
    assert dataset.load(transfer_home, new.id) == new


def test_a_data_set_of_before_there_were_versions_is_still_read(flowers):
    text = "".join(flowers.to_json())
    start = text.index(', "added"')
    assert DataSet.from_json(text[:start] + "}}") == flowers


def test_the_last_test_image_of_a_class_cannot_leave_it(flowers, transfer_home):
    label = flowers.classes.index("daisy")
    tests = [r.path for r in flowers.records if (r.label, r.split) == (label, "test")]
    for change in ("set aside", "relabel"):
        with pytest.raises(DataSetError) as error:
            make_version(transfer_home, flowers, [Change(change, p, "rose") for p in tests])
        assert error.value.found == "daisy in test"


@pytest.mark.parametrize("known", ["present", "aside"])
def test_an_image_that_is_in_the_data_set_is_not_added_once_more(flowers, transfer_home, known):
    path = find_first(flowers, "test")
    index = [r.path for r in flowers.records].index(path)
    data, parent = dataset.read_image_bytes(transfer_home, flowers, index), flowers
    if known == "aside":  # restored later, it would leak into the test
        parent = make_version(transfer_home, flowers, [Change("set aside", path)])
    change = make_addition(data, "rose")
    with pytest.raises(DataSetError, match="already"):
        make_version(transfer_home, parent, [change], {change.path: data})


@pytest.mark.parametrize(
    "change",
    [
        Change("set aside", "nowhere.png"),
        Change("relabel", "daisy/0.png", "tulip"),
        Change("restore", "daisy/0.png"),
        Change("add", "added/0.png", "rose"),
    ],
)
def test_a_change_that_does_not_fit_is_refused_and_leaves_nothing(flowers, transfer_home, change):
    before = hash_files(transfer_home)
    with pytest.raises(DataSetError):
        make_version(transfer_home, flowers, [change])
    assert hash_files(transfer_home) == before


def test_what_is_no_image_is_not_added():
    with pytest.raises(ImageError):
        make_addition(b"no image", "rose")


NAMES = st.text(
    st.characters(categories=("L", "N", "Zs", "P", "S"), exclude_characters="/\\:"),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    class_names=st.lists(NAMES, min_size=2, max_size=3, unique_by=str.casefold),
    given_splits=st.booleans(),
    draw=st.data(),
)
def test_the_zip_of_a_version_loads_again_with_the_same_classes_images_and_splits(
    tmp_path_factory, class_names, given_splits, draw
):
    folder = tmp_path_factory.mktemp("zips")
    names = draw.draw(st.lists(NAMES, min_size=5, max_size=5))
    files, seed = {}, 0
    for split in ("train", "val", "test") if given_splits else ("",):
        for class_name in class_names:
            for number, name in enumerate(names):  # equal names in folders of one class
                path = f"{split}/{class_name}/{number}/{name}.png"
                files[path.strip("/")] = make_picture(seed := seed + 1)
    try:
        found = dataset.ingest(write_files(folder / "made.zip", files), home=folder)
    except DataSetError:  # a name that stands for nothing, such as one of blanks or dots
        reject()
    label = st.sampled_from(found.classes)
    change = st.sampled_from([r.path for r in found.records if r.split == "train"])
    changes = [Change("relabel", draw.draw(change), draw.draw(label))]
    changes.append(make_addition(make_picture(0), draw.draw(label)))
    try:
        new = make_version(folder, found, changes, {changes[1].path: make_picture(0)})
    except DataSetError:  # a class would be empty
        reject()
    (folder / "again.zip").write_bytes(b"".join(dataset.stream_zip(folder, new)))
    again = dataset.ingest(folder / "again.zip", home=folder)
    assert again.classes == new.classes
    assert not [p for p in again.problems if p.kind != "unbalanced"]

    def content(data: DataSet) -> Counter:
        return Counter((r.digest, data.classes[r.label], r.split) for r in data.records)

    assert content(again) == content(new)


def test_names_that_a_computer_would_take_for_one_are_kept_apart_in_the_zip(
    tmp_path, transfer_home
):
    files = make_class_files({"daisy/a": 4, "daisy/b": 4, "daisy/c": 4, "rose": 4})
    files["daisy/d/1.PNG"] = make_picture(77)
    found = dataset.ingest(write_files(tmp_path / "f.zip", files), home=transfer_home)
    (tmp_path / "again.zip").write_bytes(b"".join(dataset.stream_zip(transfer_home, found)))
    again = dataset.ingest(tmp_path / "again.zip", home=transfer_home)
    assert len(again.records) == len(found.records) == 17


def test_the_zip_comes_in_pieces_of_an_image_each_and_is_one_that_python_reads(
    flowers, transfer_home
):
    pieces = list(dataset.stream_zip(transfer_home, flowers))
    assert len(pieces) == len(flowers.records) + 1
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        digests = {hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    assert digests == {record.digest for record in flowers.records}


def test_only_changes_of_test_images_are_told_as_what_flatters(flowers, transfer_home):
    learned = make_version(transfer_home, flowers, [Change("relabel", find_first(flowers), "rose")])
    assert describe_test_edits(transfer_home, learned) == ()
    tested = [
        Change("relabel", find_first(learned, "test"), "rose"),
        Change("set aside", find_first(learned, "test", "rose")),
    ]
    (told,) = describe_test_edits(transfer_home, make_version(transfer_home, learned, tested))
    assert "by hand: 2." in told
