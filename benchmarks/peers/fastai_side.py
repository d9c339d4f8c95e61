"""A frozen ResNet-18 with fastai, as its first lesson has it: python fastai_side.py FOLDER EPOCHS

FOLDER holds train, validation and test with a folder for each class. The learner is frozen as
`vision_learner` makes it, and images are only resized, which favours fastai's speed.
"""

import json
import sys
import time

from fastai.vision.all import ImageDataLoaders, Resize, accuracy, get_image_files, vision_learner
from torchvision.models import resnet18


def main(folder: str, epochs: int) -> None:
    """Train, test once, and print what came of it."""
    began = time.perf_counter()
    loaders = ImageDataLoaders.from_folder(
        folder, train="train", valid="validation", item_tfms=Resize(224), seed=0
    )
    learner = vision_learner(loaders, resnet18, metrics=accuracy)
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(epochs)
        files = get_image_files(f"{folder}/test")
        tested = loaders.test_dl(files, with_labels=True)
        predicted, actual = learner.get_preds(dl=tested)
    right = (predicted.argmax(1) == actual).float().mean().item()
    print(json.dumps({"seconds": time.perf_counter() - began, "test_accuracy": right}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
