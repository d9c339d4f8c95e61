"""Errors that a person can mend. What only a programmer can mend stays ValueError."""


class TransferError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        problem: What is wrong, one sentence.
        found: The values that show it; may hold several lines, such as a folder tree, or nothing.
        remedy: What the person can do next, one sentence.
    """

    def __init__(self, problem: str, *, found: str, remedy: str) -> None:
        evidence = f"Found: {found}. " if found else ""
        super().__init__(f"{problem} {evidence}{remedy}")
        self.problem, self.found, self.remedy = problem, found, remedy


class ArchiveError(TransferError):
    """The archive cannot be read safely as a whole."""


class DataSetError(TransferError):
    """The images do not make a data set that can be trained on."""


class ImageError(TransferError):
    """One image cannot be read; the rest of the data set goes on without it."""


class StorageError(TransferError):
    """The disk is full, cannot be written or is gone; what was stored before stays."""


class NetworkError(TransferError):
    """A source network or its weights cannot be had."""


class DownloadError(NetworkError):
    """Weights cannot be downloaded now; nothing is wrong with what was asked for."""


class SettingsError(TransferError):
    """A setting lies outside what it may be."""


class BusyError(TransferError):
    """Something has to wait until the runs of this process have ended."""


class RunError(TransferError):
    """A run cannot be found, started or continued."""


class WorkspaceError(TransferError):
    """Something does not belong to a workspace, or its workspace is gone."""


class BundleError(TransferError):
    """A bundle cannot be taken in."""


class UploadError(TransferError):
    """A file cannot be uploaded."""


class LessonError(TransferError):
    """A text file of the lesson breaks the rules of its format."""
