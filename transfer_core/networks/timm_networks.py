"""Build timm's networks, with memory for their weights or without, and load their weights."""

from pathlib import Path

from safetensors import SafetensorError
from torch import nn

from transfer_core.errors import NetworkError
from transfer_core.languages import _
from transfer_core.networks.empty_weights import allocate_memory, init_empty_weights
from transfer_core.networks.hub_cache import read_recorded_hash, record_hash
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.timm_packages import import_timm
from transfer_core.networks.weights_location import find_weights
from transfer_core.system import hash_file


def build_model(network: SourceNetwork, num_classes: int) -> nn.Module:
    """Build timm's own network.

    Inside `init_empty_weights`, the indices and tables that belong to no weights file are there
    all the same.

    Raises:
        NetworkError: If timm is not installed.
    """
    import_timm(network.title)
    from transfer_core.networks import timm_modules

    build = timm_modules.build_model
    options = network.architecture, num_classes, network.input_size
    try:
        model = build(*options)
    except RuntimeError:  # some networks compute with their new weights
        with allocate_memory():
            return build(*options)
    empty = [(m, name) for m in model.modules() for name in _list_empty_buffers(m)]
    if empty:
        with allocate_memory():
            buffers = dict(build(*options).named_buffers(remove_duplicate=False))
        paths = {module: path for path, module in model.named_modules()}
        for module, name in empty:
            module._buffers[name] = buffers[f"{paths[module]}.{name}".lstrip(".")]
    return model


def _list_empty_buffers(module: nn.Module) -> list[str]:
    """Return the names of a module's buffers on the meta device that no weights file has."""
    named = module._non_persistent_buffers_set
    return [n for n in named if module._buffers[n] is not None and module._buffers[n].is_meta]


def group_by_stage(network: SourceNetwork, model: nn.Module) -> nn.Sequential:
    """Cut timm's network into the stages of the source network.

    Raises:
        NetworkError: If the installed timm builds another network.
    """
    from transfer_core.networks import timm_modules

    *stages, classifier = network.stages
    ends = {stage.name: (stage.end, stage.layout) for stage in stages}
    try:
        return timm_modules.build_staged_network(model, ends, classifier.name)
    except KeyError as error:
        import timm

        raise NetworkError(
            _("The installed timm builds {title} in another way.", title=network.title),
            found=_(
                "timm {version}, without the layer {error}", version=timm.__version__, error=error
            ),
            remedy=_(
                "Install the one it was described with: pip install timm=={version}",
                version=network.card["timm_version"],
            ),
        ) from error


def load_model(network: SourceNetwork) -> nn.Module:
    """Build timm's network with its published weights, float32.

    timm itself converts them where they were made with another program, and fits embeddings of
    positions to another input size. A network without classes gets a last layer of zeros.

    Raises:
        NetworkError: If the weights are missing, not those that were recorded, or damaged.
    """
    timm = import_timm(network.title)
    from transfer_core.networks import timm_modules

    path = _check_weights(network)
    config = timm.get_pretrained_cfg(network.architecture)
    options = {"img_size": network.input_size} if config.fixed_input_size else {}
    has_classes = bool(config.num_classes)
    try:
        with init_empty_weights(), allocate_memory():
            model = timm.create_model(
                network.architecture,
                pretrained=True,
                pretrained_cfg_overlay={"file": str(path), "custom_load": False},
                num_classes=config.num_classes if has_classes else 1,
                exportable=True,
                **options,
            )
    except (SafetensorError, RuntimeError, KeyError) as error:
        raise NetworkError(
            _("The network's weights are damaged, or of another network."),
            found=f"{path.name} of {network.title}: {' '.join(str(error).split())[:200]}",
            remedy=_("Delete {path} and fetch the weights again.", path=path),
        ) from error
    timm_modules.stop_remembering_biases(model)
    if not has_classes:
        for parameter in model.get_submodule(network.card["classifier"]).parameters():
            nn.init.zeros_(parameter)
    return model


def _check_weights(network: SourceNetwork) -> Path:
    """Return the weights file of a network of the hub; its hash is recorded if it was not yet."""
    path, repository = find_weights(network), network.card["repository"]
    if not path.is_file():
        raise NetworkError(
            _("The network's weights are not on this computer."),
            found=_("{title} without {name}", title=network.title, name=path.name),
            remedy=_(
                "Download them on the page Networks, or take the demonstration network, whose "
                "weights are part of the program."
            ),
        )
    found, expected = hash_file(path), network.weights_hash or read_recorded_hash(repository)
    if expected and found != expected:
        raise NetworkError(
            _("The network's weights are not those that were downloaded; they were not read."),
            found=_(
                "{name} with SHA-256 {found}, expected {expected}",
                name=path.name,
                found=found[:12],
                expected=expected[:12],
            ),
            remedy=_("Delete {path} and fetch the weights again.", path=path.resolve()),
        )
    record_hash(repository, found)
    return path
