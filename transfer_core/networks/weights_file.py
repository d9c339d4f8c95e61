"""Build a source network with its pre-trained or with random weights."""

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from transfer_core.errors import NetworkError
from transfer_core.networks import demonstration
from transfer_core.networks.catalog import SourceNetwork


def load(network: SourceNetwork) -> nn.Sequential:
    """The source network with its pre-trained weights, in eval mode, float32.

    Returns:
        A `Sequential` whose children are the network's stages; a new copy each time.

    Raises:
        NetworkError: If the weights are missing, damaged or of another network.
    """
    weights = _read(network.weights_file, network.weights_hash)
    model = build(network, classes=weights[f"{network.stages[-1].name}.weight"].shape[0])
    for name, expected in model.state_dict().items():
        found = weights.get(name)
        if found is None or found.shape != expected.shape or not torch.isfinite(found).all():
            raise NetworkError(
                "The weights do not fit the network.",
                found=f"{name}: {'missing' if found is None else tuple(found.shape)}, "
                f"expected finite numbers of shape {tuple(expected.shape)}",
                remedy="Install Transfer Lab again, or use the weights of this very network.",
            )
    model.load_state_dict(weights)
    return model.eval()


def build(network: SourceNetwork, classes: int, seed: int = 0) -> nn.Sequential:
    """The source network with random weights drawn from the seed, in eval mode."""
    # On the meta device nothing is drawn, so a page may describe while a run trains.
    if torch.get_default_device().type == "meta":
        return demonstration.build(classes).eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return demonstration.build(classes).eval()


def file_hash(path: Path) -> str:
    """SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path, expected_hash: str) -> dict[str, torch.Tensor]:
    remedy = "Install Transfer Lab again; the weights are part of it."
    if not path.is_file():
        raise NetworkError("The network's weights are missing.", found=path.name, remedy=remedy)
    found_hash = file_hash(path)
    if found_hash != expected_hash:
        raise NetworkError(
            "The network's weights are not the ones its card describes.",
            found=f"{path.name} with SHA-256 {found_hash[:12]}, expected {expected_hash[:12]}",
            remedy=remedy,
        )
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise NetworkError(
            "The network's weights are damaged.", found=f"{path.name}: {error}", remedy=remedy
        ) from error
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}
