"""Changes to the images of a data set as plain values, and their effect on its records."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from transfer_core.dataset.types import DataSet, ImageRecord
from transfer_core.errors import DataSetError
from transfer_core.images import ImageInfo
from transfer_core.languages import _
from transfer_core.system import hash_bytes

Action = Literal["relabel", "set aside", "restore", "add"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change to one image."""

    action: Action
    path: str  # of the image in the data set; see `make_added_path`
    class_name: str = ""  # new class of a relabelled or added image

    def describe(self) -> str:
        """The change in words, without a full stop."""
        return {
            "relabel": _("{path} is now of the class {name}", path=self.path, name=self.class_name),
            "set aside": _("{path} is set aside", path=self.path),
            "restore": _("{path} is back", path=self.path),
            "add": _(
                "{path} is added to the training images of {name}",
                path=self.path,
                name=self.class_name,
            ),
        }[self.action]


def make_added_path(data: bytes, info: ImageInfo) -> str:
    """The path of an added image: its content's hash, so it is no other image's path."""
    return f"added/{hash_bytes(data)[:16]}.{info.format.lower()}"


def apply_changes(
    parent: DataSet,
    set_aside: Iterable[ImageRecord],
    added: Mapping[str, ImageRecord],
    changes: Sequence[Change],
) -> tuple[ImageRecord, ...]:
    """Apply changes one after the other. No image changes its part of the split.

    Args:
        parent: The data set to change.
        set_aside: Images that earlier versions set aside and that may be restored.
        added: Records of the images to add, by path.
        changes: The changes.

    Returns:
        The records of the new version in the order of their paths.

    Raises:
        DataSetError: If a change does not fit, or a class would have no image left
            in a part of the split.
    """
    present = {record.path: record for record in parent.records}
    apart = {record.path: record for record in set_aside}
    for change in changes:
        if change.action == "set aside":
            apart[change.path] = _pop_record(present, change)
        elif change.action == "restore":
            present[change.path] = _pop_record(apart, change)
        else:
            source = present if change.action == "relabel" else dict(added)
            record = replace(_pop_record(source, change), label=_find_label(parent, change))
            present[change.path] = record
    _check_nothing_is_emptied(parent, present.values())
    return tuple(present[path] for path in sorted(present))


def _pop_record(records: dict[str, ImageRecord], change: Change) -> ImageRecord:
    if change.path not in records:
        raise DataSetError(
            _("The change does not fit the data set."),
            found=_("{action}: {path} is not there", action=change.action, path=change.path),
            remedy=_("Take this change back; the data set may have another version meanwhile."),
        )
    return records.pop(change.path)


def _find_label(parent: DataSet, change: Change) -> int:
    if change.class_name not in parent.classes:
        raise DataSetError(
            _("The data set has no such class."),
            found=f"{change.path} as {change.class_name!r}",
            remedy=_("Choose one of its classes."),
        )
    return parent.classes.index(change.class_name)


def _check_nothing_is_emptied(parent: DataSet, records: Iterable[ImageRecord]) -> None:
    left = {(record.label, record.split) for record in records}
    were = {(record.label, record.split) for record in parent.records}
    emptied = [f"{parent.classes[label]} in {split}" for label, split in sorted(were - left)]
    if emptied:
        raise DataSetError(
            _("A class would have no image left in a part of the split."),
            found=", ".join(emptied[:10]),
            remedy=_(
                "Keep or restore at least one image of each class in train, validation and test."
            ),
        )
