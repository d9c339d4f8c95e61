"""Remove a data set for good, with everything that was computed from it."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from transfer_core.dataset.store import DATA_ID
from transfer_core.system import translate_disk_errors

CACHES = ("pixels", "embeddings")  # with a folder for each data set


def remove_data_set(home: Path, data_id: str) -> None:
    """Remove the images of a data set and what was computed from them; nothing if it is gone.

    Its folder loses its name at once, so that nobody meets half a data set.

    Raises:
        DataSetError: If the disk does not let it.
    """
    if not DATA_ID.fullmatch(data_id):
        return
    data = home / "data"
    with translate_disk_errors():
        for note in (data / "known").glob("*"):
            with suppress(FileNotFoundError):
                if note.read_text() == data_id:
                    note.unlink()
        with suppress(FileNotFoundError):
            # Named like an unfinished one: what a crash leaves of it is swept as those are.
            nameless = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=data))
            try:
                (data / data_id).rename(nameless / data_id)
            finally:
                shutil.rmtree(nameless)
        for cache in CACHES:
            shutil.rmtree(home / cache / data_id, ignore_errors=True)
        (home / "hashes" / f"{data_id}.npy").unlink(missing_ok=True)
