"""At which input sizes a source network can be used: fewer pixels are less work."""

from transfer_core.errors import SettingsError
from transfer_core.networks.source_network import SourceNetwork
from transfer_core.networks.surgery import infer_output_shapes
from transfer_core.networks.weights_file import build_on_meta_device

SIZE_FRACTIONS = (1, 3 / 4, 1 / 2)  # of the network's own size
SIZE_MULTIPLE = (
    32  # pixels, by which networks reduce an image altogether; other sizes leave remainders
)


def list_input_sizes(source: SourceNetwork) -> tuple[int, ...]:
    """The network's own input size and the smaller ones that it can take, largest first.

    Found by trying, on the meta device: some networks have weights for each place of an image,
    or part it into a fixed number of windows, and take no size but their own.
    """
    own = source.input_size
    smaller = {
        round(share * own / SIZE_MULTIPLE) * SIZE_MULTIPLE for share in SIZE_FRACTIONS if share < 1
    }
    tried = sorted((size for size in smaller if size < own), reverse=True)
    return (own, *(size for size in tried if _accepts_size(source, size)))


def select_input_size(source: SourceNetwork, size: int | None) -> SourceNetwork:
    """The network at one of its input sizes; None is its own.

    Raises:
        SettingsError: If the network cannot take this size; names those that it can.
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
    except (RuntimeError, AssertionError):  # what torch and torchvision raise of shapes
        return False


def _get_weight_shapes(source: SourceNetwork) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(value.shape)
        for name, value in build_on_meta_device(source).state_dict().items()
    }
