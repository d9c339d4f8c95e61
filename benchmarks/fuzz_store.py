"""Fuzz what is read from bundles, weights, settings and the data folder, with seeded mutations.

`python -m benchmarks.fuzz_store [bundles|safetensors|settings|stored] [--count N] [--seed S]`

Each mutation ends in one of two ways: it is refused by an error that a person can mend, or it is
read. What is read from the data folder is then what was written. Anything else is a crash; it is
printed with its number, by which it can be repeated, and the command fails.
"""

import argparse
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from transfer_core import dataset
from transfer_core.errors import TransferError
from transfer_core.export import bundle
from transfer_core.runs import RunDirectory, RunStore
from transfer_core.system import load_json, open_array, save_array, save_json
from transfer_core.training import is_readable_checkpoint

VALUES = [None, True, -1, 0, 10**30, -(10**30), 1e308, 0.5, "", "x" * 5_000, "\0", [], {}, [[]]]
ARRAY, JSON_VALUES = "array.npy", "embeddings/values.json"  # entries of a cache, made here
TOKENS = [b"\xff" * 8, b"\0" * 8, b"[" * 2_000, b'"', b"{", b"}", b"NaN", b"1e999", b"\\u0000"]


@dataclass
class Tally:
    """What became of the mutations."""

    refused: int = 0
    read: int = 0
    crashes: list[str] = field(default_factory=list)
    slowest: float = 0.0  # seconds

    @contextmanager
    def count(self, name: str) -> Iterator[None]:
        """Count one mutation."""
        began = time.perf_counter()
        try:
            yield
            self.read += 1
        except TransferError:
            self.refused += 1
        except Exception:
            self.crashes.append(f"{name}\n{traceback.format_exc(limit=-4)}")
        self.slowest = max(self.slowest, time.perf_counter() - began)


