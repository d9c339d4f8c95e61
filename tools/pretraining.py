"""Pre-train the demonstration network: `python -m tools.pretraining SOURCE ...`.

Writes two files into `transfer_core/networks/weights`: the weights, and a card with their
training data, training settings and accuracy. Further archives add their classes to those of the
first one. An interrupted training resumes from its checkpoint.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from transfer_core import dataset, images
from transfer_core.dataset import samples
from transfer_core.features import augment, normalise
from transfer_core.networks import BUNDLED_WEIGHTS_FOLDER, SourceNetwork, demonstration, get_network
from transfer_core.system import get_home, hash_file
from transfer_core.training import predict_logits, shuffle_into_batches
from transfer_core.transferability import measure_reference_distances

SMALL_IMAGE_SIZE = 48  # pixels; most epochs see smaller images, which costs half the time
BATCH_SIZE = 128  # images
PEAK_LEARNING_RATE = 0.1
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
LABEL_SMOOTHING = 0.1
STATISTICS_IMAGES = 20_480  # training photos for the batch-norm statistics
REFERENCE_IMAGES = 1_000  # validation images for the reference distances

CARD_TEXTS = {
    "data": (
        "Natural photos of 160 classes of Tiny ImageNet (Stanford CS231n), and drawings made by "
        "code of 64 species of plankton that do not exist, 64 x 64 pixels"
    ),
    "commercial_use": False,
    "licence": (
        "The photos are from ImageNet: non-commercial research and teaching use. The weights "
        "were learned from them and are meant for the same use."
    ),
    "made_by": ("python -m tools.pretraining source_photos_160.zip sample:plankton_source"),
    "how": (
        "SGD with momentum on a one-cycle schedule, random crops, flips and colour changes, "
        "label smoothing 0.1; most epochs on 48 pixel images, the last ones on 64 pixels; at the "
        "end the normalisation statistics are taken anew from plain training photos"
    ),
}


@dataclass(frozen=True)
class SourceImages:
    """All source images in memory."""

    pixels: np.ndarray  # uint8, shape (N, H, W, 3)
    labels: np.ndarray  # int64, shape (N,)
    train: np.ndarray  # indices
    validation: np.ndarray  # indices, those of the first archive first
    first: int  # number of validation images of the first archive
    classes: tuple[str, ...]


def read_archives(archives: list[Path], size: int) -> SourceImages:
    """Read all archives; the classes of each are appended to those before."""
    parts, classes = [], []
    for archive in archives:
        data = dataset.ingest(archive, home=get_home())
        pixels = dataset.load_pixels(get_home(), data, images.Transform(size))[:]
        parts.append((pixels, data.labels + len(classes), data.indices("validation")))
        classes += data.classes
    pixels = np.concatenate([part[0] for part in parts])
    starts = np.cumsum([0, *(len(part[0]) for part in parts)])
    validation = np.concatenate([s + part[2] for s, part in zip(starts, parts, strict=False)])
    train = np.setdiff1d(np.arange(len(pixels)), validation)
    labels = np.concatenate([part[1] for part in parts])
    return SourceImages(pixels, labels, train, validation, len(parts[0][2]), tuple(classes))


def pretrain(
    photos: SourceImages,
    source: SourceNetwork,
    small_epochs: int,
    full_epochs: int,
    checkpoint: Path,
):
    """Train on small images first, then on full-size ones, on one one-cycle schedule.

    Args:
        photos: The source images.
        source: Describes normalisation and input size.
        small_epochs: Epochs at 48 pixels.
        full_epochs: Epochs at the network's input size.
        checkpoint: Written after every epoch and continued from if it exists.

    Returns:
        The trained network and one row of figures per epoch.

    Source:
        Growing image sizes: Touvron et al. 2019, "Fixing the train-test
        resolution discrepancy"; one-cycle: Smith and Topin 2018.
    """
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    network = demonstration.build(len(photos.classes)).to(memory_format=torch.channels_last)
    optimiser, schedule = _build_optimiser(
        network, (small_epochs + full_epochs) * (len(photos.train) // BATCH_SIZE)
    )
    epochs, history = small_epochs + full_epochs, []
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)  # our own file, written below
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        generator.set_state(state["generator"])
        history = state["history"]
    for epoch in range(len(history) + 1, epochs + 1):
        size = SMALL_IMAGE_SIZE if epoch <= small_epochs else source.input_size
        loss = _train_epoch(network, photos, source, size, optimiser, schedule, generator)
        row = {"epoch": epoch, "size": size, "loss": loss}
        history.append(row | measure_accuracy(network, photos, source, photos.validation))
        print(json.dumps(history[-1]), flush=True)
        parts = {"network": network, "optimiser": optimiser, "schedule": schedule}
        state = {name: part.state_dict() for name, part in parts.items()}
        torch.save(state | {"generator": generator.get_state(), "history": history}, checkpoint)
    return network.eval(), history


def _build_optimiser(network: nn.Module, steps: int):
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others}]
    optimiser = torch.optim.SGD(
        groups, lr=PEAK_LEARNING_RATE, momentum=MOMENTUM, nesterov=True, weight_decay=0
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        PEAK_LEARNING_RATE,
        total_steps=steps + 1,
        pct_start=0.2,
        div_factor=10,
        final_div_factor=200,
    )
    return optimiser, schedule


def _train_epoch(network, photos, source, size, optimiser, schedule, generator) -> float:
    network.train()
    losses = []
    steps = len(photos.train) // BATCH_SIZE
    for indices in shuffle_into_batches(photos.train, BATCH_SIZE, generator)[:steps]:
        batch = augment(photos.pixels[indices], source, size, generator)
        labels = torch.from_numpy(photos.labels[indices])
        loss = functional.cross_entropy(network(batch), labels, label_smoothing=LABEL_SMOOTHING)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return float(np.mean(losses))


@torch.no_grad()
def recompute_batchnorm_statistics(
    network: nn.Module, photos: SourceImages, source: SourceNetwork
) -> None:
    """Take the normalisation statistics anew, from training photos as they are, in place.

    Training saw augmented photos and dropout; what the statistics are compared
    with later, and what the network is used on, are plain photos.

    Source:
        "Precise" batch-norm statistics: Wu and Johnson 2021, "Rethinking Batch in
        BatchNorm", section 3.
    """
    layers = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    network.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean over all batches
        layer.train()
    sample = np.random.default_rng(0).permutation(photos.train)[:STATISTICS_IMAGES]
    for start in range(0, len(sample) - BATCH_SIZE + 1, BATCH_SIZE):
        network(normalise(photos.pixels[np.sort(sample[start : start + BATCH_SIZE])], source))
    for layer in layers:
        layer.momentum = 0.1
    network.eval()


def measure_accuracy(
    network: nn.Module, photos: SourceImages, source: SourceNetwork, indices: np.ndarray
) -> dict[str, float]:
    """Top-1 and top-5 accuracy and loss on some images."""
    outputs = predict_logits(network, photos.pixels[indices], source)
    labels = torch.from_numpy(photos.labels[indices])
    top5 = outputs.topk(5).indices == labels[:, None]
    return {
        "validation_accuracy": top5[:, 0].float().mean().item(),
        "validation_top5_accuracy": top5.any(1).float().mean().item(),
        "validation_loss": functional.cross_entropy(outputs, labels).item(),
    }


def write_network(
    network: nn.Module, photos: SourceImages, source: SourceNetwork, history: list, to: Path
):
    """Write weights in half precision and their card, with the accuracy of these weights."""
    weights = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    to.mkdir(parents=True, exist_ok=True)
    save_file(weights, to / "demonstration.safetensors")
    network.load_state_dict(weights)
    first, others = np.split(photos.validation, [photos.first])
    sample = np.random.default_rng(0).permutation(first)[:REFERENCE_IMAGES]
    card = CARD_TEXTS | {
        "classes": photos.classes,
        "train_images": len(photos.train),
        "validation_images": len(first),
        **round_figures(measure_accuracy(network, photos, source, first)),
        "epochs": history,
        "weights_sha256": hash_file(to / "demonstration.safetensors"),
        "file_size": round((to / "demonstration.safetensors").stat().st_size / 2**20, 3),
        **measure_cost(network, source.input_size),
        "reference_distances": measure_reference_distances(
            network, photos.pixels[np.sort(sample)], source
        ),
    }
    if len(others):
        count = {"validation_images": len(others)}
        card["further_archives"] = count | round_figures(
            measure_accuracy(network, photos, source, others)
        )
    text = json.dumps(card, indent=1, ensure_ascii=False)
    (to / "demonstration.json").write_text(text + "\n", encoding="utf-8")


def measure_cost(network: nn.Module, size: int) -> dict[str, float]:
    """Return the number of weights, and the billion multiply-adds for one image."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 3, size, size))
    operations = counter.get_total_flops() / 2e9  # a multiply-add counts as two
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {"parameters": parameters, "operations": round(operations, 3)}


def round_figures(figures: dict[str, float]) -> dict[str, float]:
    """Round figures for the card."""
    return {name: round(value, 4) for name, value in figures.items()}


def main() -> None:
    """Read the arguments, pre-train, write weights and card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archives", nargs="+", help="zips with train/ and val/, or sample:NAME")
    parser.add_argument("--small-epochs", type=int, default=12, help="epochs at 48 pixels")
    parser.add_argument("--full-epochs", type=int, default=6, help="epochs at full size")
    parser.add_argument("--checkpoint", type=Path, default=Path("pretraining.pt"))
    parser.add_argument("--to", type=Path, default=BUNDLED_WEIGHTS_FOLDER)
    options = parser.parse_args()
    source = get_network("demonstration")
    archives = [samples.resolve_path(archive, get_home()) for archive in options.archives]
    photos = read_archives(archives, source.input_size)
    network, history = pretrain(
        photos, source, options.small_epochs, options.full_epochs, options.checkpoint
    )
    recompute_batchnorm_statistics(network, photos, source)
    write_network(network, photos, source, history, options.to)


if __name__ == "__main__":
    main()
