"""The run directory: the contract between whoever runs a loop and whoever watches it."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from transfer_core.runs.store.records import Outcome, RunState, validate_run_id
from transfer_core.system.files import (
    UNFINISHED_SUFFIX,
    flush_to_disk,
    hash_file,
    write_atomically,
)

MAX_CHECKPOINTS = 2  # the newest may be damaged, so the one before it stays


class RunDirectory:
    """The files of one run.

    Args:
        path: The folder, named as the run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spec_file = path / "spec.json"  # what to run
        self.events = path / "events.jsonl"  # what it reported, one object a line
        self.checkpoints_folder = path / "checkpoints"
        self.stop = path / "STOP"  # there once a stop was asked for
        self.heartbeat_file = path / "heartbeat"  # touched every second while the run is driven
        self.log = path / "run.log"  # tracebacks, for whoever mends the program
        self.result = path / "result.json"  # written last, whole or not at all

    @classmethod
    def of(cls, home: Path, run_id: str) -> "RunDirectory":
        """The directory of a run under a data folder; it need not exist yet."""
        return cls(home / "runs" / validate_run_id(run_id))

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    def prepare(self, config: str, attempt: int) -> None:
        """Make the folder and write the specification; half-written files are swept.

        Args:
            config: The run's configuration as JSON.
            attempt: Counted from 1.
        """
        self.checkpoints_folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.path, self.checkpoints_folder):
            for left in folder.glob(f"*{UNFINISHED_SUFFIX}"):
                left.unlink()
        spec = {"run": self.id, "attempt": attempt, "config": json.loads(config)}
        write_atomically(self.spec_file, json.dumps(spec, indent=1).encode())

    def request_stop(self) -> None:
        """Ask whoever runs the loop to stop, from any process."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.stop.touch()

    def save_checkpoint(self, epoch: int, write: Callable[[Path], None], suffix: str) -> Path:
        """Keep a checkpoint, whole or not at all, and drop those that are too old.

        Args:
            epoch: Epochs that went into it.
            write: Writes it to the path it is given.
            suffix: Ending of its name, such as ".safetensors".

        Returns:
            Its path; the name carries the hash of its content.
        """
        part = self.checkpoints_folder / f"epoch-{epoch:06d}{suffix}{UNFINISHED_SUFFIX}"
        write(part)
        flush_to_disk(part)
        path = self.checkpoints_folder / f"epoch-{epoch:06d}-{hash_file(part)[:16]}{suffix}"
        part.replace(path)
        flush_to_disk(self.checkpoints_folder)
        for old in self._list_checkpoints()[MAX_CHECKPOINTS:]:
            old.unlink()
        return path

    def find_latest_checkpoint(self) -> Path | None:
        """The newest checkpoint whose content is what was written; None if there is none."""
        for path in self._list_checkpoints():
            if path.name.split(".")[0].rpartition("-")[2] == hash_file(path)[:16]:
                return path
        return None

    def _list_checkpoints(self) -> list[Path]:
        found = self.checkpoints_folder.glob("epoch-*")
        whole = [path for path in found if path.suffix != UNFINISHED_SUFFIX]
        return sorted(whole, key=lambda path: (path.name[:12], path.stat().st_mtime), reverse=True)

    def write_outcome(self, outcome: Outcome) -> None:
        """Write the last file of a run, with the hashes of the files that it left."""
        files = {
            path.name: hash_file(path)
            for path in sorted(self.path.iterdir())
            if path.is_file() and path not in (self.result, self.heartbeat_file, self.log)
        }
        content = {
            "state": outcome.state.value,
            "result": outcome.result,
            "error": outcome.error,
            "files": files,
        }
        write_atomically(self.result, json.dumps(content, indent=1).encode())

    def outcome(self) -> Outcome | None:
        """How the run ended, or None if its last file was never written."""
        with suppress(FileNotFoundError):
            content: dict[str, Any] = json.loads(self.result.read_bytes())
            return Outcome(RunState(content["state"]), content["result"], content["error"])
        return None
