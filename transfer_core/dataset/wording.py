"""Words and folder trees for people, from plain values."""

from collections.abc import Mapping

from transfer_core.languages import N_, _, ngettext

EXPECTED_LAYOUT = N_("""\
your.zip
├── first class
│   ├── one photo.jpg
│   └── ...
└── second class
    ├── another photo.jpg
    └── ...
(any number of folders may stand around these; folders named train, validation
and test may stand between the zip and the classes)""")

_NUMBER_WORDS = [
    "no",
    N_("one"),
    N_("two"),
    N_("three"),
    N_("four"),
    N_("five"),
    N_("six"),
    N_("seven"),
    N_("eight"),
    N_("nine"),
    N_("ten"),
    N_("eleven"),
    N_("twelve"),
]
_MAX_CHILDREN = 12  # folders drawn inside one folder


def format_count(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun, such as "1 image" or "3,000 images"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def join_words(words: tuple[str, ...], joint: str = " and ") -> str:
    """A list in words, such as "train, validation and test"."""
    return joint.join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def spell_number(number: int) -> str:
    """A number as people write it: "three" up to twelve, then "1,000"."""
    return _(_NUMBER_WORDS[number]) if number < len(_NUMBER_WORDS) else _("{n:,}", n=number)


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
        shares = shares or _("60/20/20 %, seed {seed}", seed=seed)
        return _("split into train, validation and test ({shares})", shares=shares)
    parts = join_words(tuple(_(split) for split in given), _(" and "))
    if not made:
        return _("{parts} given", parts=parts)
    usual = N_("each 20 %, seed {seed}") if len(made) > 1 else N_("20 %, seed {seed}")
    return _(
        "{parts} given, {made} taken from train ({shares})",
        parts=parts,
        made=join_words(tuple(_(split) for split in made), _(" and ")),
        shares=shares or _(usual, seed=seed),
    )


def describe_copies(copies: int, left_out: int) -> str:
    """Say how many images are exact copies of others; nothing if there are none."""
    if not copies:
        return ""
    words = ngettext("{n:,} exact copy", "{n:,} exact copies", copies)
    return words + (" " + _("({n:,} left out)", n=left_out) if left_out else "")


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
        lines.append(f"{indent}└── " + _("... and {n:,} more folders", n=hidden))
    return lines


def _format_image_count(counts: Mapping[str, int], path: str) -> str:
    if path not in counts:
        return ""
    return "  (" + ngettext("{n:,} image", "{n:,} images", counts[path]) + ")"
