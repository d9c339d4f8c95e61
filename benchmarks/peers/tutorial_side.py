"""A frozen EfficientNet-Lite0 in a plain loop: python tutorial_side.py FOLDER EPOCHS

FOLDER holds train, validation and test with a folder for each class. The settings are those of
PyTorch's transfer-learning tutorial (its part "ConvNet as fixed feature extractor"): batches of
4, random crops and mirroring, SGD with momentum, the rate divided by ten every 7 epochs, the
weights of the best epoch kept. Only the scale of the pixels is the network's own. The loop is
written afresh.
"""

import copy
import json
import sys
import time

import torch
from lite0 import CENTRE, SPREAD, load_lite0
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

NORMALISE = transforms.Normalize(CENTRE, SPREAD)
TRAIN_TRANSFORM = transforms.Compose(
    [
        transforms.RandomResizedCrop(224),
        transforms.RandomHorizontalFlip(),
        transforms.ToTensor(),
        NORMALISE,
    ]
)
TEST_TRANSFORM = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        NORMALISE,
    ]
)


def make_loader(folder: str, part: str) -> DataLoader:
    """Batches of 4, as in the tutorial."""
    images = ImageFolder(f"{folder}/{part}", TRAIN_TRANSFORM if part == "train" else TEST_TRANSFORM)
    return DataLoader(images, batch_size=4, shuffle=part == "train", num_workers=4)


def build_frozen_network(classes: int) -> nn.Module:
    """EfficientNet-Lite0 with a new last layer, which alone is trained."""
    network = load_lite0()
    network.requires_grad_(False)
    network._fc = nn.Linear(network._fc.in_features, classes)
    return network


def train_epoch(network: nn.Module, batches: DataLoader, optimiser: torch.optim.Optimizer) -> None:
    """One pass over the training images."""
    network.train()
    for images, labels in batches:
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimiser.step()


@torch.no_grad()
def evaluate_accuracy(network: nn.Module, batches: DataLoader) -> float:
    """Accuracy in [0, 1]."""
    network.eval()
    hits = sum((network(images).argmax(1) == labels).sum().item() for images, labels in batches)
    return hits / len(batches.dataset)


def main(folder: str, epochs: int) -> None:
    """Train, test once, and print what came of it."""
    began = time.perf_counter()
    torch.manual_seed(0)
    train, validation, test = (make_loader(folder, p) for p in ("train", "validation", "test"))
    network = build_frozen_network(len(train.dataset.classes))
    optimiser = torch.optim.SGD(network._fc.parameters(), lr=0.001, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=7, gamma=0.1)
    best, weights = -1.0, None
    for _ in range(epochs):
        train_epoch(network, train, optimiser)
        schedule.step()
        accuracy = evaluate_accuracy(network, validation)
        if accuracy > best:
            best, weights = accuracy, copy.deepcopy(network.state_dict())
    network.load_state_dict(weights)
    right = evaluate_accuracy(network, test)
    print(json.dumps({"seconds": time.perf_counter() - began, "test_accuracy": right}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
