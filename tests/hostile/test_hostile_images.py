"""Every image of the catalogue becomes what it must, within 5 seconds and 512 MB of a child."""

import io
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from images import CASES, KEPT, Case, encode, make_exif, make_photo, make_scans
from PIL import Image
from zips import write_zip

from benchmarks.fuzz import fuzz_images
from transfer_core import dataset, images
from transfer_core.errors import ArchiveError, DataSetError, ImageError, SettingsError
from transfer_core.images import children, decoding, outside
from transfer_core.images.decoding import FORMATS
from transfer_core.images.limits import LIMIT_VARIABLES
from transfer_core.system import WorkStopped, hash_bytes

MEGABYTE = 1 << 20
MARKS = b"secret", b"<script", b"2024:05:17"  # of what must not be kept


@pytest.fixture(scope="module")
def pool():
    """A pool of one child, so that what was measured of it is what one image took."""
    with pytest.MonkeyPatch.context() as patch:
        pool = children.ChildPool(1)
        patch.setattr(outside, "get_pool", lambda kind: pool)
        yield pool
        pool.close()


def read_peak(pool: children.ChildPool) -> int | None:
    """Most bytes that the child ever held; None where the system does not tell."""
    with pool.borrow() as child:
        file = Path(f"/proc/{child.id}/status")
        found = re.search(r"VmHWM:\s*(\d+) kB", file.read_text()) if file.is_file() else None
    return int(found[1]) * 1024 if found else None


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_hostile_image_becomes_what_it_must(case: Case, pool):
    data = case.make()
    try:
        seen = images.clean_image(data)
    except ImageError as error:
        assert case.expected != KEPT, error
        assert case.expected in error.problem and error.found and error.remedy
        seen = None
    peak = read_peak(pool)
    assert peak is None or peak < 512 * MEGABYTE
    if seen:
        assert case.expected == KEPT
        check_that_pixels_only_are_kept(data, seen.data)


def check_that_pixels_only_are_kept(data: bytes, kept: bytes) -> None:
    assert not [mark for mark in (*MARKS, b"Exif", b"PK\3\4") if mark in kept]
    assert kept[:3] == b"\xff\xd8\xff" or kept[:4] in (b"\x89PNG", b"RIFF")
    assert images.clean_image(kept).data == kept  # so that what is given out is read as it is


@pytest.fixture
def make_pool(monkeypatch):
    """A new pool whose children, and whose parent, have limits of the test."""
    made = []

    def make(size: int = 1, **limits: int) -> children.ChildPool:
        for name, value in limits.items():
            monkeypatch.setenv(LIMIT_VARIABLES[name], str(value))
        decoding.get_limits.cache_clear()
        made.append(children.ChildPool(size))
        monkeypatch.setattr(outside, "get_pool", lambda kind: made[-1])
        return made[-1]

    yield make
    for pool in made:
        pool.close()
    monkeypatch.undo()
    decoding.get_limits.cache_clear()


def make_slow_image() -> bytes:
    """An image that takes a minute to decode, once its scans are not counted."""
    return make_scans(2_000, 20_000)


def read_ids(pool: children.ChildPool) -> set[int]:
    return {child.id for child in pool.list_living()}


GOOD = [encode(make_photo((40, 40 + n))) for n in range(4)]


def test_43_a_slow_image_is_left_out_and_those_around_it_are_not(make_pool):
    make_pool(seconds=1, scans=10**9)
    with images.ImageCleaner() as cleaner:
        seen = cleaner.clean([*GOOD[:2], make_slow_image(), *GOOD[2:]])
    assert "takes too long" in seen[2].problem
    assert [each.data for each in (*seen[:2], *seen[3:])] == GOOD


def test_43_many_slow_images_let_others_have_their_turn(make_pool):
    make_pool(seconds=9, scans=10**9)
    slow, seen = [make_scans(1_000, 500)] * 12, []

    def look() -> None:
        seen.append(images.clean_image(GOOD[0]).data)

    with ThreadPoolExecutor(2) as people, images.ImageCleaner() as cleaner:
        many = people.submit(cleaner.clean, slow)
        time.sleep(0.1)
        people.submit(look).result()
        assert seen == GOOD[:1] and not many.done()
        assert not [each for each in many.result() if isinstance(each, ImageError)]


def test_43_a_child_that_sleeps_is_ended_by_the_clock(make_pool, monkeypatch):
    monkeypatch.setattr(children, "CLOCK_FACTOR", 1)
    pool = make_pool(seconds=1)
    with pool.borrow() as child:
        os.kill(child.id, signal.SIGSTOP)
    with pytest.raises(ImageError, match="takes too long"):
        images.clean_image(GOOD[0])
    assert images.clean_image(GOOD[0]).data == GOOD[0]


