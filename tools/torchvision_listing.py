"""List torchvision's networks: `python -m tools.torchvision_listing`.

Builds every classification network of the installed torchvision without memory for its weights,
splits it into stages, and stores them with the metadata of its preferred weights.
"""

import inspect
import json
import re

from torchvision import models

from transfer_core.networks.blank import init_empty_weights
from transfer_core.networks.torchvision_catalog import CATALOG_FILE
from transfer_core.networks.torchvision_row import build_model, flatten_model
from transfer_core.networks.torchvision_stages import split_into_stages

WEIGHTS_HOST = "https://download.pytorch.org/models/"
FAMILY_TITLES = {
    "alexnet": "AlexNet",
    "convnext": "ConvNeXt",
    "densenet": "DenseNet",
    "efficientnet": "EfficientNet",
    "googlenet": "GoogLeNet",
    "inception": "Inception",
    "maxvit": "MaxViT",
    "mnasnet": "MNASNet",
    "mobilenet": "MobileNet",
    "regnet": "RegNet",
    "resnet": "ResNet",
    "resnext": "ResNeXt",
    "shufflenet": "ShuffleNet",
    "squeezenet": "SqueezeNet",
    "swin": "Swin Transformer",
    "vgg": "VGG",
    "vit": "Vision Transformer",
    "wide_resnet": "Wide ResNet",
}
LICENCE = (
    "Weights published by torchvision (BSD 3-Clause), learned from ImageNet, whose photos are "
    "for non-commercial research and teaching"
)


def build_catalog() -> dict:
    """Return the content of `torchvision.json` for the installed torchvision."""
    names = models.list_models(module=models)
    classes = models.get_model_weights(names[0]).DEFAULT.meta["categories"]
    return {"classes": classes, "networks": [build_entry(name, classes) for name in names]}


def build_entry(name: str, classes: list[str]) -> dict:
    """Return the entry of one network.

    Raises:
        ValueError: If its weights break a rule that all published weights have followed so far.
    """
    weights = models.get_model_weights(name).DEFAULT
    preset, meta = weights.transforms(), weights.meta
    file = weights.url.removeprefix(WEIGHTS_HOST)
    digest = re.search(r"-([0-9a-f]{8,})\.pth$", file)
    if not digest or "/" in file or meta["categories"] != classes:
        raise ValueError(f"{weights.url}: no hash in its name, another host, or other classes")
    size, resize = preset.crop_size[0], preset.resize_size[0]
    with init_empty_weights():
        model = build_model(name, len(classes), size)
    stages = split_into_stages(flatten_model(model.to("meta")), size)
    scores = meta["_metrics"]["ImageNet-1K"]
    return {
        "name": name,
        "title": make_title(name),
        "architecture": name,
        "input_size": size,
        "resize": resize,
        "interpolation": preset.interpolation.value,
        "mean": preset.mean,
        "std": preset.std,
        "file": file,
        "card": {
            "data": "ImageNet, 1.28 million photos of 1,000 classes",
            "weights": weights.name,
            "weights_sha256": digest[1],
            "accuracy": round(scores["acc@1"] / 100, 5),
            "accuracy_top5": round(scores["acc@5"] / 100, 5),
            "parameters": meta["num_params"],
            "operations": meta["_ops"],
            "file_size": meta["_file_size"],
            "how": _strip_markup(inspect.cleandoc(meta["_docs"])),
            "made_by": meta["recipe"],
            "licence": meta.get("license", LICENCE),
        },
        "stages": [
            {"name": s.name, "title": s.title, "kind": s.kind, "sees": s.sees, "modules": s.modules}
            for s in stages
        ],
    }


def _strip_markup(text: str) -> str:
    """Remove the marks for links and code from a text of torchvision's pages."""
    return re.sub(r"`+([^`<]+?)\s*(?:<[^>]*>)?`+_*", r"\1", text)


def make_title(name: str) -> str:
    """Turn a builder's name into a title: "regnet_y_1_6gf" is "RegNet Y 1.6GF"."""
    family = max((f for f in FAMILY_TITLES if name.startswith(f)), key=len)
    variant = re.sub(r"(?<!\d)(\d)_(\d)", r"\1.\2", name.removeprefix(family))
    words = variant.replace("_", " ").split()
    short = (w.upper() if len(w) <= 2 or w.endswith(("gf", "mf")) else w for w in words)
    return " ".join((FAMILY_TITLES[family], *short))


if __name__ == "__main__":
    text = json.dumps(build_catalog(), ensure_ascii=False)
    CATALOG_FILE.write_text(text.replace('{"name"', '\n{"name"') + "\n", encoding="utf-8")
