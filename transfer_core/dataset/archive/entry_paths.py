"""Paths of archive entries: decode old encodings, refuse path traversal, recognise junk."""

import re
import unicodedata

from transfer_core.errors import ArchiveError
from transfer_core.languages import _

JUNK_NAMES = frozenset(
    {
        "__macosx",
        "thumbs.db",
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",
        "icon\r",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "@eadir",
        "__pycache__",
    }
)
ARCHIVE_EXTENSIONS = frozenset(
    {"zip", "tar", "gz", "tgz", "bz2", "xz", "zst", "7z", "rar", "cbz", "jar"}
)
# Marks that reorder the text around them, so that a name can pretend to be another.
_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_JOINERS = frozenset("\u200c\u200d")
_FILLERS = frozenset("\u034f\u115f\u1160\u3164\uffa0")  # letters without a shape
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, surrogates, line breaks
_DRIVE = re.compile(r"^[A-Za-z]:")


def is_junk(parts: tuple[str, ...]) -> bool:
    """Whether a path is hidden, or belongs to the operating system or an editor."""
    return any(part.startswith(".") or part.casefold() in JUNK_NAMES for part in parts)


def get_extension(name: str) -> str:
    """The part after the last dot, in lower case; empty if there is no dot."""
    stem, dot, last = name.rpartition(".")
    return last.strip().lower() if dot and stem else ""


def check_and_split_path(name: str) -> tuple[str, ...]:
    """Split the name of a zip entry into components, at both kinds of slash.

    It refuses path traversal ("zip slip"), although no entry is ever written under its name.

    Raises:
        ArchiveError: If the name is absolute, climbs out of the archive, or
            holds control or text-reordering characters.
    """
    path = name.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        raise _make_unsafe_name_error(name, "an absolute path")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise _make_unsafe_name_error(name, "a path that climbs out of the archive")
    if has_hidden_characters(path) and not (parts and parts[-1] == "Icon\r"):  # from the Finder
        raise _make_unsafe_name_error(name, "control characters or characters that reorder text")
    return parts


def has_hidden_characters(text: str) -> bool:
    """Whether text holds characters that control, break lines or reorder, or surrogates."""
    if text.isascii():  # nearly all names, and fast
        return not text.isprintable()
    return any(c in _BIDI_CONTROLS or unicodedata.category(c) in _HIDDEN_CATEGORIES for c in text)


def remove_invisible(text: str) -> str:
    """Text without characters that take no room, and with plain spaces; for comparing alone.

    Those that join letters or emoji stay, for they change how these look.
    """
    if text.isascii():
        return text
    shown = "".join(c for c in text if c in _JOINERS or not _is_invisible(c))
    return " ".join(shown.split())


def _is_invisible(character: str) -> bool:
    return character in _FILLERS or unicodedata.category(character) == "Cf"


def normalise_path(path: str) -> str:
    """A key that is equal for paths that are one file on Windows or macOS."""
    key = unicodedata.normalize("NFC", path).casefold()
    return path if key == path else key  # to keep one text in memory, not two


def make_printable(name: str) -> str:
    """A name that can safely be shown in one line, of at most 120 characters."""
    safe = "".join("\ufffd" if has_hidden_characters(c) else c for c in name[:121])
    return safe if len(safe) <= 120 else safe[:119] + "…"


def decode_old_name(raw: bytes) -> str:
    """Guess the text of a name that is not marked as UTF-8.

    macOS writes UTF-8 without the mark. Older Windows programs write in the code page of the
    country, which the file does not name: words with a few accents are read as cp437 (western
    Europe), words of high bytes only as Japanese or Russian.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    high = sum(byte >= 0x80 for byte in raw)
    ascii_letters = len(re.findall(rb"[A-Za-z]", raw.rpartition(b".")[0] or raw))
    if high > ascii_letters:
        for encoding in ("shift_jis", "cp866"):
            text = _try_decode(raw, encoding)
            if text and all(_is_full_width_letter(c) for c in text if ord(c) >= 0x80):
                return text
    return raw.decode("cp437")


def _try_decode(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _is_full_width_letter(character: str) -> bool:
    half_width = "\uff61" <= character <= "\uff9f"  # Russian, wrongly decoded as Japanese
    return character.isalpha() and not half_width


def _make_unsafe_name_error(name: str, what: str) -> ArchiveError:
    return ArchiveError(
        _("The archive names a file with {what}.", what=what),
        found=make_printable(name),
        remedy=_("Pack the folder again with the zip function of your computer."),
    )