def test_43_a_child_that_is_killed_harms_no_image(make_pool):
    pool, seen = make_pool(2), []
    with images.ImageCleaner() as cleaner:
        for number in range(6):
            seen += cleaner.clean(GOOD)
            for each in read_ids(pool) if number % 2 else ():
                os.kill(each, signal.SIGKILL)
    assert [each.data for each in seen] == GOOD * 6


def test_43_an_image_that_crashes_its_decoder_is_left_out(make_pool):
    pool = make_pool()
    with pool.borrow() as child, pytest.raises(children.ChildEndedError):
        child.ask("no such work", GOOD, {})
    number, error = child.explain_end()
    assert number == 0 and "broke off" in error.problem
    assert images.clean_image(GOOD[0]).data == GOOD[0]


@pytest.mark.parametrize(
    "told",
    [
        {"info": ["PNG", 1, 1, False], "pieces": [[0, 10**9]]},
        {"info": ["PNG", 1, 1, False], "pieces": [[0, 1000]] * 10**5},
        {"info": ["EXE", 1, 1, False], "pieces": [[0, 9]]},
        {"info": [], "pieces": "x"},
        {},
    ],
    ids=lambda told: str(told)[:40],
)
def test_43_what_a_child_says_is_not_trusted(told):
    seen = outside._read_clean(children.Answer(told, b""), GOOD[0])
    assert isinstance(seen, ImageError)


def test_c1_a_request_to_stop_ends_the_children_at_once(make_pool, tmp_path, transfer_home):
    pool = make_pool(2, seconds=60, scans=10**9)
    files = {f"{name}/{n}.jpg": make_slow_image() for name in "ab" for n in range(3)}
    began, asked = time.monotonic(), []

    def stop_soon() -> bool:
        if read_ids(pool) and time.monotonic() - began > 0.5:
            asked.append(time.monotonic())
        return bool(asked)

    path = write_zip(tmp_path / "slow.zip", files, zipfile.ZIP_STORED)
    with pytest.raises(WorkStopped):
        dataset.ingest(path, home=transfer_home, stop=stop_soon)
    time.sleep(1)
    assert not read_ids(pool)  # they would decode for a minute
    assert not [f for f in transfer_home.rglob("*") if f.is_file()]


def test_many_slow_images_are_refused_together(make_pool, tmp_path, transfer_home, monkeypatch):
    make_pool(2, seconds=60, scans=10**9)
    monkeypatch.setenv("TRANSFER_ARCHIVE_SECONDS", "1")
    slow = make_scans(640, 150)  # each alone is quick enough
    files = {f"{name}/{n}.jpg": slow for name in "ab" for n in range(20)}
    path = write_zip(tmp_path / "slow.zip", files, zipfile.ZIP_STORED)
    with pytest.raises(ArchiveError, match="takes too long") as caught:
        dataset.ingest(path, home=transfer_home)
    assert re.search(r"of 40 images in \d+ s", caught.value.found)  # of a slow computer a few more
    assert not [f for f in transfer_home.rglob("*") if f.is_file()]


