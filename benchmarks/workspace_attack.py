"""Thirty browsers against each other: each tries to read, stop and download what the others have.

    python -m benchmarks.workspace_attack [--people 30]

Starts a server with a data folder of its own, in which everybody has a data set and a run that
waits. Everybody then speaks to the server as a browser with its own cookie does: it opens a page
with the ids of each of the others, presses the button there that stops and deletes its own run,
and asks for the downloads. Whatever comes back is searched for the names of the others.
"""

import asyncio
import http.client
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.report import Claim, Row, build_parser, write_report
from benchmarks.server import run_server
from pages.shared.workspace_cookie import name_cookie
from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.dataset import samples
from transfer_core.networks import get_network
from transfer_core.runs import RunStore, make_run_config
from transfer_core.workspaces import Belongings, open_workspaces

PAGES = ("results", "train", "data", "try_it", "decide", "repair", "take_away", "layers", "runs")


@dataclass(frozen=True, slots=True)
class Person:
    """A browser and what belongs to it."""

    cookie: str
    name: str  # of its run, random, so that it is found wherever it shows
    run: str
    public_id: str  # of its data set
    data_id: str


def make_person(home: Path, data: dataset.DataSet) -> Person:
    """A workspace with a version of the data set that nobody else has, and a waiting run."""
    workspaces, name = open_workspaces(home), f"secret{secrets.token_hex(8)}"
    secret = workspaces.create()
    person = Belongings(home, workspaces.find(secret))
    aside = [secrets.choice(data.records) for __ in range(3)]
    changes = [dataset.Change("set aside", path, None) for path in {each.path for each in aside}]
    version = dataset.make_version(home, data, changes, name=name)
    person.take_in(version.id)
    source = get_network("demonstration")
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind)
    config = make_run_config(version, source, strategy, seed=0)
    run = RunStore(home).create(config, name, person.workspace.id, resumable=False)
    public_id = person.find_public_id(version.id)
    return Person(f"{name_cookie(workspaces)}={secret}", name, run.id, public_id, version.id)


async def run_page(
    browser: ClientConnection, page: str, query: str, button: str | None = None
) -> tuple[bytes, str | None]:
    """Run a page's script, with a button pressed; what it sends, and the id of a button in it."""
    message = BackMsg()
    message.rerun_script.query_string, message.rerun_script.page_name = query, page
    if button:
        state = message.rerun_script.widget_states.widgets.add()
        state.id, state.trigger_value = button, True
    await browser.send(message.SerializeToString())
    received, found = b"", None
    while True:
        data = await browser.recv()
        received += data
        answer = ForwardMsg.FromString(data)
        element = answer.delta.new_element
        if element.WhichOneof("type") == "button" and "train_stop" in element.button.id:
            found = element.button.id
        if (
            answer.WhichOneof("type") == "script_finished"
            and answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        ):
            return received, found


async def attack(address: str, person: Person, others: list[Person], number: int) -> list[str]:
    """Try everything against everybody; returns what succeeded."""
    done, headers = [], {"Cookie": person.cookie}
    url = f"ws://{address}/_stcore/stream"
    origin = f"http://{address}"
    async with connect(
        url, max_size=None, subprotocols=["streamlit"], additional_headers=headers, origin=origin
    ) as browser:
        own, stop = await run_page(browser, "train", f"run={person.run}")
        if person.name.encode() not in own or not stop:
            done.append("its own run is not shown: nothing was tried")
        for place, other in enumerate(others):
            page = PAGES[(number + place) % len(PAGES)]
            query = f"run={other.run}&data={(other.public_id, other.data_id)[place % 2]}"
            for button in (None, stop if page == "train" else None):
                shown, __ = await run_page(browser, page, query, button)
                if other.name.encode() in shown:
                    done.append(f"{page} shows the run of another")
            for path in (
                f"downloads/images/{other.public_id}",
                f"downloads/images/{other.data_id}",
                f"downloads/{other.run}/bundle",
            ):
                if await asyncio.to_thread(ask, address, path, person.cookie) == 200:
                    done.append(f"{path.partition('/')[0]} gives what another has")
    return done


def ask(address: str, path: str, cookie: str) -> int:
    """The status of the answer to a request."""
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request("GET", f"/{path}", headers={"Cookie": cookie})
        return connection.getresponse().status
    finally:
        connection.close()


async def attack_all(address: str, people: list[Person]) -> list[str]:
    """Everybody against everybody, at once."""
    attacks = [
        attack(address, person, [each for each in people if each is not person], number)
        for number, person in enumerate(people)
    ]
    return [each for done in await asyncio.gather(*attacks) for each in done]


def main() -> None:
    """Set up, attack, count."""
    parser = build_parser(__doc__, "workspace_attack")
    parser.add_argument("--people", type=int, default=30)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = samples.resolve_path("sample:plankton", home)
        data = dataset.ingest(path, home=home, name="Plankton")
        people = [make_person(home, data) for __ in range(chosen.people)]
        with run_server(home) as (__, address):
            succeeded = asyncio.run(attack_all(address, people))
        kept = {run.id: (run.name, run.state.value) for run in RunStore(home).list()}
    pairs = len(people) * (len(people) - 1)
    row: Row = {
        "workspaces": len(people),
        "pages asked for": pairs * 2,
        "downloads asked for": pairs * 3,
        "succeeded": len(succeeded),
        "runs changed or gone": sum(kept.get(p.run) != (p.name, "queued") for p in people),
    }
    claims = [Claim(what, row[what], at_most=0) for what in ("succeeded", "runs changed or gone")]
    write_report("Workspaces against each other", [row], claims, [], [], chosen.page)
    for each in sorted(set(succeeded)):
        print(each)


if __name__ == "__main__":
    main()
