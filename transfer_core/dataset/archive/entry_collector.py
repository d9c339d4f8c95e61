"""Sort the names in an archive into members, junk and entries that are set aside."""

from transfer_core.dataset.archive import names
from transfer_core.dataset.archive.base import Limits, Member, Problem
from transfer_core.errors import ArchiveError


class EntryCollector:
    """Grows by one name after the other; refuses a name that occurs twice."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._seen: dict[str, str] = {}
        self.members: list[Member] = []
        self.folders: list[str] = []
        self.problems: list[Problem] = []
        self.junk = 0

    def add_folder(self, parts: tuple[str, ...]) -> None:
        """Keep a folder that is listed by itself, unless it is junk or too deep."""
        if parts and not names.is_junk(parts) and not self._find_limit_violation(parts):
            self.folders.append("/".join(parts))

    def add_file(self, parts: tuple[str, ...], size: int, location: object = None) -> None:
        """Sort in one file.

        Args:
            parts: Of its path.
            size: Bytes as claimed.
            location: See `Member`.

        Raises:
            ArchiveError: If the very same name was there before.
        """
        path = "/".join(parts)
        if names.is_junk(parts):
            self.junk += 1
        elif reason := self._find_problem(parts, path):
            self.problems.append(Problem(*reason))
        else:
            self.members.append(Member(path, size, location))

    def add_problem(self, kind: str, path: str, message: str) -> None:
        """Note a file that cannot become a member."""
        self.problems.append(Problem(kind, names.make_printable(path), message))

    def _find_problem(self, parts, path: str) -> tuple[str, str, str] | None:
        if not parts:
            return "unnamed", "", "A file without a name was left out."
        beyond = self._find_limit_violation(parts)
        if beyond:
            return beyond[0], names.make_printable(path), beyond[1]
        twin = self._find_name_collision(parts, path)
        if twin:
            return "twin", path, f"Left out: {twin} differs only in upper case or accents."
        if names.get_extension(parts[-1]) in names.ARCHIVE_EXTENSIONS:
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

    def _find_name_collision(self, parts: tuple[str, ...], path: str) -> str | None:
        key = names.normalise_path(path)
        other = self._seen.setdefault(key, path)
        if other is path:
            return None
        if other == path:
            raise ArchiveError(
                "The archive holds two files with the same name.",
                found=names.make_printable(path),
                remedy="Pack the folder again, so that each file is in it once.",
            )
        return other
