"""Say in words and as a tree what was found in an archive."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transfer_core.dataset.types import Reading

EXPECTED = """\
your.zip
├── first class
│   ├── one photo.jpg
│   └── ...
└── second class
    ├── another photo.jpg
    └── ...
(any number of folders may stand around these; folders named train, validation
and test may stand between the zip and the classes)"""

_NUMBERS = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip
_MOST_CHILDREN = 12  # of one folder that are drawn


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun, such as "1 image" or "3,000 images"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def joined(words: tuple[str, ...]) -> str:
    """A list in words, such as "train, validation and test"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def sentence(reading: "Reading") -> str:
    """See `Reading.sentence`."""
    number = _NUMBERS[reading.classes] if reading.classes <= 12 else f"{reading.classes:,}"
    parts = [
        f"{number} classes",
        _splits(reading),
        f"wrapper folder {reading.wrapper} removed" if reading.wrapper else "",
        f"{counted(reading.junk, 'junk file')} ignored" if reading.junk else "",
        f"{reading.unreadable:,} unreadable" if reading.unreadable else "",
        f"{counted(reading.not_images, 'file')} without an image" if reading.not_images else "",
        counted(reading.duplicates, "duplicate") if reading.duplicates else "",
    ]
    return ", ".join(filter(None, parts))


def _splits(reading: "Reading") -> str:
    if not reading.given_splits:
        return f"split into train, validation and test (60/20/20 %, seed {reading.seed})"
    given = f"{joined(reading.given_splits)} given"
    if not reading.made_splits:
        return given
    each = "each " if len(reading.made_splits) > 1 else ""
    return (
        f"{given}, {joined(reading.made_splits)} taken from train ({each}20 %, seed {reading.seed})"
    )


def tree(root: str, counts: Mapping[str, int]) -> str:
    """Draw folders with the number of images in each.

    Args:
        root: Name of the archive.
        counts: Images directly in each folder, by its path; "" is the root.
    """
    children: dict[str, set[str]] = {"": set()}
    for path in counts:
        while path:
            above = path.rpartition("/")[0]
            children.setdefault(path, set())
            children.setdefault(above, set()).add(path)
            path = above
    return "\n".join([root + _images(counts, ""), *_branches("", children, counts, "")])


def _branches(folder: str, children, counts, indent: str) -> list[str]:
    inside = sorted(children[folder])
    hidden = len(inside) - _MOST_CHILDREN
    shown = inside if hidden <= 1 else inside[:_MOST_CHILDREN]
    lines = []
    for path in shown:
        last = path == shown[-1] and shown is inside
        name = path.rpartition("/")[2]
        lines.append(f"{indent}{'└── ' if last else '├── '}{name}{_images(counts, path)}")
        lines += _branches(path, children, counts, indent + ("    " if last else "│   "))
    if shown is not inside:
        lines.append(f"{indent}└── ... and {hidden:,} more folders")
    return lines


def _images(counts: Mapping[str, int], path: str) -> str:
    return f"  ({counted(counts[path], 'image')})" if path in counts else ""
