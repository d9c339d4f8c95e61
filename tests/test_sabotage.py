"""Flaws that are put into a data set, the key to them, and their repair."""

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from test_versions import group_by_path, hash_files
from zips import make_class_files, write_zip

from transfer_core import dataset, images
from transfer_core.dataset import (
    FLAW_KINDS,
    MYSTERY_SETS,
    FlawKey,
    Guess,
    TamperedImage,
    find_flaw,
    find_near_duplicates,
    make_mystery_set,
    make_version,
    plan_repair,
    score_guess,
    spoil,
)
from transfer_core.dataset.sabotage.pictures import paint_background
from transfer_core.errors import DataSetError


@pytest.fixture
def flowers(tmp_path, transfer_home):
    files = make_class_files({"daisy": 40, "rose": 40, "tulip": 40})
    return dataset.ingest(write_zip(tmp_path / "flowers.zip", files), home=transfer_home)


@pytest.mark.parametrize("kind", FLAW_KINDS)
def test_a_flaw_changes_training_images_only_and_its_repair_leads_back(
    kind, flowers, transfer_home
):
    before = hash_files(transfer_home / "data" / flowers.id)
    spoiled = spoil(transfer_home, flowers, kind, seed=7)
    assert hash_files(transfer_home / "data" / flowers.id) == before
    assert spoiled.id != flowers.id
    untouched = {path: v for path, v in group_by_path(flowers).items() if v[1] != "train"}
    assert {p: v for p, v in group_by_path(spoiled).items() if v[1] != "train"} == untouched
    flaw = find_flaw(transfer_home, spoiled.id)
    assert (flaw.id, flaw.parent, flaw.key.kind) == (spoiled.id, flowers.id, kind)
    assert find_flaw(transfer_home, flowers.id) is None
    repaired = make_version(transfer_home, spoiled, plan_repair(spoiled, flaw.key))
    assert repaired.id == flowers.id


@pytest.mark.parametrize("kind", FLAW_KINDS)
def test_the_same_seed_spoils_the_same_images_and_another_seed_others(kind, flowers, transfer_home):
    first, again, other = (spoil(transfer_home, flowers, kind, seed) for seed in (1, 1, 2))
    assert first.id == again.id != other.id


def test_wrong_labels_are_15_of_100_of_each_class(flowers, transfer_home):
    spoiled = spoil(transfer_home, flowers, "labels", seed=0)
    key, before, now = (
        find_flaw(transfer_home, spoiled.id).key,
        *map(group_by_path, (flowers, spoiled)),
    )
    assert {i.path for i in key.images} == {p for p in before if before[p] != now[p]}
    train = dict(zip(flowers.classes, flowers.counts("train"), strict=True))
    wrong = Counter(image.class_name for image in key.images)
    assert wrong == {name: round(0.15 * count) for name, count in train.items()}
    assert all(before[image.path][0] == image.class_name for image in key.images)


def test_a_leak_is_found_as_near_duplicates_across_the_split(flowers, transfer_home):
    spoiled = spoil(transfer_home, flowers, "leak", seed=0)
    key = find_flaw(transfer_home, spoiled.id).key
    groups = find_near_duplicates(transfer_home, spoiled)
    pairs = {
        frozenset(spoiled.records[index].path for index in group.images)
        for group in groups
        if group.is_leak
    }
    assert {frozenset((i.path, i.original)) for i in key.images} == pairs
    split = {r.path: r.split for r in spoiled.records}
    assert {(split[i.path], split[i.original]) for i in key.images} == {("train", "test")}


