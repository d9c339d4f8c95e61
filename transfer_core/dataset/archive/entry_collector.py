"""Sort the entries of an archive into members, folders, junk and problems."""

from transfer_core.dataset.archive import entry_paths
from transfer_core.dataset.archive.base import Limits, Member, Problem
from transfer_core.errors import ArchiveError
from transfer_core.languages import _


class EntryCollector:
    """Collect the entries of an archive one by one; a name that occurs twice is an error."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._seen: dict[str, str] = {}
        self.members: list[Member] = []
        self.folders: list[str] = []
        self.problems: list[Problem] = []
        self.junk = 0

    def add_folder(self, parts: tuple[str, ...]) -> None:
        """Add a folder that has an entry of its own, unless it is junk or too deep."""
        if parts and not entry_paths.is_junk(parts) and not self._find_limit_violation(parts):
            self.folders.append("/".join(parts))

    def add_file(self, parts: tuple[str, ...], size: int, location: object = None) -> None:
        """Add a file as a member, as junk or as a problem.

        Args:
            parts: Components of its path.
            size: Bytes as the archive claims.
            location: See `Member.location`.

        Raises:
            ArchiveError: If the same name was added before.
        """
        path = "/".join(parts)
        if entry_paths.is_junk(parts):
            self.junk += 1
        elif reason := self._find_problem(parts, path):
            self.problems.append(Problem(*reason))
        else:
            self.members.append(Member(path, size, location))

    def add_too_long(self, name: str) -> None:
        """Add a name beyond the limits as a problem, however many folders are in it."""
        kind, message = self._find_limit_violation(tuple(name.split("/", self._limits.depth)))
        self.add_problem(kind, name, message)

    def add_problem(self, kind: str, path: str, message: str) -> None:
        """Add a problem with a file that cannot become a member."""
        self.problems.append(Problem(kind, entry_paths.make_printable(path), message))

    def _find_problem(self, parts, path: str) -> tuple[str, str, str] | None:
        if not parts:
            return "unnamed", "", "A file without a name was left out."
        violation = self._find_limit_violation(parts)
        if violation:
            return violation[0], entry_paths.make_printable(path), violation[1]
        twin = self._find_name_collision(path)
        if twin:
            return "twin", path, f"Left out: {twin} differs only in upper case or accents."
        if entry_paths.get_extension(parts[-1]) in entry_paths.ARCHIVE_EXTENSIONS:
            return "nested-archive", path, "An archive inside the archive is not opened."
        return None

    def _find_limit_violation(self, parts: tuple[str, ...]) -> tuple[str, str] | None:
        limits = self._limits
        if len(parts) > limits.depth:
            return "too-deep", f"Left out: it lies more than {limits.depth} folders deep."
        sizes = [len(part.encode()) for part in parts]
        if max(sizes) > limits.component_bytes or sum(sizes) + len(sizes) - 1 > limits.name_bytes:
            return "name-too-long", "Left out: its name is too long."
        return None

    def _find_name_collision(self, path: str) -> str | None:
        key = entry_paths.normalise_path(path)
        other = self._seen.setdefault(key, path)
        if other is path:
            return None
        if other == path:
            raise ArchiveError(
                _("The archive holds two files with the same name."),
                found=entry_paths.make_printable(path),
                remedy=_("Pack the folder again, so that each file is in it once."),
            )
        return other
