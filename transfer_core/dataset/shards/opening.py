"""Open a data set in shards: its index is copied into the store, its images stay where they are."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from transfer_core.dataset import store
from transfer_core.dataset.atomic_folder import create_unfinished_folder, publish
from transfer_core.dataset.shards.addresses import Address, translate_address_errors
from transfer_core.dataset.shards.record_table import PATHS_FILE, ROWS_FILE, open_table
from transfer_core.dataset.shards.shard_files import BLOCK_BYTES, make_changed_error
from transfer_core.dataset.types import DataSet
from transfer_core.errors import DataSetError
from transfer_core.languages import _
from transfer_core.system import check_seal, translate_disk_errors

MANIFEST = "shards.json"  # at the address; a data set's description, sealed


def has_shards(source: Path | str) -> bool:
    """Whether a source is the address of shards: a folder with their description, or elsewhere."""
    return "://" in str(source) or (Path(source) / MANIFEST).is_file()


def open_shards(source: Path | str, home: Path) -> DataSet:
    """Open the data set whose shards lie at an address, from now on also by its id.

    Args:
        source: The address.
        home: The data folder.

    Raises:
        DataSetError: If there are none, they are not finished, or anything is damaged.
    """
    address = Address(str(source))
    found = read_manifest(address)
    if found is None:
        raise DataSetError(
            _("There are no shards at this address, or they are not finished."),
            found=address.text[:200],
            remedy=_("Write them, or go on writing: transfer-lab shards FOLDER ADDRESS"),
        )
    place = str(address.folder or address.text)
    data_set = replace(found, shards=replace(found.shards, address=place))
    if not _is_open(home, data_set):
        _store(home, data_set, address)
    return store.load(home, data_set.id)


def read_manifest(address: Address) -> DataSet | None:
    """The data set at an address, without its records; None if its shards are not finished.

    Raises:
        DataSetError: If its description is damaged.
    """
    text = address.read(MANIFEST)
    if text is None:
        return None
    try:
        check_seal(json.loads(text))
        return DataSet.from_json(text)
    except store.UNREADABLE as error:
        raise make_changed_error(f"{address.text}/{MANIFEST}") from error


def _is_open(home: Path, data_set: DataSet) -> bool:
    """Whether the store has the data set, whole and from the same address."""
    try:
        known = store.load(home, data_set.id)
    except (DataSetError, OSError):
        return False
    return known.shards == data_set.shards


def _store(home: Path, data_set: DataSet, address: Address) -> None:
    data, shards = home / "data", data_set.shards
    with translate_disk_errors():
        data.mkdir(parents=True, exist_ok=True)
        with create_unfinished_folder(data) as folder:
            hashes = {ROWS_FILE: shards.rows_sha256, PATHS_FILE: shards.paths_sha256}
            for name, digest in hashes.items():
                _copy(address, name, folder / name, digest)
            records = open_table(folder, shards)
            store.write(replace(data_set, records=records), folder)
            publish(folder, data / data_set.id, lambda: _is_open(home, data_set))


def _copy(address: Address, name: str, to: Path, digest: str) -> None:
    done = sha256()
    with (
        translate_address_errors(f"{address.text}/{name}"),
        address.open(name) as file,
        to.open("wb") as copy,
    ):
        while block := file.read(BLOCK_BYTES):
            done.update(block)
            copy.write(block)
    if done.hexdigest() != digest:
        raise make_changed_error(f"{address.text}/{name}")
