"""Files that go in and out while the server is killed: uploads, images read in, exports."""

import http.client
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import numpy as np

from benchmarks.kills.phase import TIMEOUT_SECONDS, Found
from benchmarks.kills.server import Server
from benchmarks.server import make_cookie
from benchmarks.uploads import write_archive
from pages.server.upload_route import TICKET_HEADER
from transfer_core import dataset
from transfer_core.system import hash_bytes, hash_file

MEGABYTE = 2**20
UPLOAD_PIECES = 40  # of a megabyte each
PIECE_SECONDS = 0.02  # between two pieces, so that there are moments between them
ARCHIVE_BYTES = 12 * MEGABYTE  # of the images that are read in
FORMATS = "bundle", "weights", "script-with-images"  # that are prepared for a download


class _FilePhase:
    """What the phases here have in common."""

    name, targets = "", ("server",)

    def __init__(self, server: Server) -> None:
        self._server, self._home = server, server.home

    def find_worker(self) -> int | None:
        """None: the server does the work itself."""
        return None

    def count_lost(self) -> int:
        """Nothing is kept from one kill to the next."""
        return 0


class _Line(threading.Thread):
    """A browser's request on a thread."""

    def __init__(self, ask: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._ask, self.told = ask, None
        self.start()

    def run(self) -> None:
        try:
            self.told = self._ask()
        except (OSError, http.client.HTTPException):
            self.told = "broken off"

    def wait(self) -> object:
        """The answer, "broken off" without a whole one."""
        self.join(TIMEOUT_SECONDS)
        return self.told


class UploadPhase(_FilePhase):
    """A file that a browser sends to the server's own address for uploads."""

    name = "upload"

    def prepare(self) -> None:
        self._content = np.random.default_rng(0).bytes(UPLOAD_PIECES * MEGABYTE)
        self._expected = hash_bytes(self._content)
        began = time.monotonic()
        self.begin(first=True)
        assert self._line.wait() == 200
        self._seconds = time.monotonic() - began
        self._server.order("drop")

    def begin(self, *, first: bool = False) -> float:
        port, ticket = self._server.order("expect", str(len(self._content))).split()
        self._line = _Line(lambda: self._send(int(port), ticket))
        return 0.0 if first else self._seconds

    def follow(self, _target: str) -> Found:
        found = Found("finished before" if self._line.wait() == 200 else "plainly marked", False)
        left = [file for file in (self._home / "uploads").rglob("*") if file.is_file()]
        if any(file.name != "alive" for file in left):
            found.faults.append("a half file was not swept")
        if self._server.order("taken") != "nothing":
            found.faults.append("a half file is visible")
        self.begin()
        found.is_equal = self._line.wait() == 200
        found.is_equal &= self._server.order("taken") == self._expected
        self._server.order("drop")
        return found

    def _send(self, port: int, ticket: str) -> int:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Content-Length": str(len(self._content)), TICKET_HEADER: ticket}
        line.request("PUT", "/uploads", self._cut(), headers)
        return line.getresponse().status

    def _cut(self) -> Iterator[bytes]:
        for start in range(0, len(self._content), MEGABYTE):
            yield self._content[start : start + MEGABYTE]
            time.sleep(PIECE_SECONDS)


class IngestPhase(_FilePhase):
    """A zip of images that is read in; its images are decoded in processes of their own."""

    name, targets = "ingest", ("server", "child")

    def prepare(self) -> None:
        self._zip = write_archive(self._home / "noise.zip", ARCHIVE_BYTES)
        self._id, began = "", time.monotonic()
        self.begin(first=True)
        self._id = self._server.wait(TIMEOUT_SECONDS)
        self._seconds = time.monotonic() - began
        self._expected = self._read()

    def begin(self, *, first: bool = False) -> float:
        if self._id:
            self._server.order("forget", self._id)
        self._server.order("ingest", str(self._zip))
        return 0.0 if first else self._seconds

    def find_worker(self) -> int | None:
        """A process that decodes."""
        return self._server.find_child("transfer_core.images.child")

    def follow(self, target: str) -> Found:
        found = Found("went on by itself", False)
        if target == "server":
            is_there = self._id in {each.id for each in dataset.list_data_sets(self._home)}
            found.ending = "finished before" if is_there else "plainly marked"
            if is_there and self._read() != self._expected:
                found.faults.append("half a data set is visible")
            self._server.order("ingest", str(self._zip))
        told = self._server.wait(TIMEOUT_SECONDS)
        found.is_equal = told == self._id and self._read() == self._expected
        if list((self._home / "data").glob(".unfinished-*")):
            found.faults.append("half a data set was not swept")
        return found

    def _read(self) -> tuple[dataset.DataSet, str]:
        data_set = dataset.load(self._home, self._id)
        return data_set, hash_file(data_set.pack_path(self._home))


class ExportPhase(_FilePhase):
    """A run that is taken away: prepared for a download, or written by the command."""

    name = "export"

    def prepare(self) -> None:
        self._run = self._server.order("finished")
        self._folder = self._home / "runs" / self._run / "take_away"
        self._kinds, self._expected, self._seconds = cycle((*FORMATS, "files")), {}, {}
        for _ in range(len(FORMATS) + 1):
            made = []
            kind = next(self._kinds)
            for _ in range(2):  # what changes from one time to the next is not compared
                began = time.monotonic()
                self._begin(kind)
                self._server.wait(TIMEOUT_SECONDS)
                self._seconds[kind] = time.monotonic() - began
                made.append(self._read(kind))
            same = made[0].items() & made[1].items()
            assert same and made[0].keys() == made[1].keys(), made
            self._expected[kind] = {name: dict(same).get(name, "") for name in made[0]}

    def begin(self) -> float:
        self._kind = next(self._kinds)
        self._begin(self._kind)
        return self._seconds[self._kind]

    def follow(self, _target: str) -> Found:
        found = Found("plainly marked", False)
        if left := self._read(self._kind):
            found.ending = "finished before"
            # The command moves one whole file after the other to where they belong.
            if not self._is_expected(left, parts=self._kind == "files"):
                found.faults.append(f"half of {self._kind} is given out")
        if list(self._folder.glob(".*")):
            found.faults.append("half an export was not swept")
        self._begin(self._kind)
        told = self._server.wait(TIMEOUT_SECONDS)
        found.is_equal = self._is_expected(self._read(self._kind), parts=False)
        if told.startswith("failed"):
            found.faults.append(told)
        return found

    def _begin(self, kind: str) -> None:
        for folder in (self._folder, self._home / "out"):
            shutil.rmtree(folder, ignore_errors=True)
        self._server.order("export", self._run, kind)

    def _read(self, kind: str) -> dict[str, str]:
        """The hashes of what is given out, by name; empty if there is nothing."""
        if kind == "files":
            files = (self._home / "out").glob("[!.]*")
            return {file.name: hash_file(file) for file in files}
        from transfer_core.export import find_download  # brings torch, which few need here

        file = find_download(self._home, self._run, kind)
        return read_zip(file) if file else {}

    def _is_expected(self, found: dict[str, str], *, parts: bool) -> bool:
        expected = self._expected[self._kind]
        names = found.keys() <= expected.keys() if parts else found.keys() == expected.keys()
        return names and all(expected[name] in ("", found[name]) for name in found)


class DownloadPhase(_FilePhase):
    """All images of a data set as a zip, which is packed while a browser takes it."""

    name = "download"

    def prepare(self) -> None:
        self._path, self._headers = self._server.order("shelf"), make_cookie(self._home)
        began = time.monotonic()
        self.begin(first=True)
        assert self._line.wait() != "broken off"
        self._seconds, self._expected = time.monotonic() - began, self._line.told

    def begin(self, *, first: bool = False) -> float:
        self._line = _Line(self._take)
        return 0.0 if first else self._seconds

    def follow(self, _target: str) -> Found:
        told = self._line.wait()
        found = Found("plainly marked" if told == "broken off" else "finished before", False)
        if told not in ("broken off", self._expected):
            found.faults.append("half a zip looks whole to the browser")
        self.begin()
        found.is_equal = self._line.wait() == self._expected
        return found

    def _take(self) -> tuple[int, str]:
        port = int(self._server.order("port"))
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        line.request("GET", self._path, headers=self._headers)
        answer = line.getresponse()
        content = bytearray()
        while piece := answer.read(MEGABYTE // 4):
            content += piece
            time.sleep(PIECE_SECONDS)
        if answer.status != 200:
            raise http.client.HTTPException(answer.status)
        return len(content), hash_bytes(bytes(content))


def read_zip(file: Path) -> dict[str, str]:
    """The hash of each file in a zip, by name; of a file of another kind its own."""
    if file.suffix != ".zip":
        return {file.name: hash_file(file)}
    with zipfile.ZipFile(file) as archive:
        return {name: hash_bytes(archive.read(name)) for name in archive.namelist()}
