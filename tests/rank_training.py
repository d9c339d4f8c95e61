"""A training that several ranks share: `python rank_training.py NUMBER COUNT STORE FILE`."""

import sys
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torch import nn  # noqa: E402

from transfer_core.cases import TransferCase, plan_strategy  # noqa: E402
from transfer_core.networks import get_network  # noqa: E402
from transfer_core.runs.rank_team import open_local_ranks  # noqa: E402
from transfer_core.system import ALONE  # noqa: E402
from transfer_core.training import train_whole_network  # noqa: E402

SOURCE = get_network("demonstration")
IMAGES, CLASSES = 45, 3


def build_network(seed):
    """A small network with both kinds of batch norm and without dropout.

    A bias before batch norm has no gradient but rounding, which AdamW would make steps of.
    """
    torch.manual_seed(seed)
    convolution = nn.Sequential(
        nn.Conv2d(3, 8, 5, 4, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
    )
    hidden = nn.Sequential(nn.Linear(32, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU())
    stages = OrderedDict(convolution=convolution, hidden=hidden, head=nn.Linear(16, CLASSES))
    return nn.Sequential(stages)


def train(ranks=ALONE, seed=0):
    """The events and weights of two epochs; no rank's share is as large as another's."""
    network = build_network(seed)
    strategy = plan_strategy(
        TransferCase.LARGE_DIFFERENT, SOURCE.stage_names, initialise="random", kind=SOURCE.kind
    )
    settings = replace(strategy.optimiser, epochs=2, patience=2, batch_size=9, interpolation=0.75)
    random, chosen = np.random.default_rng(0), np.arange(IMAGES)
    with ranks.connect("cpu"):
        events = list(
            train_whole_network(
                network,
                random.integers(0, 256, (IMAGES, 64, 64, 3), dtype=np.uint8),
                random.integers(0, CLASSES, IMAGES),
                chosen[:38],
                chosen[38:],
                replace(strategy, frozen=(), optimiser=settings),
                SOURCE,
                seed=1,
                class_weights=torch.tensor([1.0, 2.0, 0.5]),
                stop_requested=lambda: False,
                ranks=ranks,
            )
        )
    return events, network.state_dict()


if __name__ == "__main__":
    number, count, store, file = sys.argv[1:]
    torch.set_num_threads(1)
    # A network of other weights, which the first rank's take the place of.
    _events, weights = train(
        open_local_ranks(int(number), int(count), Path(store)), seed=int(number)
    )
    save_file({name: value.contiguous() for name, value in weights.items()}, file)