def mutate_bytes(content: bytes, chance: random.Random) -> bytes:
    """Change a few places of a file: bits, bytes, whole pieces, the end."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) + 1)
        end = min(len(changed), place + chance.choice((1, 2, 8, 100)))
        action = chance.randrange(6)
        if action == 0 and place < len(changed):
            changed[place] ^= 1 << chance.randrange(8)
        elif action == 1:
            changed[place:end] = chance.randbytes(end - place)
        elif action == 2:
            del changed[place:end]
        elif action == 3:
            changed[place:place] = changed[place:end]
        elif action == 4:
            changed[place:end] = chance.choice(TOKENS)
        else:
            del changed[place:]
    return bytes(changed)


def mutate_json(text: str | bytes, chance: random.Random) -> bytes:
    """Change a JSON text: as bytes, or by putting another value in one place of it."""
    if chance.random() < 0.3:
        return mutate_bytes(text if isinstance(text, bytes) else text.encode(), chance)
    values = json.loads(text)
    place, key = chance.choice(list(_iter_places(values)))
    action = chance.randrange(4)
    if action == 0:
        del place[key]
    elif action == 1 and isinstance(place[key], str | list):
        place[key] = place[key] * 2
    elif action == 2 and isinstance(place, dict):
        place[chance.choice(list(place))] = place[key]
    else:
        place[key] = chance.choice(VALUES)
    return json.dumps(values).encode()


def _iter_places(values: Any) -> Iterator[tuple[Any, Any]]:
    keys = values.keys() if isinstance(values, dict) else range(len(values))
    for key in keys:
        yield values, key
        if isinstance(values[key], dict | list):
            yield from _iter_places(values[key])


def fuzz_bundles(home: Path, run_id: str, count: int, seed: int) -> Tally:
    """Mutate the card of a bundle; every hundredth is taken in as a whole zip."""
    from transfer_core.export import export_run

    tally, folder = Tally(), Path(tempfile.mkdtemp())
    (zip_file,) = export_run(home, run_id, "bundle", folder)
    shutil.unpack_archive(zip_file, folder / "files")
    card, whole = (folder / "files" / "card.json").read_bytes(), zip_file.read_bytes()
    for number in range(count):
        chance = random.Random(f"bundle {seed} {number}")
        with tally.count(f"bundle {number} of seed {seed}"):
            if number % 100:
                bundle._parse_card(mutate_json(card, chance))
                continue
            zip_file.write_bytes(mutate_bytes(whole, chance))
            bundle.import_bundle(folder, zip_file)
    shutil.rmtree(folder)
    return tally


def fuzz_safetensors(home: Path, run_id: str, count: int, seed: int) -> Tally:
    """Mutate a small file of weights, its header above all."""
    tally, folder = Tally(), Path(tempfile.mkdtemp())
    tensors = {"a.weight": np.ones((3, 4), np.float32), "b": np.arange(5), "c": np.float32([1])}
    content = save(tensors, {"state": '{"version": 1}'})
    end = 8 + int.from_bytes(content[:8], "little")
    file = folder / "mutated.safetensors"
    for number in range(count):
        chance = random.Random(f"safetensors {seed} {number}")
        if chance.random() < 0.5:
            header = mutate_json(content[8:end].rstrip(), chance)
            file.write_bytes(len(header).to_bytes(8, "little") + header + content[end:])
        else:
            file.write_bytes(mutate_bytes(content, chance))
        with tally.count(f"safetensors {number} of seed {seed}"):
            is_readable_checkpoint(file)
            bundle._read_weights(file)
    shutil.rmtree(folder)
    return tally


def fuzz_settings(home: Path, run_id: str, count: int, seed: int) -> Tally:
    """Mutate the columns of a run in the database: its settings, result, tags and state."""
    tally, folder = Tally(), Path(tempfile.mkdtemp())
    shutil.copy(home / "runs.db", folder)
    names = "config", "result", "tags", "state"
    with (
        closing(RunStore(folder)) as store,
        closing(sqlite3.connect(folder / "runs.db", isolation_level=None)) as database,
    ):
        database.execute("PRAGMA synchronous = OFF")
        wanted = f"SELECT {', '.join(names)} FROM runs WHERE id = ?"
        texts = dict(zip(names, database.execute(wanted, (run_id,)).fetchone(), strict=True))
        for number in range(count):
            chance = random.Random(f"settings {seed} {number}")
            name = chance.choice(("config", *names))
            mutate = mutate_json if name in ("config", "result") else mutate_bytes
            changed = mutate(texts[name].encode(), chance).decode(errors="replace")
            database.execute(f"UPDATE runs SET {name} = ?", (changed,))
            with tally.count(f"settings {number} of seed {seed}"):
                store.get(run_id)
            database.execute(f"UPDATE runs SET {name} = ?", (texts[name],))
    shutil.rmtree(folder)
    return tally


def fuzz_stored(home: Path, run_id: str, count: int, seed: int) -> Tally:
    """Mutate files of a copy of the data folder; what is read must be what was written."""
    tally, folder = Tally(), Path(tempfile.mkdtemp())
    copy = folder / "home"
    shutil.copytree(home, copy)
    readers = _list_readers(copy, run_id)
    for number in range(count):
        chance = random.Random(f"stored {seed} {number}")
        file, read = readers[number % len(readers)]
        content, expected = file.read_bytes(), read()
        mutate = mutate_json if file.suffix == ".json" and number % 2 else mutate_bytes
        try:
            file.write_bytes(mutate(content, chance))
        except ValueError:  # a hash follows the JSON of a cache
            file.write_bytes(mutate_bytes(content, chance))
        with tally.count(f"{file.name} {number} of seed {seed}"):
            found = read()
            assert found in (None, expected), "it was read as something else"
        file.write_bytes(content)
    shutil.rmtree(folder)
    return tally


def _list_readers(home: Path, run_id: str) -> list[tuple[Path, Callable[[], Any]]]:
    """The files that matter, and what reads each; None is what is made again."""
    (data_set,) = (dataset.load(home, each.id) for each in dataset.list_data_sets(home))
    folder, directory = home / "data" / data_set.id, RunDirectory.locate(home, run_id)
    array, values = home / ARRAY, home / JSON_VALUES
    save_array(array, np.arange(50))
    save_json(home, values, {"accuracy": 0.5, "names": ["ant", "bee"]})

    def read_images() -> list[bytes]:
        return list(data_set.iter_image_bytes(home, range(len(data_set.records))))

    def read_array() -> list[int] | None:
        found = open_array(array)
        return None if found is None else found.tolist()

    def read_outcome() -> dict | None:
        outcome = directory.read_outcome()
        return outcome and asdict(outcome)

    def list_sets() -> tuple:
        return dataset.list_data_sets(home)

    return [
        (folder / "dataset.json", lambda: dataset.load(home, data_set.id)),
        (folder / "hashes.json", lambda: dataset.load(home, data_set.id)),
        (folder / "summary.json", list_sets),
        (folder / "images.pack", read_images),
        (directory.result_file, read_outcome),
        (array, read_array),
        (values, lambda: load_json(values)),
    ]


TARGETS: dict[str, Callable[[Path, str, int, int], Tally]] = {
    "bundles": fuzz_bundles,
    "safetensors": fuzz_safetensors,
    "settings": fuzz_settings,
    "stored": fuzz_stored,
}


def make_home(folder: Path) -> tuple[Path, str]:
    """Make a data folder with a run of a second; returns it and the run's id."""
    from transfer_core.cases import TransferCase, plan_strategy
    from transfer_core.dataset import samples
    from transfer_core.networks import get_network
    from transfer_core.runs import launch_run, start_engine

    data_set = dataset.ingest(samples.resolve_path("sample:plankton", folder), home=folder)
    source = get_network("demonstration")
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind)
    with start_engine(folder) as engine:
        run_id = launch_run(engine, data_set, source, strategy.with_epochs(1), 0)
        engine.wait(run_id, 120)
    return folder, run_id


def main() -> int:
    """Fuzz the named target, or all, and print what became of the mutations."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", nargs="?", choices=TARGETS)
    parser.add_argument("--count", type=int, default=1_000, help="mutations of each target")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    crashes = 0
    with tempfile.TemporaryDirectory() as folder:
        home, run_id = make_home(Path(folder))
        for name in [options.target] if options.target else TARGETS:
            began = time.process_time()
            tally = TARGETS[name](home, run_id, options.count, options.seed)
            print(
                f"{name}: {options.count:,} mutations, {tally.refused:,} refused, "
                f"{tally.read:,} read, {len(tally.crashes)} crashes, slowest "
                f"{tally.slowest:.2f} s, {time.process_time() - began:.1f} s of the processor"
            )
            print("".join(tally.crashes[:5]), end="")
            crashes += len(tally.crashes)
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
