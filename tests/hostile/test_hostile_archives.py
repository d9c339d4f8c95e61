"""Every archive of the catalogue becomes what it must, within 5 seconds and 512 MB."""

import os
import re
import time
from pathlib import Path

import archives
import images
import pytest
from archives import MEGABYTE, REFUSED, Case
from zips import make_class_files, write_zip

from benchmarks.fuzz import fuzz_archives
from transfer_core import dataset
from transfer_core.dataset.archive import MemberError, open_archive
from transfer_core.dataset.splitting import DecodedImage, assign_splits, remove_split_leaks
from transfer_core.errors import ArchiveError
from transfer_core.images import ImageInfo

TESTS = Path(__file__).parents[1]
MAX_SECONDS, MAX_BYTES = 5, 512 * MEGABYTE
# Where the numbers of the catalogue are tested that are in neither table of this folder.
ELSEWHERE = {
    27: "test_uploads.py test_what_nobody_sends_or_wants_any_more_is_removed",
    43: "hostile/test_hostile_images.py test_43_a_slow_image_is_left_out",
    44: "hostile/test_hostile_images.py test_44_a_data_set_without_a_good_image",
    55: "test_dataset.py test_55_a_cell_of_the_csv_is_never_a_formula",
    58: "test_pages.py test_a_download_is_saved_under_a_plain_name_and_never_shown",
    59: "hostile/test_hostile_settings.py test_what_makes_no_sense_is_one_plain_refusal",
    60: "test_runs_store.py test_forged_choice_is_refused_with_the_choices",
    61: "test_workspaces.py test_each_of_thirty_tries_to_get_at_what_belongs_to_the_others",
    62: "test_classes.py test_wrong_tries_make_the_next_one_wait_longer_and_longer",
    63: "test_server.py test_a_websocket_opens_for_the_pages_of_this_server_only",
    64: "test_workspaces.py test_clearing_removes_for_good_what_nobody_else_holds",
    65: "test_uploads.py test_a_file_that_is_not_as_long_as_announced_is_refused",
    66: "test_weights.py test_other_kinds_of_files_are_refused_unread",
    67: "test_weights.py test_other_kinds_of_files_are_refused_unread",
    68: "test_weights.py test_other_kinds_of_files_are_refused_unread",
    69: "hostile/test_hostile_bundles.py test_a_senseless_bundle_is_refused_in_one_sentence",
    70: "test_weights.py test_the_first_weight_that_does_not_fit_is_named",
    71: "hostile/test_hostile_bundles.py test_senseless_weights_are_refused_in_one_sentence",
    72: "test_runs_crash.py test_damaged_checkpoint_is_passed_over_for_the_one_before",
    73: "test_runs_crash.py test_no_kill_loses_a_run_or_changes_its_result",
    74: "test_process_executor.py test_run_whose_process_ends_goes_on_in_another",
    75: "test_runs_crash.py test_engine_that_dies_while_another_lives_is_found_by_it",
    76: "test_process_executor.py test_attempt_that_wakes_after_a_later_one_has_begun",
    77: "hostile/test_hostile_disk.py test_too_little_space_is_told_before_the_work_begins",
    78: "test_runs_engine.py test_file_that_cannot_be_written_fails_the_run_and_the_engine",
    79: "test_training.py test_a_batch_that_does_not_fit_is_learned_from_in_parts",
    80: "test_training.py test_where_not_even_two_images_fit_the_run_fails",
    81: "test_training.py test_a_loss_that_is_not_finite_names_the_learning_rate",
    82: "test_runs_engine.py test_82_a_clock",
    83: "test_runs_engine.py test_double_submit_with_one_key_runs_once",
    84: "test_workspaces.py test_a_data_set_stays_while_a_run_or_a_version_needs_it",
    85: "test_runs_engine.py test_run_that_is_stopped_while_it_waits_never_starts",
    86: "test_runs_store.py test_locked_database_is_waited_for",
    87: "test_runs_engine.py test_each_of_two_engines_runs_only_what_was_submitted_to_it",
    88: "test_runs_store.py test_newer_database_is_refused_and_left_unchanged",
}


