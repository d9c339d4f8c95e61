"""The built-in samples, and the way from what a person types to a file."""

import zipfile
from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.panel import calls
from transfer_core import dataset
from transfer_core.cases import TransferCase
from transfer_core.dataset import samples
from transfer_core.dataset.samples import generators, plankton
from transfer_core.errors import ArchiveError, DataSetError


def test_the_digits_are_those_of_scikit_learn(tmp_path, transfer_home):
    path = samples.write_sample_zip("digits", tmp_path / "digits.zip")
    found = dataset.ingest(path, home=transfer_home)
    digits = load_digits()
    assert found.classes == tuple("0123456789") and found.problems == ()
    assert len(found.records) == len(digits.target) == 1797
    assert found.labels.tolist() == sorted(digits.target)
    assert {(r.width, r.height) for r in found.records} == {(64, 64)}


def test_a_digit_is_dark_ink_on_white_paper(tmp_path, transfer_home):
    path = samples.write_sample_zip("digits", tmp_path / "digits.zip")
    image = dataset.load_image(transfer_home, dataset.ingest(path, home=transfer_home), 0)
    assert image.getpixel((0, 0)) == (255, 255, 255)  # paper
    assert image.getpixel((32, 32))[0] > 150  # inside of a zero
    assert min(image.convert("L").tobytes()) < 40  # ink


def test_a_sample_has_the_same_bytes_every_time(tmp_path):
    first = samples.write_sample_zip("digits", tmp_path / "1.zip").read_bytes()
    assert samples.write_sample_zip("digits", tmp_path / "2.zip").read_bytes() == first


def test_every_sample_says_what_it_is():
    for name, sample in samples.SAMPLES.items():
        assert name == sample.name and name.isidentifier()
        assert sample.title and len(sample.description.split()) > 10
    assert sorted(sample.case for sample in samples.SAMPLES.values()) == [1, 2, 3, 4]


def test_a_sample_is_as_small_or_large_as_its_case_with_the_line_of_the_samples():
    for sample in samples.SAMPLES.values():
        learned_from = 0.8 * sample.count  # the rest is the test part
        size = "small" if learned_from < samples.SAMPLES_LINE else "large"
        assert TransferCase(sample.case).size == size


@pytest.mark.parametrize("name", ["plankton", "stripes"])
def test_a_sample_holds_what_it_says_and_shows_one_image_of_each_class(name, tmp_path):
    sample = samples.SAMPLES[name]
    with zipfile.ZipFile(samples.write_sample_zip(name, tmp_path / "sample.zip")) as archive:
        classes = Counter(member.split("/")[0] for member in archive.namelist())
    assert len(classes) == sample.classes == len(sample.generate_examples())
    assert (
        set(classes.values()) == {sample.max_images_per_class}
        and sum(classes.values()) == sample.count
    )


def test_new_species_are_not_those_of_the_source_world():
    numbers = {n for s in samples.SAMPLES.values() for n in getattr(s.images, "args", [()])[0]}
    assert numbers and min(numbers) >= generators.SOURCE_SPECIES


def test_a_sample_is_resolved_once_and_kept(transfer_home):
    path = samples.resolve_path("sample:digits", transfer_home)
    made = path.stat().st_mtime_ns
    assert samples.resolve_path("sample:digits", transfer_home) == path
    assert path.stat().st_mtime_ns == made and path.is_relative_to(transfer_home)


def test_a_path_is_resolved_to_itself(tmp_path, transfer_home):
    assert samples.resolve_path(str(tmp_path), transfer_home) == tmp_path


@pytest.mark.parametrize("text", ["sample:", "sample:none", "sample:../../etc/passwd"])
def test_an_unknown_sample_is_refused_with_the_choice(transfer_home, text):
    with pytest.raises(DataSetError, match="Choose one of: plankton"):
        samples.resolve_path(text, transfer_home)


@pytest.mark.parametrize("text", ["/nowhere/a.zip", "", " ", "/nowhere/a\0b"])
def test_a_path_that_does_not_exist_is_told(transfer_home, text):
    with pytest.raises(ArchiveError, match="no such file"):
        samples.resolve_path(text, transfer_home)


@pytest.mark.parametrize(
    ("kind", "images"),
    [
        (plankton.draw_species, plankton.draw_individuals),
        (calls.make_bird, calls.synthesise_spectrograms),
    ],
    ids=["plankton", "calls"],
)
def test_a_made_world_repeats_from_its_seeds_and_varies_with_them(kind, images):
    def make_images(number: int, seed: int) -> np.ndarray:
        return images(kind(number), 6, np.random.default_rng(seed))

    first = make_images(3, seed=0)
    assert first.shape == (6, 64, 64, 3) and first.dtype == np.uint8
    assert np.array_equal(first, make_images(3, seed=0))
    assert len(np.unique(first.reshape(6, -1), axis=0)) == 6  # nobody is like another
    assert not np.array_equal(first, make_images(3, seed=1))
    assert not np.array_equal(first, make_images(4, seed=0))


@pytest.mark.parametrize("number", range(60))
def test_every_kind_can_be_drawn_and_shows_something(number):
    draw = np.random.default_rng(0)
    for images in (
        plankton.draw_individuals(plankton.draw_species(number), 2, draw),
        calls.synthesise_spectrograms(calls.make_bird(number), 2, draw),
    ):
        assert images.std((1, 2, 3)).min() > 5


def test_a_call_lies_at_its_pitch():
    steady = calls.Bird(
        melody=np.full(5, 2_000.0),
        syllables=1,
        pause=0.1,
        trill=0,
        trill_depth=0.1,
        flutter=0,
        overtones=np.array([1.0, 0, 0]),
    )
    image = calls.synthesise_spectrograms(steady, 8, np.random.default_rng(0))[..., 0]
    darkest = image[:, :-4, 16:40].argmin(1)  # without the rumble at the bottom
    assert abs(np.median(darkest) - 32) <= 4  # 2,000 of 4,000 hertz is half way up


def test_making_a_sample_tells_its_progress_and_can_be_ended(tmp_path):
    class Enough(Exception):
        pass

    def progress(what: str, done: int, total: int) -> None:
        assert total == 1797
        if done == 5:
            raise Enough

    with pytest.raises(Enough):
        samples.write_sample_zip("digits", tmp_path / "digits.zip", progress=progress)
    assert list(tmp_path.iterdir()) == []
