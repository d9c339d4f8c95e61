"""Recordings from a camera: no burst in two parts of a split, in two folds or after a change."""

import base64
from collections import defaultdict

import numpy as np
import pytest
import streamlit
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest
from test_pages import build_page, list_texts, own_engine  # noqa: F401
from zips import make_picture, write_zip

from pages.parts.data.recordings import RECORDINGS_KEY, Recordings
from transfer_core import dataset
from transfer_core.dataset import (
    Change,
    RecordedClass,
    describe_shared_recordings,
    find_burst,
    make_version,
    write_recordings,
)
from transfer_core.dataset.recordings import cut_burst, find_shared_recordings
from transfer_core.dataset.splitting import DecodedImage, assign_splits
from transfer_core.dataset.zip_export import stream_zip
from transfer_core.errors import DataSetError
from transfer_core.images import ImageInfo
from transfer_core.networks import get_network
from transfer_core.transferability import assign_grouped_folds, measure_transferability
from transfer_core.transferability.grouped_folds import group_near_duplicates, join_bursts
from transfer_core.transferability.head_cross_validation import compute_kernel
from transfer_core.transferability.learning_curve import measure_learning_curve

SOME_INFO = ImageInfo(format="JPEG", width=64, height=64, frames=0)


def make_recording(name: str, lengths, first: int = 0) -> RecordedClass:
    """A class whose bursts have these lengths; every frame is another picture."""
    bursts, number = [], first
    for length in lengths:
        bursts.append(tuple(make_picture(number + n, (32, 32)) for n in range(length)))
        number += length
    return RecordedClass(name, tuple(bursts))


@pytest.fixture
def record(tmp_path, transfer_home):
    """Make a data set of a cup and a hand, by the lengths of their bursts."""

    def make(cup, hand=(10, 10, 10)):
        classes = [make_recording("cup", cup), make_recording("hand", hand, first=500)]
        write_recordings(classes, tmp_path / "recordings.zip")
        return dataset.ingest(tmp_path / "recordings.zip", home=transfer_home, name="Webcam")

    return make


def find_sides(records) -> dict[str, set[str]]:
    """The parts of the split that each burst lies in."""
    sides = defaultdict(set)
    for each in records:
        sides[find_burst(each.path)].add(each.split)
    return sides


@st.composite
def draw_bursts(draw, copies: bool) -> list[DecodedImage]:
    """Classes of at least three bursts each, if wanted with copies between and within them."""
    images = []
    for name in "abc"[: draw(st.integers(1, 3))]:
        lengths = draw(st.lists(st.integers(1, 12), min_size=3, max_size=8))
        for burst, length in enumerate(lengths):
            for frame in range(length):
                path = f"{name}/burst-{burst:02}-frame-{frame:03}.jpg"
                is_copy = copies and images and draw(st.integers(0, 40)) == 0
                digest = draw(st.sampled_from(images)).digest if is_copy else path
                images.append(DecodedImage(path, name, None, digest, 0, 1, SOME_INFO, digest))
    return images


