"""`cluster.toml` in the data folder: what the jobs of a cluster ask for."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from transfer_core.errors import SettingsError
from transfer_core.languages import _

FILE_NAME = "cluster.toml"
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.,+-]*$", max_length=100)]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmSettings:
    """What SLURM is asked for; without a name or memory it gives what is usual at the site."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    jobs: Annotated[int, Field(ge=1, le=32)] = 4  # at once; other runs wait in our queue
    partition: _Name | None = None
    account: _Name | None = None
    qos: _Name | None = None
    # A job gets one GPU, or as many as its run asks for; with several, cpus and memory_gb too.
    gpus: Annotated[int, Field(ge=0, le=64)] = 0  # of a job, at most
    cpus: Annotated[int, Field(ge=1, le=256)] = 2  # of a job, for each GPU
    memory_gb: Annotated[int, Field(ge=1, le=4096)] | None = None
    minutes: Annotated[int, Field(ge=2)] = 240  # of a job; a longer run goes on in another


@dataclass(frozen=True, slots=True, kw_only=True)
class RaySettings:
    """Where Ray is, and what each job asks it for."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    address: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9_.:\[\]-]+$")] = (
        "http://127.0.0.1:8265"  # of Ray's dashboard
    )
    jobs: Annotated[int, Field(ge=1, le=32)] = 4  # at once; other runs wait in our queue
    # As of SLURM.
    gpus: Annotated[int, Field(ge=0, le=64)] = 0
    cpus: Annotated[int, Field(ge=1, le=256)] = 2
    memory_gb: Annotated[int, Field(ge=1, le=4096)] | None = None


def read_cluster_settings(home: Path, kind: type[T]) -> T:
    """Read the settings of a kind of cluster from the data folder; without a file, the usual ones.

    Args:
        home: The data folder.
        kind: A dataclass whose fields are the settings.

    Raises:
        SettingsError: If the file cannot be read, or a setting is unknown or not allowed.
    """
    path = home / FILE_NAME
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return TypeAdapter(kind).validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        found = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (OSError, ValueError) as error:
        found = str(error)
    raise SettingsError(
        _("The file {name} cannot be used.", name=FILE_NAME),
        found=found[:200],
        remedy=_("Correct it as docs/deployment.md describes it."),
    )
