"""What uploads cost a server: one of 2 GB, many in a row, and an attack by unfinished ones.

    python -m benchmarks.uploads [--megabytes 2000] [--uploads 200]

Starts a server with a data folder of its own and speaks to it as a browser does: websocket
sessions on the page Data ask for tickets, and send files with them. The attacker's session sends
five files of 200 MB by either way, never ends them, and leaves.
"""

import asyncio
import http.client
import io
import json
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

from benchmarks.report import Row, build_parser, write_report
from benchmarks.server import run_server
from pages.server.upload_route import TICKET_HEADER

MEGABYTE = 1024**2
UPLOADER = "data_upload"
ATTACK_FILES, ATTACK_BYTES = 5, 200 * MEGABYTE
WARM_UP_SECONDS = 15  # in which the server imports what it will need
PATIENCE_SECONDS = 150  # after which nothing may be left of an attack


def write_archive(path: Path, size: int, seed: int = 0) -> Path:
    """Write a zip of two classes of noise, of about so many bytes."""
    noise, side = np.random.default_rng(seed), 580 if size > 50 * MEGABYTE else 60
    pixels = noise.integers(0, 256, (20, side, side, 3), np.uint8)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for number in range(max(20, size // (3 * side * side))):
            picture, file = pixels[number % 20], io.BytesIO()
            picture[0, 0] = noise.integers(0, 256, 3)
            Image.fromarray(picture).save(file, "PNG", compress_level=0)
            archive.writestr(f"{'ab'[number % 2]}/{number}.png", file.getvalue())
    return path


class Visitor:
    """A browser's session on the page Data."""

    def __init__(self, address: str, line) -> None:
        self._address, self._line, self._number = address, line, 0
        self._uploader, self._states = "", {}
        self.session, self.data, self.query = "", {}, ""

    async def draw(self, **trigger: object) -> None:
        """Let the page be drawn, by what the uploader sends if it does."""
        message = BackMsg()
        message.rerun_script.page_name = "data"
        message.rerun_script.query_string = self.query
        for name, value in trigger.items():
            own = message.rerun_script.widget_states.widgets.add()
            own.id, own.json_value = self._uploader, "{}"
            state = message.rerun_script.widget_states.widgets.add()
            state.id = f"$$STREAMLIT_INTERNAL_KEY_{self._uploader}__events"
            state.json_trigger_value = json.dumps([{"event": name, "value": value}])
        await self._line.send(message.SerializeToString())
        while True:
            answer = ForwardMsg.FromString(await self._line.recv())
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                self.session = answer.new_session.initialize.session_id or self.session
            elif kind == "page_info_changed":
                self.query = answer.page_info_changed.query_string
            elif kind == "delta" and answer.delta.new_element.HasField("bidi_component"):
                component = answer.delta.new_element.bidi_component
                if UPLOADER in component.id:
                    self._uploader, self.data = component.id, json.loads(component.json)
            # A page that hands over to another ends early, and the other one follows.
            is_end = answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
            if kind == "script_finished" and is_end:
                return

    async def ask_for_ticket(self, size: int) -> str:
        """Announce a file, and return the ticket."""
        self._number += 1
        await self.draw(wanted={"number": self._number, "name": "a.zip", "size": size})
        return self.data["answer"]["ticket"]

    async def upload(self, path: Path) -> None:
        """Bring in a zip, until the page has read it."""
        size = path.stat().st_size
        ticket = await self.ask_for_ticket(size)
        status = await asyncio.to_thread(self.send, ticket, path.open("rb"), size)
        assert status == 200, status
        await self.draw(sent={"number": self._number})
        assert "data=" in self.query, self.query

    def send(self, ticket: str, content, size: int) -> int:
        """Send a file; returns the status."""
        line = http.client.HTTPConnection(self._address, timeout=60)
        headers = {"Content-Length": str(size), TICKET_HEADER: ticket, "Origin": self.origin}
        line.request("PUT", "/uploads", content, headers)
        return line.getresponse().status

    @property
    def origin(self) -> str:
        """Of the server's own pages."""
        return f"http://{self._address}"

    def begin(self, path: str, headers: dict[str, str]) -> http.client.HTTPConnection:
        """Send nearly a whole file, and leave the connection open."""
        line = http.client.HTTPConnection(self._address, timeout=60)
        line.putrequest("PUT", path)
        given = {"Origin": self.origin, "Content-Length": str(ATTACK_BYTES)} | headers
        for name, value in given.items():
            line.putheader(name, value)
        line.endheaders()
        try:
            for _ in range(ATTACK_BYTES // MEGABYTE - 1):
                line.send(bytes(MEGABYTE))
        except OSError:
            pass  # refused
        return line


async def visit(address: str) -> Visitor:
    """Open the page Data."""
    url, origin = f"ws://{address}/_stcore/stream", f"http://{address}"
    line = await connect(url, max_size=None, origin=origin, subprotocols=["streamlit"])
    visitor = Visitor(address, line)
    await visitor.draw()
    return visitor


def read_memory(process: int, name: str = "VmRSS") -> float:
    """Megabytes of memory of a process now, or at most (`VmHWM`)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def measure_disk(home: Path) -> float:
    """Megabytes of unfinished uploads."""
    return sum(f.stat().st_size for f in (home / "uploads").rglob("*") if f.is_file()) / MEGABYTE


async def measure(home: Path, process: int, address: str, megabytes: int, count: int) -> list[Row]:
    """The attack, many uploads in a row, and one large one."""
    rows = list[Row]()

    def note(what: str) -> None:
        memory, most = read_memory(process), read_memory(process, "VmHWM")
        rows.append({"after": what, "MB now": memory, "at most": most, "disk": measure_disk(home)})
        print(rows[-1], flush=True)

    visitor = await visit(address)
    await asyncio.sleep(WARM_UP_SECONDS)
    note("the first page")
    attacker = await visit(address)
    lines = list(await asyncio.to_thread(lambda: list(_attack_small(attacker))))
    note("200 MB x 5 by Streamlit's uploader")
    for _ in range(ATTACK_FILES):
        ticket = await attacker.ask_for_ticket(ATTACK_BYTES)
        lines.append(await asyncio.to_thread(attacker.begin, "/uploads", {TICKET_HEADER: ticket}))
    note("200 MB x 5 by our own, unfinished")
    await attacker._line.close()
    began = time.monotonic()
    while measure_disk(home) and time.monotonic() - began < PATIENCE_SECONDS:
        await asyncio.sleep(1)
    note(f"the attacker has been gone for {time.monotonic() - began:.0f} s")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            await visitor.upload(write_archive(Path(folder) / "small.zip", MEGABYTE, number))
            if number in (9, count - 1):
                note(f"{number + 1} uploads")
        large = Path(folder) / "large.zip"  # written while the websocket is kept alive
        await visitor.upload(await asyncio.to_thread(write_archive, large, megabytes * 10**6))
    note(f"a zip of {megabytes} MB")
    return rows


def _attack_small(attacker: Visitor) -> Iterator[http.client.HTTPConnection]:
    for number in range(ATTACK_FILES):
        yield attacker.begin(f"/_stcore/upload_file/{attacker.session}/{number}", {})


def main() -> None:
    """Set up, measure, tear down."""
    parser = build_parser(__doc__, "uploads")
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--uploads", type=int, default=200)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, run_server(Path(folder)) as (process, address):
        given = Path(folder), process, address, chosen.megabytes, chosen.uploads
        rows = asyncio.run(measure(*given))
    write_report("Uploads", rows, [], [], [], chosen.page)


if __name__ == "__main__":
    main()
