"""Reading good archives, and odd names; hostile ones are in tests/hostile/archives.py."""

import os
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zips import RawZip, make_picture, write_zip

from transfer_core.dataset.archive import open_archive
from transfer_core.errors import ArchiveError

A, B = make_picture(1), make_picture(2)


def list_names(path) -> list[str]:
    with open_archive(path) as source:
        return [member.path for member in source.members]


def read_all(path) -> dict[str, bytes]:
    with open_archive(path) as source:
        return {member.path: source.read(member) for member in source.members}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_and_their_bytes_are_those_that_the_standard_library_finds(tmp_path, method):
    files = {"cats/1.png": A, "cats/2.png": B, "dogs/späß.png": A + B, "empty.txt": b""}
    path = write_zip(tmp_path / "a.zip", files, method)
    assert read_all(path) == files


def test_a_zip_of_more_than_65535_entries_is_read(tmp_path):
    path = write_zip(tmp_path / "a.zip", {f"c/{n}.png": b"" for n in range(65_600)})
    assert len(list_names(path)) == 65_600


def test_a_streamed_zip_that_gives_sizes_after_the_data_is_read(tmp_path):
    class Pipe:
        def __init__(self, file):
            self.file = file

        def write(self, data):
            return self.file.write(data)

        def flush(self):
            self.file.flush()

    with (tmp_path / "a.zip").open("wb") as file, zipfile.ZipFile(Pipe(file), "w") as archive:
        archive.writestr("cats/1.png", A)
        archive.writestr("cats/2.png", B)
    assert read_all(tmp_path / "a.zip") == {"cats/1.png": A, "cats/2.png": B}


def test_a_folder_gives_the_same_members_as_a_zip_of_it(tmp_path):
    for name in ("cats/1.png", "dogs/2.png", ".DS_Store"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(A)
    (tmp_path / "set" / "empty").mkdir()
    with open_archive(tmp_path / "set") as source:
        assert {m.path: source.read(m) for m in source.members} == dict.fromkeys(
            ("cats/1.png", "dogs/2.png"), A
        )
        assert (source.junk, source.folders) == (1, ("cats", "dogs", "empty"))


def test_the_file_is_closed_when_it_is_refused(tmp_path):
    path = RawZip().add("../x", A).write(tmp_path / "a.zip")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with pytest.raises(ArchiveError):
        read_all(path)
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after == before


@settings(
    max_examples=200, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.one_of(st.text(max_size=40), st.binary(max_size=40)), mode=st.integers(0, 0xFFFF))
def test_any_name_gives_a_relative_path_or_an_archive_error(tmp_path, name, mode):
    raw = name.encode("utf-8", "surrogatepass") if isinstance(name, str) else name
    flags = 0x800 if isinstance(name, str) else 0
    path = RawZip().add(raw, A, flags=flags, mode=mode).write(tmp_path / "a.zip")
    try:
        found = list_names(path)
    except ArchiveError:
        return
    for member in found:
        parts = member.split("/")
        assert not member.startswith("/") and ".." not in parts and "" not in parts
        assert member.isprintable() or not member.isascii()
