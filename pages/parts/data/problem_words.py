"""What was noticed while an archive was read, in the reader's language.

It is stored in English, as it is part of what a data set is known by.
"""

import re

from transfer_core.dataset import Problem
from transfer_core.languages import N_, _

TEMPLATES = (
    N_(
        "The same file as {other}: a leak between {split} and {later}. "
        "This copy was left out of {left}."
    ),
    N_("The same file as {other}; both stay in the same part of the split."),
    N_("The same file as {other}, which lies in another class."),
    N_(
        "Its test images come from the same recordings as its training images, a moment apart, "
        "so the accuracy will look better than it is. A fair test needs three recordings or "
        "more, each a little different."
    ),
    N_("It holds several pictures; only the first is used."),
    N_(
        "The classes are unbalanced: {largest} has {most} training images, {smallest} {least}. "
        "Accuracy alone would mislead; look at each class."
    ),
    N_("The class has no {split} images."),
    N_("{names} are read as one class."),
    N_("Left out: it does not lie in a class folder."),
    N_("The class is left out: it has no training images."),
    N_("The folder is empty."),
    N_("Left out: {kind} files are not read as images. If it is one, convert it to JPEG or PNG."),
    N_(
        "Left out: a file without an ending is not read as images. "
        "If it is one, convert it to JPEG or PNG."
    ),
    N_("The class has too few different images: copies stand in several parts."),
    N_("{copies} exact copies of images in later parts of the split were left out."),
    N_("{images} images lie in more than one class."),
)
KINDS = {
    "leak": N_("leak"),
    "duplicate": N_("exact copy"),
    "conflict": N_("in two classes"),
    "unbalanced": N_("unbalanced"),
    "same-recording": N_("same recording"),
    "animated": N_("several pictures"),
    "missing-in-split": N_("missing in a part"),
    "class-spelling": N_("two spellings"),
    "no-class": N_("in no class"),
    "class-without-training": N_("class left out"),
    "empty-folder": N_("empty folder"),
    "not-an-image": N_("not an image"),
    "unreadable": N_("unreadable"),
    "identical": N_("too few different images"),
}


_PATTERNS = {  # by template
    template: re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(template)), re.DOTALL)
    for template in TEMPLATES
}


def translate_problem(problem: Problem) -> str:
    """The message of a problem; one of another form stays as it is stored."""
    for template, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(problem.message):
            values = {
                name: _(value) if value in ("train", "validation", "test") else value
                for name, value in found.groupdict().items()
            }
            return _(template, **values)
    whole, __, remedy = problem.message.partition(". ")
    return f"{_(whole + '.')} {_(remedy)}" if remedy else _(problem.message)


def translate_kind(problem: Problem) -> str:
    """The kind of a problem in a word or two."""
    return _(KINDS.get(problem.kind, problem.kind))
