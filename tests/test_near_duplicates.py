"""Near-duplicates: copies are found whatever was done to them, different images are not."""

import io

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance
from zips import write_zip

from transfer_core import dataset
from transfer_core.dataset.near_duplicates import find_near_duplicates

SIDE = 96  # pixels


def make_photo(seed: int) -> Image.Image:
    """A picture with large shapes, as photos have."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    return Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def encode(image: Image.Image, kind="PNG", **options) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def ingest_files(tmp_path, home, files):
    return dataset.ingest(write_zip(tmp_path / "set.zip", files), home=home)


def list_paths(data_set, group) -> set[str]:
    return {data_set.records[index].path for index in group.images}


@pytest.fixture
def different() -> dict[str, bytes]:
    return {f"{'ab'[n % 2]}/{n}.png": encode(make_photo(n)) for n in range(12)}


def test_different_images_are_in_no_group(different, tmp_path, transfer_home):
    assert not find_near_duplicates(transfer_home, ingest_files(tmp_path, transfer_home, different))


@pytest.mark.parametrize(
    "copy",
    [
        lambda image: encode(image, "JPEG", quality=30),
        lambda image: encode(image.resize((60, 60))),
        lambda image: encode(ImageEnhance.Brightness(image).enhance(0.85)),
        lambda image: encode(ImageEnhance.Contrast(image).enhance(0.8)),
        lambda image: encode(image.convert("L")),
        lambda image: encode(image),
    ],
    ids=["recompressed", "scaled", "darker", "less contrast", "grey", "the same file"],
)
def test_a_copy_is_found(different, tmp_path, transfer_home, copy):
    files = different | {"a/copy.png": copy(make_photo(0))}
    found = ingest_files(tmp_path, transfer_home, files)
    (group,) = find_near_duplicates(transfer_home, found)
    assert list_paths(found, group) == {"a/0.png", "a/copy.png"} and not group.is_conflict


def test_copies_in_two_parts_of_the_split_come_first_then_those_in_two_classes(
    tmp_path, transfer_home
):
    files = {
        f"{split}/{'ab'[n % 2]}/{n}.png": encode(make_photo(100 * s + n))
        for s, split in enumerate(("train", "val", "test"))
        for n in range(4)
    }
    files["train/a/only alike.png"] = encode(make_photo(0), "JPEG", quality=40)
    files["train/b/other class.png"] = encode(make_photo(2), "JPEG", quality=40)
    files["train/a/leak.png"] = encode(make_photo(200), "JPEG", quality=40)
    found = ingest_files(tmp_path, transfer_home, files)
    groups = find_near_duplicates(transfer_home, found)
    assert [(g.is_leak, g.is_conflict) for g in groups] == [
        (True, False),
        (False, True),
        (False, False),
    ]
    assert list_paths(found, groups[0]) == {"train/a/leak.png", "test/a/0.png"}


def test_images_of_one_colour_are_not_taken_for_each_other(tmp_path, transfer_home):
    files = {
        f"{name}/{n}.png": encode(Image.new("RGB", (SIDE, SIDE), (colour, 9 * n, 0)))
        for name, colour in (("a", 200), ("b", 30))
        for n in range(5)
    }
    assert not find_near_duplicates(transfer_home, ingest_files(tmp_path, transfer_home, files))


def test_every_pair_within_the_distance_is_joined_and_no_other(tmp_path, transfer_home):
    """Against imagehash's own distance, image by image."""
    files = {f"{'ab'[n % 2]}/{n}.png": encode(make_photo(n // 2)) for n in range(12)}
    for n in range(0, 12, 2):  # pairs that differ a little, each by more than the last
        noise = np.random.default_rng(n).normal(0, 6 * n, (SIDE, SIDE, 3))
        pixels = np.clip(np.asarray(make_photo(n // 2)) + noise, 0, 255).astype(np.uint8)
        files[f"a/{n}.png"] = encode(Image.fromarray(pixels))
    found = ingest_files(tmp_path, transfer_home, files)
    joined = {frozenset(list_paths(found, g)) for g in find_near_duplicates(transfer_home, found)}
    squares = {
        r.path: [
            imagehash.phash(
                dataset.load_image(transfer_home, found, i).resize(
                    (64, 64), Image.Resampling.BILINEAR
                ),
                hash_size=size,
            )
            for size in (8, 16)
        ]
        for i, r in enumerate(found.records)
    }
    near = {
        frozenset((one, other))
        for one in squares
        for other in squares
        if one < other
        and squares[one][0] - squares[other][0] <= 4
        and squares[one][1] - squares[other][1] <= 30
    }
    assert joined == near and 0 < len(near) < 66


def test_a_version_hashes_only_what_was_added(different, tmp_path, transfer_home, monkeypatch):
    files = different | {"a/copy.png": encode(make_photo(0), "JPEG", quality=40)}
    found = ingest_files(tmp_path, transfer_home, files)
    assert len(find_near_duplicates(transfer_home, found)) == 1
    data = encode(make_photo(1), "JPEG", quality=40)
    add = dataset.make_addition(data, "b")
    changes = [dataset.Change("set aside", "a/copy.png"), add]
    new = dataset.make_version(transfer_home, found, changes, {add.path: data})
    hashed = []
    original = imagehash.phash
    monkeypatch.setattr(imagehash, "phash", lambda *a, **k: hashed.append(1) or original(*a, **k))
    (group,) = find_near_duplicates(transfer_home, new)
    assert list_paths(new, group) == {add.path, "b/1.png"} and len(hashed) == 2  # both scales


def test_the_copies_among_the_brain_scans_are_found(shared_data, transfer_home):
    scans = dataset.ingest(shared_data / "brain_mri_253.zip", home=transfer_home)
    groups = find_near_duplicates(transfer_home, scans)
    exact = sum(problem.kind == "duplicate" for problem in scans.problems)
    assert sum(len(group.images) - 1 for group in groups) >= exact > 0


def test_hardly_any_digits_of_different_people_pass_for_copies(transfer_home):
    digits = dataset.make_mystery_set(transfer_home, "A")
    assert len(find_near_duplicates(transfer_home, digits)) <= 2  # 23 by the coarse hash alone
