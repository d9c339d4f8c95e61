"""Which networks are made of depthwise convolutions: processors train them differently."""

from torch import nn

from transfer_core.networks.network_builder import build_on_meta_device
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.train_mode import find_batch_norms

_found: dict[tuple[str, str], bool] = {}  # by library and architecture


def is_depthwise(source: SourceNetwork) -> bool:
    """Return whether a network has depthwise convolutions with batch norm, as MobileNet has.

    It is built once per process to find out, as pages ask for every redraw.
    """
    key = source.library, source.architecture
    if key not in _found:
        _found[key] = _has_depthwise(source)
    return _found[key]


def _has_depthwise(source: SourceNetwork) -> bool:
    network = build_on_meta_device(source)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    has_any = any(m.groups == m.in_channels > 1 for m in convolutions)
    return has_any and bool(find_batch_norms(network))
