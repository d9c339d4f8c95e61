"""Tries of others: what is kept of an image, and how much."""

import io

import numpy as np
import pytest
from PIL import Image

from transfer_core.errors import ImageError, RunError
from transfer_core.inspection import keep_try, list_tries, outside_tries, read_try_image, remove_try
from transfer_core.runs import RunDirectory

RUN = "0123456789abcdef"
ANSWER = {"predicted": "cat", "share": 0.75, "is_unknown": False}


def make_photo(seed: int) -> bytes:
    """A JPEG with a comment and a position in its metadata."""
    pixels = np.random.default_rng(seed).integers(0, 256, (900, 1200, 3), np.uint8)
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = "a pupil's name"
    Image.fromarray(pixels).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@pytest.fixture
def home(tmp_path):
    RunDirectory.locate(tmp_path, RUN).path.mkdir(parents=True)
    return tmp_path


def test_an_image_is_kept_small_and_without_metadata_and_judged_once(home):
    first = keep_try(home, RUN, make_photo(0), actual="dog", **ANSWER)
    again = keep_try(home, RUN, make_photo(0), actual="cat", **ANSWER)
    (kept,) = list_tries(home, RUN)
    assert kept == again and (first.is_right, kept.is_right) == (False, True)
    file = read_try_image(home, RUN, kept)
    assert b"pupil" not in file and max(Image.open(io.BytesIO(file)).size) == 640
    remove_try(home, RUN, kept)
    assert not list_tries(home, RUN)


@pytest.mark.parametrize("suffix", [".jpg", ".json"])
def test_a_try_that_was_damaged_is_left_out(home, suffix):
    kept = keep_try(home, RUN, make_photo(0), actual="dog", **ANSWER)
    file = RunDirectory.locate(home, RUN).tries_folder / f"{kept.id}{suffix}"
    file.write_bytes(file.read_bytes().replace(b"dog", b"dot").replace(b"\xff\xd9", b"\xff\xd8"))
    assert list_tries(home, RUN) == ()


@pytest.mark.parametrize(("unknown", "right"), [(True, True), (False, False), (None, False)])
def test_an_image_of_no_class_is_right_if_it_was_called_unknown(home, unknown, right):
    answer = ANSWER | {"is_unknown": unknown}
    assert keep_try(home, RUN, make_photo(0), actual=None, **answer).is_right is right


def test_tries_are_bounded_and_what_is_no_image_is_refused(home, monkeypatch):
    with pytest.raises(ImageError):
        keep_try(home, RUN, b"no image", actual="cat", **ANSWER)
    monkeypatch.setattr(outside_tries, "MAX_TRIES", 1)
    keep_try(home, RUN, make_photo(0), actual="cat", **ANSWER)
    with pytest.raises(RunError, match="No more tries"):
        keep_try(home, RUN, make_photo(1), actual="cat", **ANSWER)
    keep_try(home, RUN, make_photo(0), actual="dog", **ANSWER)  # the same image still may
