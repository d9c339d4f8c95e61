"""The input sizes at which a source network can be used: fewer pixels are less work."""

from transfer_core.errors import NetworkError, SettingsError
from transfer_core.networks.network_builder import build_on_meta_device
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.surgery import infer_output_shapes

SIZE_FRACTIONS = (1, 3 / 4, 1 / 2)  # of the network's own size
SIZE_MULTIPLE = 32  # pixels; networks reduce an image by this factor altogether


def list_input_sizes(source: SourceNetwork) -> tuple[int, ...]:
    """Return the network's own input size and the smaller ones that it accepts, largest first.

    Each size is tried on the meta device. Some networks have weights for each position, or a
    fixed number of windows, and accept only their own size.
    """
    own = source.input_size
    smaller = {
        round(share * own / SIZE_MULTIPLE) * SIZE_MULTIPLE for share in SIZE_FRACTIONS if share < 1
    }
    tried = sorted((size for size in smaller if size < own), reverse=True)
    return (own, *(size for size in tried if _accepts_size(source, size)))


def select_input_size(source: SourceNetwork, size: int | None) -> SourceNetwork:
    """Return the network at one of its input sizes; None is its own.

    Raises:
        SettingsError: If the network does not accept this size; lists the sizes that it does.
    """
    if size is not None and size not in (sizes := list_input_sizes(source)):
        raise SettingsError(
            f"{source.title} is not used at this input size.",
            found=f"{size} pixels",
            remedy=f"Choose one of {', '.join(map(str, sizes))} pixels.",
        )
    return source.with_input_size(size)


def _accepts_size(source: SourceNetwork, size: int) -> bool:
    try:
        infer_output_shapes(source.with_input_size(size))
        return _get_weight_shapes(source.with_input_size(size)) == _get_weight_shapes(source)
    except (RuntimeError, AssertionError, ValueError, NetworkError):  # the libraries raise these
        return False


def _get_weight_shapes(source: SourceNetwork) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(value.shape)
        for name, value in build_on_meta_device(source).state_dict().items()
    }
