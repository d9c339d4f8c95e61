"""Import a bundle: an untrusted zip becomes a finished run, or is refused with a reason."""

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from transfer_core.dataset import (
    MAX_CLASSES,
    Archive,
    Limits,
    Member,
    has_hidden_characters,
    open_archive,
)
from transfer_core.errors import BundleError
from transfer_core.export.formats import WEIGHTS_FILE
from transfer_core.export.model_card import CARD_FILE, CARD_FORMAT
from transfer_core.languages import N_, _
from transfer_core.networks import adapt, init_empty_weights, upgrade_head_name
from transfer_core.runs import (
    Outcome,
    RunDirectory,
    RunRecord,
    RunState,
    RunStore,
    add_imported_run,
    generate_id,
    to_json,
    upgrade_config,
)
from transfer_core.system import hash_bytes, hash_file, require_space
from transfer_core.training import RunConfig, TestResult

CARD_LIMITS = Limits(entries=1_000, entry_bytes=16 << 20, total_bytes=16 << 20)
WEIGHTS_LIMITS = Limits(entries=1_000, entry_bytes=2 << 30, total_bytes=2 << 30)
PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".bin", ".ckpt", ".pt2", ".npy")
RETRY_REMEDY = N_("Take the bundle from Transfer Lab once more, and bring it in as it is.")
MAX_TEST_IMAGES = 10**8
MAX_CLASS_NAME_LENGTH = 512  # characters of a class


@dataclass(frozen=True, slots=True)
class _ModelCard:
    """The fields of a card that an import reads; the others are for people."""

    format: str
    name: str
    classes: tuple[str, ...]
    config: RunConfig
    result: TestResult
    network_sha256: str | None = None  # of the weights; an older card lacks it


def import_bundle(home: Path, path: Path, *, owner: str = "") -> RunRecord:
    """Record the run in a bundle as finished; importing the same bundle again finds that run.

    Args:
        home: The data folder.
        path: A zip. Nothing in it is trusted, and nothing in it is executed.
        owner: Whose run it becomes.

    Raises:
        ArchiveError: If the zip cannot be read safely.
        BundleError: If it is no bundle, or its card contradicts itself or the weights.
        NetworkError: If its source network is unknown here.
    """
    with open_archive(path, CARD_LIMITS) as source:
        text = source.read(_find_member(source, CARD_FILE))
    card = _parse_card(text)
    run_id = generate_id()
    directory, store = RunDirectory.locate(home, run_id), RunStore(home)
    directory.prepare(to_json(card.config), attempt=1)
    try:
        weights = directory.weights_file
        with open_archive(path, WEIGHTS_LIMITS) as source:
            member = _find_member(source, WEIGHTS_FILE)
            require_space(home, min(member.size, WEIGHTS_LIMITS.entry_bytes), N_("this bundle"))
            weights.write_bytes(source.read(member))
        _check_weights(weights, card)
        (directory.path / CARD_FILE).write_bytes(text)
        directory.write_outcome(Outcome(RunState.finished, result=card.result))
        key = hash_bytes(text)
        record = add_imported_run(store, run_id, card.config, card.name, card.result, key, owner)
    except BaseException:
        shutil.rmtree(directory.path)
        raise
    finally:
        store.close()
    if record.id != run_id:
        shutil.rmtree(directory.path)
    return record


def _find_member(source: Archive, name: str) -> Member:
    """Find the member of this name, at the top or inside a folder."""
    matches = [member for member in source.members if member.path.rpartition("/")[2] == name]
    if len(matches) == 1:
        return matches[0]
    names = [member.path for member in source.members]
    if name == WEIGHTS_FILE and any(each.lower().endswith(PICKLE_SUFFIXES) for each in names):
        raise BundleError(
            _(
                "The weights are in a form that can run programs on the computer that reads it. "
                "They were not read."
            ),
            found=", ".join(names[:5]),
            remedy=_("A bundle has its weights in {file}.", file=WEIGHTS_FILE)
            + " "
            + _(RETRY_REMEDY),
        )
    raise BundleError(
        _("This zip is no bundle of Transfer Lab: it needs one {file}.", file=name),
        found=", ".join(names[:5]) or _("no file"),
        remedy=_(
            "Take the zip that the page Take away calls the bundle. Images go in on the page Data."
        ),
    )


