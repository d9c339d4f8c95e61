"""The back end of Transfer Lab: from a zipped image data set to a transferred network.

For notebooks and scripts, ten functions of `transfer_core.api` are reached from here:
`from transfer_core import load_dataset, decide, train`. They are imported on first use, so that
importing this package takes no time and brings no torch.

One alphabet for shapes in every docstring: N images, B batch, C classes,
D features of one embedding, H x W pixels.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transfer_core.api import (
        compare,
        decide,
        export_run,
        get_network,
        import_bundle,
        list_networks,
        list_runs,
        load_dataset,
        predict,
        train,
    )

__version__ = "0.1.0"
__all__ = [
    "compare",
    "decide",
    "export_run",
    "get_network",
    "import_bundle",
    "list_networks",
    "list_runs",
    "load_dataset",
    "predict",
    "train",
]


def __getattr__(name: str):
    if name in __all__:
        return getattr(import_module("transfer_core.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