@pytest.fixture
def measure_peak():
    """What returns the bytes that were held at most, beyond those at its making; 0 if unknown."""

    def read(name: str) -> int:
        file = Path("/proc/self/status")
        found = re.search(rf"{name}:\s*(\d+) kB", file.read_text()) if file.is_file() else None
        return int(found[1]) * 1024 if found else 0

    if os.access("/proc/self/clear_refs", os.W_OK):
        Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is held now
    before = read("VmHWM")
    return lambda: read("VmHWM") - before


@pytest.mark.parametrize("case", archives.CASES, ids=lambda case: ascii(str(case))[1:60])
def test_a_hostile_archive_becomes_what_it_must(case: Case, tmp_path, measure_peak):
    seen, seconds = case.see(tmp_path)
    if case.expected.startswith("kept"):
        assert seen == case.expected
    else:
        assert seen.startswith(REFUSED) and case.expected in seen
    assert seconds < MAX_SECONDS and measure_peak() < MAX_BYTES
    assert set(os.listdir(tmp_path)) <= {"a.zip", "set"}


def test_many_copies_and_many_recordings_take_little_time_each():
    """Time that grew with the square of their number could not be cancelled either."""
    info = ImageInfo("PNG", 9, 9, False)
    began, number = time.process_time(), 20_000
    copies = [
        DecodedImage(f"{n % 900}/{n}.png", f"{n % 900}", None, "same", 0, 1, info, "same")
        for n in range(number)
    ]
    kept, problems = remove_split_leaks(copies)
    assert len(kept) == number and len(problems) == 2 * number - 1
    bursts = [
        DecodedImage(f"{n % 2}/burst-{n}-frame-1.png", f"{n % 2}", None, f"{n}", 0, 1, info, "")
        for n in range(number)
    ]
    splits, _problems = assign_splits(bursts, ("validation", "test"), seed=0)
    assert splits.count("test") == splits.count("validation") == number // 5
    assert time.process_time() - began < MAX_SECONDS


def test_what_takes_the_place_of_a_file_meanwhile_is_not_read(tmp_path):
    folder, secret = tmp_path / "set", tmp_path / "secret.png"
    (folder / "c").mkdir(parents=True)
    secret.write_bytes(archives.A)
    for name in ("link", "pipe", "folder"):
        (folder / "c" / f"{name}.png").write_bytes(archives.B)
    with open_archive(folder) as source:
        for member in source.members:
            (folder / member.path).unlink()
        (folder / "c" / "link.png").symlink_to(secret)
        os.mkfifo(folder / "c" / "pipe.png")
        (folder / "c" / "folder.png").mkdir()
        for member in source.members:
            with pytest.raises(MemberError):
                source.read(member)


def test_a_zip_that_changes_while_it_is_read_is_refused(tmp_path, transfer_home):
    path = write_zip(tmp_path / "a.zip", make_class_files({"a": 3, "b": 3}))

    def change(what: str, done: int, total: int) -> None:
        if done == 0:
            with path.open("ab") as file:
                file.write(b"PK")

    with pytest.raises(ArchiveError, match="changed while it was read"):
        dataset.ingest(path, home=transfer_home, progress=change)
    assert not [file for file in transfer_home.rglob("*") if file.is_file()]


def test_folders_whose_names_cannot_be_shown_are_not_offered(tmp_path, monkeypatch):
    for name in (b"bad\xff", "a\u202eb".encode(), b"two\nlines", b"good"):
        os.mkdir(os.path.join(os.fsencode(tmp_path), name))
    monkeypatch.setenv("TRANSFER_FOLDERS", str(tmp_path))
    assert list(dataset.list_offered()) == [f"{tmp_path.name}/good"]


def test_mutated_archives_are_read_or_refused_and_write_nothing():
    """A small sample; `python -m benchmarks.fuzz archives --count 100000` tries more."""
    tally = fuzz_archives(1_000, seed=0)
    assert not tally.crashes
    assert tally.kept > 100 and tally.left_out > 100 and tally.kept + tally.left_out == 1_000


def test_every_number_of_the_catalogue_is_tested():
    cases = {case.number for case in (*archives.CASES, *images.CASES)}
    tested = {int(number) for number in cases if number.isdecimal()} | set(ELSEWHERE)
    assert sorted(tested) == list(range(1, 89))
    for place in ELSEWHERE.values():
        file, name = place.split()
        assert name in (TESTS / file).read_text(encoding="utf-8"), place