def _parse_card(text: bytes) -> _ModelCard:
    try:
        card = _CARD_ADAPTER.validate_json(_upgrade_card(text), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or CARD_FILE
        raise _make_card_error(f"{place}: {first['msg']}, {str(first['input'])[:60]!r}") from None
    result, count = card.result, len(card.classes)
    numbers = [result.accuracy, result.low, result.high, result.majority_accuracy, result.macro_f1]
    numbers += [each for c in result.per_class for each in (c.precision, c.recall)]
    others = result.validation_accuracy, result.baseline_validation_accuracy
    numbers += [each for each in (*others, result.baseline_accuracy) if each is not None]
    sides = {len(result.confusion), *(len(row) for row in result.confusion)}
    checks = {
        f"the format {card.format[:40]!r}": card.format != CARD_FORMAT,
        "fewer than two classes": count < 2,
        f"more than {MAX_CLASSES:,} classes": count > MAX_CLASSES,
        "a class without a proper name": not all(map(_is_valid_name, card.classes)),
        "a class twice": len(set(card.classes)) < count,
        "other classes in its result": [c.name for c in result.per_class] != list(card.classes),
        "a confusion matrix of another size": sides != {count},
        "fewer than no images in its confusion matrix": any(
            n < 0 for row in result.confusion for n in row
        ),
        "more images in its confusion matrix than were tested": result.images > MAX_TEST_IMAGES
        or [sum(row) for row in result.confusion] != [c.support for c in result.per_class]
        or sum(map(sum, result.confusion)) != result.images,
        "an accuracy outside 0 to 1": not all(0 <= number <= 1 for number in numbers),
        "a loss that is no number": not isfinite(result.loss),
    }
    for what, wrong in checks.items():
        if wrong:
            raise _make_card_error(what)
    return card


def _upgrade_card(text: bytes) -> bytes:
    """Rename the settings of an older card; text that is no card is returned unchanged."""
    with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        values = json.loads(text)
        return json.dumps(values | {"config": upgrade_config(values["config"])}).encode()
    return text


def _is_valid_name(text: str) -> bool:
    return 0 < len(text) <= MAX_CLASS_NAME_LENGTH and not has_hidden_characters(text)


def _check_weights(path: Path, card: _ModelCard) -> None:
    """Check that a weights file fits the network that the card describes."""
    source = card.config.source()
    with init_empty_weights():
        strategy = replace(card.config.strategy, initialise="random")
        network = adapt(source, strategy, len(card.classes), card.config.seed)
    expected, weights = network.state_dict(), _read_weights(path)
    for name in sorted(expected.keys() | weights.keys()):
        found, wanted = (_describe(tensors.get(name)) for tensors in (weights, expected))
        if found != wanted:
            raise _make_weights_error(f"{name[:80]} is {found}, expected {wanted}")
    for name, value in weights.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise _make_weights_error(f"{name} holds a value that is no number")
    if card.network_sha256 not in (None, hash_file(path)):
        raise _make_weights_error(f"{WEIGHTS_FILE} is not the file that was packed with its card")


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        return upgrade_head_name(load_file(path))
    except (SafetensorError, ValueError, LookupError) as error:  # damaged, or of an unknown type
        raise _make_weights_error(f"{WEIGHTS_FILE} cannot be read: {error}") from error


def _describe(tensor: torch.Tensor | None) -> str:
    """Type and shape of a tensor: "float32, 64 x 3 x 5 x 5"."""
    if tensor is None:
        return "missing"
    shape = " x ".join(map(str, tensor.shape)) or "one number"
    return f"{str(tensor.dtype).removeprefix('torch.')}, {shape}"


def _make_card_error(found: Any) -> BundleError:
    return BundleError(
        _("The bundle's {file} does not say what a card says.", file=CARD_FILE),
        found=str(found),
        remedy=_("It may be of another version.") + " " + _(RETRY_REMEDY),
    )


def _make_weights_error(found: str) -> BundleError:
    return BundleError(
        _("The bundle's weights do not fit the network that its card describes."),
        found=found,
        remedy=_(RETRY_REMEDY),
    )


_CARD_ADAPTER = TypeAdapter(_ModelCard)
