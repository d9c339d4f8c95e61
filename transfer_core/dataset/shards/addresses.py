"""Files at an address: a folder, or whatever fsspec reads and writes."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from transfer_core.errors import DataSetError, TransferError
from transfer_core.languages import _
from transfer_core.system import write_atomically

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


@dataclass(frozen=True)
class Address:
    """A place for files, such as /data/birds or s3://bucket/birds."""

    text: str

    @cached_property
    def _place(self) -> "tuple[AbstractFileSystem, str]":
        from fsspec.core import url_to_fs  # where it is needed; few ever do

        with translate_address_errors(self.text):
            return url_to_fs(self.text, use_listings_cache=False)

    @property
    def folder(self) -> Path | None:
        """The folder on this machine; None if it is elsewhere."""
        from fsspec.implementations.local import LocalFileSystem

        files, root = self._place
        return Path(root) if isinstance(files, LocalFileSystem) else None

    def open(self, name: str, mode: str = "rb", **options) -> BinaryIO:
        """Open a file; a new one may be cut off if the program ends meanwhile."""
        files, root = self._place
        with translate_address_errors(f"{self.text}/{name}"):
            if "w" in mode:
                files.makedirs(root, exist_ok=True)
            return files.open(f"{root}/{name}", mode, **options)

    def read(self, name: str) -> bytes | None:
        """The content of a file; None if there is none."""
        files, root = self._place
        with translate_address_errors(f"{self.text}/{name}"), suppress(FileNotFoundError):
            return files.cat_file(f"{root}/{name}")
        return None

    def write_whole(self, name: str, content: bytes) -> None:
        """Write a small file as a whole or not at all."""
        files, root = self._place
        with translate_address_errors(f"{self.text}/{name}"):
            files.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
            if self.folder:
                write_atomically(self.folder / name, content)
            else:
                files.pipe_file(f"{root}/{name}", content)

    def remove_folder(self, name: str) -> None:
        """Remove a folder with its files, if it is there."""
        files, root = self._place
        with translate_address_errors(f"{self.text}/{name}"):
            if files.exists(f"{root}/{name}"):
                files.rm(f"{root}/{name}", recursive=True)


@contextmanager
def translate_address_errors(address: str) -> Iterator[None]:
    """Raise a DataSetError in place of whatever a file system raises, each kind its own errors."""
    try:
        yield
    except TransferError:
        raise
    except ImportError as error:
        raise DataSetError(
            _("A package is missing that reads and writes addresses of this kind."),
            found=f"{address[:200]} ({error})",
            remedy=_("For s3:// install the extra s3: pip install 'transfer-lab[s3]'."),
        ) from error
    except Exception as error:
        raise DataSetError(
            _("The files at this address cannot be read or written."),
            found=f"{address[:200]} ({str(error)[:200] or type(error).__name__})",
            remedy=_("Check the address, the connection and that you have the right to it."),
        ) from error