def test_half_of_the_classes_keep_a_tenth_of_the_largest(flowers, transfer_home):
    spoiled = spoil(transfer_home, flowers, "imbalance", seed=0)
    most = max(flowers.counts("train"))
    assert sorted(spoiled.counts("train")) == [most // 10, most, most]
    assert [p.kind for p in spoiled.problems] == ["unbalanced"]


def test_a_shortcut_paints_the_background_of_two_classes(flowers, transfer_home):
    spoiled = spoil(transfer_home, flowers, "shortcut", seed=0)
    key = find_flaw(transfer_home, spoiled.id).key
    counts = Counter(image.class_name for image in key.images)
    train = dict(zip(flowers.classes, flowers.counts("train"), strict=True))
    assert len(counts) == 2 and all(train[name] == count for name, count in counts.items())
    index_of, corners = {r.path: i for i, r in enumerate(spoiled.records)}, {}
    for image in key.images:
        picture = dataset.load_image(transfer_home, spoiled, index_of[image.path])
        corners.setdefault(image.class_name, []).append(
            np.asarray(picture, float)[:2, :2].mean((0, 1))
        )
    one, other = (np.mean(each, axis=0) for each in corners.values())
    assert np.abs(one - other).max() > 100  # grey levels
    assert all(np.std(each, axis=0).max() < 25 for each in corners.values())


def test_a_painted_background_leaves_the_middle_as_it_was():
    ramp = np.linspace(0, 200, 60, dtype=np.uint8)
    before = np.stack([np.broadcast_to(ramp, (40, 60))] * 3, axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(before).save(buffer, "PNG")
    painted = images.decode_image(paint_background(buffer.getvalue(), (235, 120, 20)))
    now = np.asarray(painted, float)
    assert np.abs(now - before)[15:25, 20:40].max() < 12  # grey levels: JPEG
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert np.abs(now[row, column] - (235, 120, 20)).max() < 40


def test_what_was_repaired_since_the_flaw_is_known(flowers, transfer_home):
    spoiled = spoil(transfer_home, flowers, "labels", seed=0)
    change, *_ = plan_repair(spoiled, find_flaw(transfer_home, spoiled.id).key)
    better = make_version(transfer_home, spoiled, [change])
    flaw = find_flaw(transfer_home, better.id)
    assert (flaw.id, flaw.repairs) == (spoiled.id, (change,))
    left = plan_repair(better, flaw.key)
    assert change not in left and len(left) == len(flaw.key.images) - 1


def test_a_second_flaw_and_a_data_set_too_small_are_refused(flowers, transfer_home, tmp_path):
    spoiled = spoil(transfer_home, flowers, "leak", seed=0)
    with pytest.raises(DataSetError, match="already"):
        spoil(transfer_home, spoiled, "labels", seed=0)
    files = make_class_files({"one": 3, "two": 3})
    small = dataset.ingest(write_zip(tmp_path / "small.zip", files), home=transfer_home)
    for kind in ("labels", "imbalance"):
        with pytest.raises(DataSetError, match="too small"):
            spoil(transfer_home, small, kind, seed=0)


KEY = FlawKey("leak", 0, (TamperedImage("a2", "ant", "a1"), TamperedImage("b2", "bee", "b1")))


@pytest.mark.parametrize(
    ("guess", "right", "found", "alarms"),
    [
        (Guess("leak"), True, 0, 0),
        (Guess("leak", images=frozenset({"a2"})), True, 1, 0),
        (Guess("leak", images=frozenset({"a1", "b2", "c"})), True, 2, 1),
        (Guess("labels", frozenset({"ant"}), frozenset({"c"})), False, 0, 1),
    ],
)
def test_images_count_as_found_if_they_or_their_originals_were_repaired(
    guess, right, found, alarms
):
    score = score_guess(KEY, guess)
    assert (score.is_kind_right, len(score.found), score.false_alarms) == (right, found, alarms)
    assert set(score.found) | set(score.missed) == set(KEY.images)


def test_classes_that_are_named_count_where_a_flaw_concerns_classes_and_is_recognised():
    key = FlawKey("shortcut", 0, KEY.images)
    named = frozenset({"ant", "cat"})
    assert score_guess(key, Guess("shortcut", named)).found == KEY.images[:1]
    assert score_guess(key, Guess("imbalance", named)).found == ()


def test_mystery_sets_are_made_by_code_with_every_flaw_once(transfer_home):
    made = {letter: make_mystery_set(transfer_home, letter) for letter in MYSTERY_SETS}
    kinds = [find_flaw(transfer_home, each.id).key.kind for each in made.values()]
    assert sorted(kinds) == sorted(FLAW_KINDS)
    assert make_mystery_set(transfer_home, "B").id == made["B"].id
    leaks = [g for g in find_near_duplicates(transfer_home, made["C"]) if g.is_leak]
    assert len(leaks) == len(find_flaw(transfer_home, made["C"].id).key.images)
    assert made["B"].name == "Mystery set B: plankton"
    assert dataset.is_sample(transfer_home, made["B"].id)
