"""A frozen EfficientNet-Lite0 with fastai: python fastai_side.py FOLDER EPOCHS

FOLDER holds train, validation and test with a folder for each class. The learner is frozen as
`vision_learner` makes it, with fastai's own head and with normalisation layers that go on
learning. Images are only resized, which favours fastai's speed.
"""

import json
import sys
import time

from fastai.vision.all import (
    ImageDataLoaders,
    Learner,
    Normalize,
    Resize,
    accuracy,
    create_head,
    get_image_files,
    params,
)
from lite0 import CENTRE, SPREAD, load_lite0
from torch import nn


class FeatureMaps(nn.Module):
    """The network without its average pooling and last layer."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images):
        """Maps (B, 1280, 7, 7)."""
        return self.network.extract_features(images)


def main(folder: str, epochs: int) -> None:
    """Train, test once, and print what came of it."""
    began = time.perf_counter()
    loaders = ImageDataLoaders.from_folder(
        folder,
        train="train",
        valid="validation",
        item_tfms=Resize(224),
        batch_tfms=Normalize.from_stats(CENTRE, SPREAD),
        seed=0,
    )
    body = FeatureMaps(load_lite0())
    network = nn.Sequential(body, create_head(1280, len(loaders.vocab)))
    learner = Learner(
        loaders, network, metrics=accuracy, splitter=lambda both: [params(part) for part in both]
    )
    learner.freeze()
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(epochs)
        files = get_image_files(f"{folder}/test")
        tested = loaders.test_dl(files, with_labels=True)
        predicted, actual = learner.get_preds(dl=tested)
    right = (predicted.argmax(1) == actual).float().mean().item()
    print(json.dumps({"seconds": time.perf_counter() - began, "test_accuracy": right}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
