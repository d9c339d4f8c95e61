"""Import a person's own weights: safetensors only, checked before they are used."""

import json
import shutil
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from transfer_core.errors import NetworkError
from transfer_core.languages import _
from transfer_core.networks.network_builder import build_with_weights
from transfer_core.networks.own_networks import get_card_path, make_own_network
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.weights_location import find_weights, get_own_weights_folder
from transfer_core.system import hash_file, write_atomically

MAX_FILE_BYTES = 4 << 30  # bytes
SAVE_COMMAND = "import torch, safetensors.torch as s; s.save_file({}, 'weights.safetensors')"
LOAD_EXPRESSIONS = {  # by the ending of a file: how a person loads it as a state dict
    ".pt2": "dict(torch.export.load({!r}).state_dict)",
    ".ts": "torch.jit.load({!r}).state_dict()",
    ".torchscript": "torch.jit.load({!r}).state_dict()",
}
DEFAULT_LOAD_EXPRESSION = "torch.load({!r}, map_location='cpu', weights_only=True)"


def import_weights(path: Path, source: SourceNetwork, name: str | None = None) -> SourceNetwork:
    """Copy a person's weights into the data folder and return the network that has them.

    Args:
        path: A safetensors file. Its weights are named as in torchvision's network of this
            architecture; the number of classes is free.
        source: The network of the catalog with the same architecture.
        name: Name of the file for people; None takes the path's.

    Raises:
        NetworkError: If the file is of another kind (it is then not read), or if a weight does
            not fit; the first such weight is named.
    """
    name = (name or path.name)[-60:]
    _check_is_safetensors(path, name)
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise NetworkError(
            _("The weights cannot be read."),
            found=f"{name}: {error}",
            remedy=_("Save them again with safetensors.torch.save_file."),
        ) from error
    network = build_with_weights(source, weights)
    classes = len(next(network[-1].parameters()))
    card = {
        "architecture": source.name,
        "file_name": name,
        "data": f"your own weights, from the file {name}",
        "classes": [f"class {number + 1}" for number in range(classes)],
        "weights_sha256": hash_file(path),
        "file_size": round(path.stat().st_size / 2**20, 3),
    }
    own = make_own_network(source, card)
    get_own_weights_folder().mkdir(parents=True, exist_ok=True)
    write_atomically(find_weights(own), lambda file: shutil.copyfile(path, file.name))
    write_atomically(get_card_path(card), json.dumps(card, indent=1, ensure_ascii=False))
    return own


def _check_is_safetensors(path: Path, name: str) -> None:
    """Refuse a file whose first bytes are not those of safetensors; read no more of it."""
    with path.open("rb") as file:
        first = file.read(9)
    length = int.from_bytes(first[:8], "little")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise NetworkError(
            _("The weights are larger than can be taken in."),
            found=_(
                "{name}: {size:.1f} GB, at most {limit:.0f} GB",
                name=name,
                size=size / 2**30,
                limit=MAX_FILE_BYTES / 2**30,
            ),
            remedy=_("Save them in half precision."),
        )
    if first[8:] == b"{" and length < size:
        return
    ending = Path(name).suffix.lower()
    line = SAVE_COMMAND.format(
        LOAD_EXPRESSIONS.get(ending, DEFAULT_LOAD_EXPRESSION).format(Path(name).name)
    )
    raise NetworkError(
        _(
            "Only safetensors files are taken in: every other kind of weights file can run "
            "programs or fill the memory of the computer that reads it. This one was not "
            "read."
        ),
        found=_("{name}, which does not begin as a safetensors file", name=name),
        remedy=_('Convert it where you trust it:\npython -c "{line}"', line=line),
    )
