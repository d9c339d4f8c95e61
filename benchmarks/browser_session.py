"""A browser that watches a run on the page Train, without its pictures: one websocket session.

It asks as a browser does: for the page once, then for the part of it that asks to be drawn again,
whenever the server says, and it names what it has kept so that this is not sent again.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

CHART = "transfer_lab_live_chart"  # name of the component


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one question."""

    seconds: float  # until everything had come
    bytes: int


@dataclass
class BrowserSession:
    """One browser and what it has received."""

    socket: ClientConnection
    run: str  # that it watches
    pages: list[Answer] = field(default_factory=list)
    redraws: list[Answer] = field(default_factory=list)
    drawn: list[tuple[float, int]] = field(default_factory=list)  # when, up to which step
    errors: list[str] = field(default_factory=list)
    _kept: dict[str, int] = field(default_factory=dict)  # messages by hash: number of the answer
    _timer: tuple[str, float] | None = None  # the part that is drawn again, and seconds until then

    async def watch(self, seconds: float, click_every: float) -> None:
        """Watch the run; a click between redraws draws the whole page."""
        end = time.monotonic() + seconds
        self.pages.append(await self._ask(None))
        clicked = time.monotonic()
        while (began := time.monotonic()) < end:
            if self._timer is None:
                self.errors.append("the run is drawn no more")
                return
            if began - clicked > click_every:
                clicked = began
                self.pages.append(await self._ask(None))
            else:
                self.redraws.append(await self._ask(self._timer[0]))
            if self._timer:
                await asyncio.sleep(max(0.0, began + self._timer[1] - time.monotonic()))

    async def _ask(self, fragment: str | None) -> Answer:
        """Ask for the page or a part of it, and take everything that comes."""
        began, size, self._timer = time.monotonic(), 0, self._timer if fragment else None
        await self.socket.send(self._make_question(fragment).SerializeToString())
        while True:
            data = await self.socket.recv()
            size += len(data)
            message = ForwardMsg.FromString(data)
            self._take(message)
            # A page that hands over to another ends early, and the other one follows.
            if (
                message.WhichOneof("type") == "script_finished"
                and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
            ):
                return Answer(time.monotonic() - began, size)

    def _make_question(self, fragment: str | None) -> BackMsg:
        question = BackMsg()
        question.rerun_script.query_string = f"run={self.run}"
        question.rerun_script.page_name = "train"
        if fragment:
            question.rerun_script.fragment_id = fragment
            question.rerun_script.is_auto_rerun = True
        number = len(self.pages) + len(self.redraws)
        # A browser forgets what two answers in a row did not use.
        self._kept = {key: last for key, last in self._kept.items() if last >= number - 2}
        question.rerun_script.cached_message_hashes.extend(self._kept)
        return question

    def _take(self, message: ForwardMsg) -> None:
        kind, number = message.WhichOneof("type"), len(self.pages) + len(self.redraws)
        if kind == "auto_rerun":
            self._timer = message.auto_rerun.fragment_id, message.auto_rerun.interval
        elif kind == "ref_hash":
            if message.ref_hash not in self._kept:
                self.errors.append("refers to what the browser does not have")
            self._kept[message.ref_hash] = number
        elif kind == "delta" and message.delta.HasField("new_element"):
            self._take_element(message.delta.new_element)
        if message.metadata.cacheable:
            self._kept[message.hash] = number

    def _take_element(self, element: Element) -> None:
        kind = element.WhichOneof("type")
        if kind == "bidi_component" and element.bidi_component.component_name == CHART:
            if steps := json.loads(element.bidi_component.json)["charts"][0]["traces"][0][
                "customdata"
            ]:
                self.drawn.append((time.time(), steps[-1]))
        elif kind == "exception":
            self.errors.append(element.exception.message)
        elif kind == "alert" and element.alert.format == Alert.ERROR:
            self.errors.append(element.alert.body)


@asynccontextmanager
async def open_browser(
    address: str, cookie: dict[str, str], run: str
) -> AsyncIterator[BrowserSession]:
    """Connect a browser to a server.

    Args:
        address: "HOST:PORT".
        cookie: The header of its workspace.
        run: What it watches.
    """
    given = {"subprotocols": ["streamlit"], "additional_headers": cookie}
    given |= {"origin": f"http://{address}", "max_size": None}
    async with connect(f"ws://{address}/_stcore/stream", **given) as socket:
        yield BrowserSession(socket, run)
