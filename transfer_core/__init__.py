"""The back end of Transfer Lab: from a zipped image data set to a transferred network.

For notebooks and scripts, ten functions of `transfer_core.api` are reached from here:
`from transfer_core import load_dataset, decide, train`. They are imported on first use, so that
importing this package takes no time and brings no torch.

One alphabet for shapes in every docstring: N images, B batch, C classes,
D features of one embedding, H x W pixels.
"""

import lazy_loader

from transfer_core.system import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "api": [
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
        ],
    },
)