@given(images=draw_bursts(copies=True), seed=st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_no_burst_and_no_copy_is_in_two_parts_of_any_split(images, seed):
    try:
        splits, problems = assign_splits(images, ("validation", "test"), seed)
    except DataSetError as error:  # copies joined its bursts to fewer than three
        assert "too few recordings" in error.problem
        return
    assert problems == []
    for key in (lambda image: find_burst(image.path), lambda image: image.digest):
        sides = defaultdict(set)
        for image, split in zip(images, splits, strict=True):
            sides[key(image)].add(split)
        assert all(len(each) == 1 for each in sides.values())


@given(images=draw_bursts(copies=False))
@settings(max_examples=30, deadline=None)
def test_a_split_of_bursts_fills_every_part_and_is_repeated_in_any_order(images):
    forward, _ = assign_splits(images, ("validation", "test"), 3)
    backward, _ = assign_splits(images[::-1], ("validation", "test"), 3)
    assert forward == backward[::-1]
    filled = {(image.class_name, split) for image, split in zip(images, forward, strict=True)}
    assert len(filled) == 3 * len({image.class_name for image in images})


def test_whole_bursts_are_held_out_where_there_are_three_or_more(record):
    found = record((6, 6, 6, 6, 6))
    assert all(len(each) == 1 for each in find_sides(found.records).values())
    assert [found.counts(split) for split in dataset.SPLITS] == [(18, 10), (6, 10), (6, 10)]
    assert describe_shared_recordings(found) == ()
    told = dataset.describe_import(found)
    assert "(whole recordings: 28 / 16 / 16 images)" in told and "60/20/20" not in told


def test_a_class_recorded_once_is_cut_in_time_and_the_data_set_says_so(record):
    found = record((30,))
    assert [found.counts(split)[0] for split in dataset.SPLITS] == [14, 5, 5]
    assert all(len(each) == 1 for each in find_sides(found.records).values())
    (told,) = describe_shared_recordings(found)
    assert told.startswith("cup: ") and "same recordings" in told
    assert "(parts of recordings: 24 / 15 / 15 images)" in dataset.describe_import(found)


@pytest.mark.parametrize("length", [*range(1, 40), 300])
def test_the_blocks_of_a_burst_keep_order_and_leave_out_the_frames_at_the_cuts(length):
    blocks = cut_burst([bytes([n % 256, n // 256]) for n in range(length)])
    numbers = [[frame[0] + 256 * frame[1] for frame in block] for block in blocks]
    if length < 5:
        assert numbers == [list(range(length))]
        return
    assert all(block == list(range(block[0], block[-1] + 1)) for block in numbers)
    assert numbers[0][0] == 0 and numbers[-1][-1] == length - 1
    for before, after in zip(numbers, numbers[1:], strict=False):
        assert 1 <= after[0] - before[-1] - 1 <= 5
    assert len(numbers[0]) >= len(numbers[1]) == len(numbers[2]) >= 1


def test_many_short_presses_are_recordings_of_their_own(record):
    found = record((3, 3, 3, 3))
    assert found.problems == () and len(find_sides(found.records)) == 7
    assert all(len(each) == 1 for each in find_sides(found.records).values())


def test_short_presses_beside_a_long_burst_do_not_count_as_recordings(record):
    found = record((28, 1, 1))
    assert min(found.counts("test")) >= 4
    assert [problem.path for problem in found.problems] == ["cup"]


@pytest.mark.parametrize(
    ("classes", "problem"),
    [
        ([("cup", (10,))], "at least two classes"),
        ([("cup", (10,)), ("Cup ", (10,))], "same name"),
        ([("cup", (10,)), ("hand", (4, 5))], "too few different images of hand"),
    ],
)
def test_recordings_that_make_no_data_set_say_what_is_missing(classes, problem, tmp_path):
    recorded = [make_recording(name, lengths) for name, lengths in classes]
    with pytest.raises(DataSetError, match=problem):
        write_recordings(recorded, tmp_path / "recordings.zip")


def test_equal_frames_are_kept_once_so_that_a_still_picture_is_told(tmp_path):
    still = RecordedClass("cup", ((make_picture(1, (32, 32)),) * 40,))
    with pytest.raises(DataSetError, match="too few different") as caught:
        write_recordings([still, make_recording("hand", (20,), 100)], tmp_path / "made.zip")
    assert caught.value.found.startswith("1 of")


@pytest.mark.parametrize(
    "name",
    ["../up", "a/b", "\\x", ".hidden", "train", "", "C:", "\u202ered", "\u732b" * 60, "Thumbs.db"],
)
def test_any_name_of_a_class_makes_a_folder_that_is_read(name, tmp_path, transfer_home):
    classes = [make_recording(name, (10,)), make_recording("hand", (10,), 500)]
    write_recordings(classes, tmp_path / "recordings.zip")
    found = dataset.ingest(tmp_path / "recordings.zip", home=transfer_home)
    assert len(found.classes) == 2 and found.counts() == (8, 8)


def test_an_archive_with_too_few_bursts_is_refused_not_torn(tmp_path, transfer_home):
    files = {
        f"{name}/burst-{burst:02}-frame-{n:03}.png": make_picture(100 * burst + n + ord(name))
        for name, bursts in (("a", 3), ("b", 2))
        for burst in range(bursts)
        for n in range(5)
    }
    with pytest.raises(DataSetError, match="too few recordings"):
        dataset.ingest(write_zip(tmp_path / "few.zip", files), home=transfer_home)


def test_bursts_stay_together_in_a_version_and_in_its_zip(record, transfer_home, tmp_path):
    found = record((8, 8, 8, 8))
    cups = [r.path for r in found.records if r.path.startswith("cup/")]
    changes = [Change("relabel", cups[0], "hand"), Change("set aside", cups[1])]
    version = make_version(transfer_home, found, changes)
    back = make_version(transfer_home, version, [Change("restore", cups[1])])
    (tmp_path / "again.zip").write_bytes(b"".join(stream_zip(transfer_home, back)))
    again = dataset.ingest(tmp_path / "again.zip", home=transfer_home)
    for each in (version, back, again):
        assert all(len(sides) == 1 for sides in find_sides(each.records).values())
        assert None not in find_sides(each.records)


def test_a_burst_is_one_group_of_the_folds_though_all_frames_look_alike():
    noise = np.random.default_rng(0)
    scenes = noise.integers(0, 255, (2, 32, 32, 3))
    labels = np.repeat([0, 1], 30)
    pixels = np.clip(scenes[labels] + noise.integers(-3, 4, (60, 32, 32, 3)), 0, 255)
    near = group_near_duplicates(pixels.astype(np.uint8), [str(n) for n in range(60)])
    assert len(set(near)) == 2  # each class would lie in one fold, so no probe could know it
    bursts = [f"{n // 10}" for n in range(59)] + [None]
    groups = join_bursts(near, bursts)
    assert [len(set(groups[labels == label])) for label in (0, 1)] == [3, 4]
    for seed in range(20):
        folds = assign_grouped_folds(labels, groups, seed)
        for burst in set(bursts) - {None}:
            assert len({f for f, b in zip(folds, bursts, strict=True) if b == burst}) == 1
        assert all(len(set(folds[labels == label])) >= 3 for label in (0, 1))


def test_evidence_keeps_bursts_together_and_counts_their_frames_as_no_near_duplicates():
    noise, source = np.random.default_rng(0), get_network("demonstration")
    labels, bursts = np.repeat([0, 1], 15), [f"{n // 5}" for n in range(30)]
    pixels = np.clip(
        noise.integers(0, 255, (2, 64, 64, 3))[labels] + labels[:, None, None, None], 0, 255
    )
    digests = [str(n) for n in range(30)]
    evidence = measure_transferability(
        pixels.astype(np.uint8), labels, digests, source, bursts=bursts
    )
    assert evidence.num_near_duplicates == 0 and evidence.best_stage.accuracy == 1
    without = measure_transferability(pixels.astype(np.uint8), labels, digests, source)
    assert without.num_near_duplicates == 28 and without.best_stage.accuracy < 0.9


def test_the_learning_curve_of_few_bursts_is_measured_though_a_fold_is_empty():
    noise = np.random.default_rng(0)
    labels, groups = np.repeat([0, 1], 20), np.repeat(np.arange(4), 10)
    features = labels[:, None] * 4 + noise.normal(size=(40, 8))
    curve = measure_learning_curve("head", compute_kernel(features.astype("f4")), labels, groups)
    assert curve.accuracy[-1] == 1


# ---------------------------------------------------------------- What the browser sends


def make_message(seq=1, frames=("f1", "f2"), sent=("f1", "f2"), **others) -> dict:
    picture = base64.b64encode(b"picture").decode()
    classes = [{"id": "c1", "name": "cup", "bursts": [list(frames)]}]
    return {"seq": seq, "classes": classes, "frames": dict.fromkeys(sent, picture)} | others


def test_frames_are_missing_until_they_are_sent_and_gone_when_they_are_deleted():
    kept = Recordings()
    kept.take_in(make_message(sent=("f1",)))
    assert kept.missing == ["f2"] and kept.seq == 1
    kept.take_in(make_message(seq=2, sent=("f2",)))
    assert kept.missing == [] and kept.list_classes()[0].bursts == ((b"picture", b"picture"),)
    kept.take_in(make_message(seq=3, frames=("f2",), sent=()))
    assert list(kept.frames) == ["f2"] and kept.seq == 3


@pytest.mark.parametrize(
    "message",
    [
        None,
        "text",
        {"seq": "1"},
        make_message(classes="no list"),
        make_message(classes=[{"id": "../x", "name": 3, "bursts": [["f1"]]}, 7]),
        make_message(classes=[{"id": "c1", "name": "cup", "bursts": ["f1", [3, "F!"]]}]),
        make_message(frames=("f1",)) | {"frames": {"f1": "no base64!", "f9": "eA=="}},
        make_message(frames=("f1",)) | {"frames": ["f1"]},
        make_message(frames=("f1",)) | {"frames": {"f1": "A" * 1_000_000}},
    ],
)
def test_a_malformed_message_leaves_no_frame_and_no_exception(message):
    kept = Recordings()
    kept.take_in(message)
    assert kept.frames == {} and kept.list_classes() == []


def open_data_page(cup, hand=(12, 12, 12)) -> AppTest:
    """The page Data of a session in which a cup and a hand were recorded."""
    kept, app = Recordings(seq=1), build_page("data")
    for number, each in enumerate((make_recording("cup", cup), make_recording("hand", hand, 500))):
        bursts = []
        for b, burst in enumerate(each.bursts):
            ids = [f"{number}x{b}x{n}" for n in range(len(burst))]
            kept.frames |= dict(zip(ids, burst, strict=True))
            bursts.append(ids)
        kept.classes.append({"id": str(number), "name": each.name, "bursts": bursts})
    app.session_state[RECORDINGS_KEY] = kept
    return app.run()


def test_the_page_makes_a_data_set_of_recordings_and_folds_the_recorder(transfer_home):
    app = open_data_page((12, 12, 12))
    assert not app.warning
    app.button(key="data_record_make").click().run().run()
    assert not app.exception and app.header[0].value == r"Webcam\: cup, hand"
    (summary,) = dataset.list_data_sets(transfer_home)
    assert summary.images == 72
    assert not [button for button in app.button if button.key == "data_record_make"]  # folded
    assert len(app.session_state[RECORDINGS_KEY].frames) == 72  # nothing is lost


def test_a_data_set_is_made_though_the_browser_sends_a_message_meanwhile(monkeypatch):
    """Streamlit then ends the run that the click has begun, wherever it is."""
    app, real = open_data_page((12, 12, 12)), dataset.ingest

    def interrupt(*args, **kwargs):
        monkeypatch.setattr(dataset, "ingest", real)
        streamlit.rerun()

    monkeypatch.setattr(dataset, "ingest", interrupt)
    app.button(key="data_record_make").click().run().run()
    assert app.header[0].value.startswith("Webcam")


def test_the_page_says_that_a_test_from_one_recording_is_too_easy(transfer_home):
    app = open_data_page((30,))
    assert "too easy" in app.warning[0].value and "3 recordings of cup" in app.warning[0].value
    app.button(key="data_record_make").click().run().run()
    assert "same recordings" in list_texts(app)


def test_the_page_says_what_is_still_to_be_recorded():
    app = open_data_page((30,), hand=(4,))
    button = app.button(key="data_record_make")
    assert button.disabled and "at least 10 images of hand" in list_texts(app)


def test_cut_bursts_are_recognised_by_their_names_alone():
    plain = [("cup/burst-01-frame-001.jpg", "cup"), ("a/photo.jpg", "a")]
    assert find_shared_recordings(plain) == []
    assert find_shared_recordings([*plain, ("b/burst-02c-frame-001.jpg", "b")])[0].path == "b"
    assert find_burst("a/photo.jpg") is find_burst("a/burst-1.jpg") is None