def test_c1_a_page_may_cancel_while_one_image_is_decoded(make_pool, tmp_path, transfer_home):
    make_pool(2, seconds=60, scans=10**9)
    files = {f"{name}/{n}.jpg": make_slow_image() for name in "ab" for n in range(3)}
    path = write_zip(tmp_path / "slow.zip", files, zipfile.ZIP_STORED)

    class Cancelled(Exception):
        """As Streamlit ends the run of a page."""

    def cancel(*progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        dataset.ingest(path, home=transfer_home, progress=cancel)
    assert not [f for f in transfer_home.rglob("*") if f.is_file()]


def test_44_a_data_set_without_a_good_image_is_refused_with_the_reasons(tmp_path, transfer_home):
    files = {f"{name}/{n}.jpg": b"hello" for name in "ab" for n in range(3)}
    with pytest.raises(DataSetError, match="None of the images can be read") as caught:
        dataset.ingest(write_zip(tmp_path / "bad.zip", files), home=transfer_home)
    assert "6 images set aside" in caught.value.found
    assert "not an image" in caught.value.found


def test_c8_neither_the_store_nor_a_zip_of_it_holds_a_position_or_a_text(tmp_path, transfer_home):
    kept = [case.make() for case in CASES if case.expected == KEPT and case.number in ("41", "C8")]
    files = {f"{name}/{n}.jpg": data for name in "ab" for n, data in enumerate(kept)}
    found = dataset.ingest(write_zip(tmp_path / "photos.zip", files), home=transfer_home)
    given = b"".join(dataset.stream_zip(transfer_home, found))
    (tmp_path / "given.zip").write_bytes(given)
    again = dataset.ingest(tmp_path / "given.zip", home=transfer_home)
    assert {r.digest for r in again.records} == {r.digest for r in found.records}
    stored = [f.read_bytes() for f in transfer_home.rglob("*") if f.is_file()]
    for mark in MARKS:
        assert not [data for data in (*stored, given) if mark in data], mark


def test_c8_an_older_data_set_is_given_out_without_them_too(transfer_home, tmp_path):
    photo = encode(make_photo(), "JPEG", exif=make_exif(6).tobytes())
    data = [encode(make_photo((64, 40 + n)), "JPEG", exif=make_exif().tobytes()) for n in range(8)]
    files = {f"{name}/{n}.jpg": data[n + 4 * (name == "b")] for name in "ab" for n in range(4)}
    found = dataset.ingest(write_zip(tmp_path / "photos.zip", files), home=transfer_home)
    # As it was stored before: the files as they came.
    pack, records, offset = b"", [], 0
    for record in found.records:
        pack, offset = pack + photo, len(pack)
        digest = hash_bytes(photo)
        records.append(replace(record, offset=offset, length=len(photo), digest=digest))
    found.pack_path(transfer_home).write_bytes(pack)
    summary = replace(found.import_summary, is_clean=False)
    old = replace(found, records=tuple(records), import_summary=summary)
    given = b"".join(dataset.stream_zip(transfer_home, old))
    assert not [mark for mark in MARKS if mark in given]
    with zipfile.ZipFile(io.BytesIO(given)) as archive:
        sizes = {Image.open(archive.open(name)).size for name in archive.namelist()}
    assert sizes == {make_photo().size[::-1]}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_what_is_kept_looks_as_the_file_did(kind, orientation):
    exif = {} if kind in ("BMP", "GIF") else {"exif": make_exif(orientation).tobytes()}
    data = encode(make_photo((320, 240)), kind, **exif)
    before, after = (
        np.asarray(images.decode_image(each)).astype(int)
        for each in (data, images.clean_image(data).data)
    )
    exact = kind not in ("AVIF", "HEIF") and (kind, orientation) != ("JPEG", 6)
    assert np.abs(after - before).mean() <= (0 if exact else 1.5)  # of 255 grey levels


@pytest.mark.parametrize("kind", FORMATS)
def test_network_input_of_an_upload_is_that_of_a_stored_image(kind):
    data, transform = encode(make_photo((640, 480)), kind), images.Transform(64)
    stored = images.apply_transform(
        images.decode_image(data, transform.min_decoded_side), transform
    )
    assert (images.prepare_image(data, transform) == stored).all()


def test_a_shrunk_image_is_a_small_jpeg_without_metadata():
    data = encode(make_photo((640, 480)), "JPEG", exif=make_exif(6).tobytes())
    small = images.shrink_image(data, 100)
    assert Image.open(io.BytesIO(small)).size == (75, 100)
    assert not [mark for mark in MARKS if mark in small]


def test_a_file_of_too_many_bytes_is_left_out_unread(make_pool):
    make_pool(megabytes=1)
    with pytest.raises(ImageError, match="too large") as caught:
        images.clean_image(GOOD[0] + bytes(MEGABYTE))
    assert "at most 1 MB" in caught.value.found


def test_limits_are_set_by_the_environment_and_checked():
    assert images.read_limits({"TRANSFER_IMAGE_PIXELS": "1000"}).pixels == 1000
    for text in ("0", "-1", "many", "1e6", ""):
        with pytest.raises(SettingsError, match="TRANSFER_IMAGE_SIDE"):
            images.read_limits({"TRANSFER_IMAGE_SIDE": text})


def test_a_child_sees_no_secret_of_the_environment(make_pool, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    with make_pool().borrow() as child:
        assert child.ask("clean", GOOD[:1], {})
        file = Path(f"/proc/{child.id}/environ")
        assert not file.is_file() or b"secret" not in file.read_bytes()


def test_children_import_neither_torch_nor_numpy_nor_streamlit():
    code = "import sys, transfer_core.images.child; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "streamlit", "pillow_heif"} & set(done.stdout.split())


def test_mutated_images_give_pixels_or_a_reason_and_end_no_child():
    """A small sample; `python -m benchmarks.fuzz images --count 100000` tries more."""
    tally = fuzz_images(2_000, seed=0)
    assert tally.tried == 2_000 and tally.kept + tally.left_out == 2_000
    assert not tally.crashes, tally.crashes[:3]


def test_copies_that_differ_in_their_metadata_only_stay_together(tmp_path, transfer_home):
    files = {f"{c}/{n}.png": encode(make_photo((30, 20 + n))) for c in "ab" for n in range(5)}
    photo, other = make_photo((64, 48)), make_exif().tobytes()
    files |= {"a/one.jpg": encode(photo, "JPEG"), "a/two.jpg": encode(photo, "JPEG", exif=other)}
    found = dataset.ingest(write_zip(tmp_path / "copies.zip", files), home=transfer_home)
    copies = [record for record in found.records if record.path in ("a/one.jpg", "a/two.jpg")]
    assert len({record.digest for record in copies}) == len({r.split for r in copies}) == 1
    assert "duplicate" in {problem.kind for problem in found.problems}
