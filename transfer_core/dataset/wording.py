"""Say in words and as a tree what was found in an archive."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transfer_core.dataset.types import ImportSummary

EXPECTED_LAYOUT = """\
your.zip
├── first class
│   ├── one photo.jpg
│   └── ...
└── second class
    ├── another photo.jpg
    └── ...
(any number of folders may stand around these; folders named train, validation
and test may stand between the zip and the classes)"""

_NUMBER_WORDS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_MAX_CHILDREN = 12  # of one folder that are drawn


def format_count(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun, such as "1 image" or "3,000 images"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def join_words(words: tuple[str, ...]) -> str:
    """A list in words, such as "train, validation and test"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def describe_import(import_summary: "ImportSummary") -> str:
    """See `Reading.sentence`."""
    number = (
        _NUMBER_WORDS[import_summary.classes]
        if import_summary.classes <= 12
        else f"{import_summary.classes:,}"
    )
    parts = [
        f"{number} classes",
        _describe_splits(import_summary),
        f"wrapper folder {import_summary.wrapper} removed" if import_summary.wrapper else "",
        f"{format_count(import_summary.junk, 'junk file')} ignored" if import_summary.junk else "",
        f"{import_summary.unreadable:,} unreadable" if import_summary.unreadable else "",
        f"{format_count(import_summary.not_images, 'file')} without an image"
        if import_summary.not_images
        else "",
        format_count(import_summary.duplicates, "duplicate") if import_summary.duplicates else "",
    ]
    return ", ".join(filter(None, parts))


def _describe_splits(import_summary: "ImportSummary") -> str:
    if not import_summary.given_splits:
        return f"split into train, validation and test (60/20/20 %, seed {import_summary.seed})"
    given = f"{join_words(import_summary.given_splits)} given"
    if not import_summary.made_splits:
        return given
    each = "each " if len(import_summary.made_splits) > 1 else ""
    return f"{given}, {join_words(import_summary.made_splits)} taken from train ({each}20 %, seed {import_summary.seed})"


def draw_tree(root: str, counts: Mapping[str, int]) -> str:
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
    return "\n".join(
        [root + _format_image_count(counts, ""), *_draw_branches("", children, counts, "")]
    )


def _draw_branches(folder: str, children, counts, indent: str) -> list[str]:
    inside = sorted(children[folder])
    hidden = len(inside) - _MAX_CHILDREN
    shown = inside if hidden <= 1 else inside[:_MAX_CHILDREN]
    lines = []
    for path in shown:
        last = path == shown[-1] and shown is inside
        name = path.rpartition("/")[2]
        lines.append(
            f"{indent}{'└── ' if last else '├── '}{name}{_format_image_count(counts, path)}"
        )
        lines += _draw_branches(path, children, counts, indent + ("    " if last else "│   "))
    if shown is not inside:
        lines.append(f"{indent}└── ... and {hidden:,} more folders")
    return lines


def _format_image_count(counts: Mapping[str, int], path: str) -> str:
    return f"  ({format_count(counts[path], 'image')})" if path in counts else ""
