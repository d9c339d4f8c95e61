"""Words and folder trees for people, from plain values."""

from collections.abc import Mapping

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

_NUMBER_WORDS = [
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
]
_MAX_CHILDREN = 12  # folders drawn inside one folder


def format_count(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun, such as "1 image" or "3,000 images"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def join_words(words: tuple[str, ...]) -> str:
    """A list in words, such as "train, validation and test"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def spell_number(number: int) -> str:
    """A number as people write it: "three" up to twelve, then "1,000"."""
    return _NUMBER_WORDS[number] if number < len(_NUMBER_WORDS) else f"{number:,}"


def describe_splits(
    given: tuple[str, ...], made: tuple[str, ...], seed: int, shares: str = ""
) -> str:
    """Say which parts of the split an archive had, and which were made.

    Args:
        given: Names of the parts that the archive has.
        made: Names of the parts that were taken from the training images.
        seed: Of the parts that were made.
        shares: Said of the parts that were made, instead of the usual shares and the seed.
    """
    if not given:
        shares = shares or f"60/20/20 %, seed {seed}"
        return f"split into train, validation and test ({shares})"
    if not made:
        return f"{join_words(given)} given"
    each = "each " if len(made) > 1 else ""
    shares = shares or f"{each}20 %, seed {seed}"
    return f"{join_words(given)} given, {join_words(made)} taken from train ({shares})"


def describe_copies(copies: int, left_out: int) -> str:
    """Say how many images are exact copies of others; nothing if there are none."""
    if not copies:
        return ""
    words = format_count(copies, "exact copy", "exact copies")
    return f"{words} ({left_out:,} left out)" if left_out else words


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
