"""Files are written whole or not at all."""

import threading

import pytest

from transfer_core.system.files import hash_bytes, hash_file, write_atomically


@pytest.mark.parametrize("content", ["grün", "grün".encode(), lambda file: file.write(b"x")])
def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path, content):
    path = tmp_path / "settings.json"
    path.write_text("old")
    write_atomically(path, content)
    expected = b"x" if callable(content) else "grün".encode()
    assert path.read_bytes() == expected
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_content_stays_where_writing_fails(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text("old")

    def write_half(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, write_half)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_many_threads_may_write_the_same_file_at_once(tmp_path):
    path, errors = tmp_path / "hashes.npy", []

    def write(number: int) -> None:
        try:
            for _ in range(20):
                write_atomically(path, bytes([number]) * 10_000)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set(path.read_bytes())) == 1 and path.stat().st_size == 10_000


def test_the_hash_of_a_file_is_that_of_its_content(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    # From FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hash_file(tmp_path / "file") == hash_bytes(b"abc") == expected
