"""Describe one of timm's networks: its stages, its input, its card. This brings timm and torch."""

import math
from dataclasses import asdict, replace

import timm
import torch
from timm.data import resolve_data_config
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from transfer_core.errors import NetworkError
from transfer_core.languages import _
from transfer_core.networks.empty_weights import init_empty_weights
from transfer_core.networks.source_network import SourceNetwork, Stage
from transfer_core.networks.timm_licences import allows_commercial_use, describe_licence
from transfer_core.networks.timm_modules import list_classifiers
from transfer_core.networks.timm_networks import build_model, group_by_stage
from transfer_core.networks.timm_stages import split_into_stages

SMALLER_INPUT = {"_dinov2": 224}  # pixels, by a part of a name: 518 would be slow
BYTES_PER_WEIGHT = 4
DATA = {  # by a part of a tag, the most telling first
    "in22k": "ImageNet-22k, 14 million photos of 21,841 classes",
    "in21k": "ImageNet-21k, 14 million photos of 21,841 classes",
    "in12k": "ImageNet-12k, 12 million photos of 11,821 classes",
    "lvd142m": "142 million photos of the web, without classes",
    "lvd1689m": "1.7 billion photos of the web, without classes",
    "openai": "400 million photos of the web with their texts",
    "laion2b": "2 billion photos of the web with their texts",
    "webli": "10 billion photos of the web with their texts",
    "in1k": "ImageNet, 1.28 million photos of 1,000 classes",
}
SQUEEZED = (
    "It was trained on whole images, squeezed into a square; here the centre of each is used."
)


def describe_tag(tag: str) -> dict:
    """Return a network's values for `timm.json` or a description in the data folder.

    Args:
        tag: Architecture and weights, a name of `timm.list_pretrained`.

    Raises:
        NetworkError: If the network cannot be used here.
    """
    config = timm.get_pretrained_cfg(tag)
    if config is None or not config.hf_hub_id:
        raise _make_error(tag, "the hub has no weights of it")
    __, height, width = config.input_size
    if height != width:
        raise _make_error(tag, f"its input is not square: {height} x {width} pixels")
    size = next((size for part, size in SMALLER_INPUT.items() if part in tag), height)
    source = _describe_input(tag, size, config)
    try:
        with init_empty_weights():
            model = build_model(source, len(source.card["classes"])).eval()
        model = model.to("meta").requires_grad_(False)
        stages = split_into_stages(model, size)
        _refuse_shared_weights(group_by_stage(replace(source, stages=stages), model))
        operations = _count_operations(model, size)
    except Exception as error:  # tracing stops at whatever is not a row of calls, in many ways
        raise _make_error(tag, " ".join(str(error).split())[:200]) from error
    parameters = sum(each.numel() for each in model.parameters())
    card = source.card | {
        "classes": len(source.card["classes"]),
        "classifier": list_classifiers(model)[0],
        "parameters": parameters,
        "operations": operations,
        "file_size": round(parameters * BYTES_PER_WEIGHT / 2**20, 3),
    }
    return {
        "name": source.name,
        "title": source.title,
        "architecture": tag,
        "input_size": size,
        "resize": source.resize,
        "interpolation": source.interpolation,
        "mean": source.mean,
        "std": source.std,
        "file": source.file,
        "card": card,
        "stages": [_list_values(stage) for stage in stages],
    }


def _describe_input(tag: str, size: int, config) -> SourceNetwork:
    """Return the network as far as it is known without its layers."""
    data = resolve_data_config(pretrained_cfg=config.to_dict(), verbose=False)
    repository = config.hf_hub_id
    weights = [part for part in DATA if part in tag]
    card = {
        "data": DATA[weights[0]]
        if weights
        else f"described at https://huggingface.co/{repository}",
        "classes": range(config.num_classes or 1),
        "weights_sha256": "",
        "repository": repository,
        "package": "timm",
        "timm_version": timm.__version__,
        "how": "Made and described at "
        + (config.origin_url or f"huggingface.co/{repository}")
        + (f". {SQUEEZED}" if data["crop_mode"] != "center" else "."),
        "made_by": f"https://huggingface.co/{repository}",
        "licence": describe_licence(config.license),
        "commercial_use": allows_commercial_use(config.license),
    }
    return SourceNetwork(
        name=f"timm.{tag}",
        title=f"timm {tag}",
        library="timm",
        architecture=tag,
        stages=(),
        input_size=size,
        resize=math.floor(size / data["crop_pct"]),
        interpolation=data["interpolation"],
        mean=tuple(data["mean"]),
        std=tuple(data["std"]),
        origin="hub",
        file=f"{tag}.safetensors",
        card=card,
    )


def _refuse_shared_weights(network: nn.Sequential) -> None:
    """Raise a ValueError if two places of a network have the same weights: no file could say so."""
    weights = list(network.state_dict(keep_vars=True).values())
    if len({id(value) for value in weights}) < len(weights):
        raise ValueError("several of its layers share weights")


@torch.no_grad()
def _count_operations(model: nn.Module, size: int) -> float:
    """Return billion multiply-adds for an image."""
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, size, size, device="meta"))
    return round(counter.get_total_flops() / 2 / 1e9, 3)


def _list_values(stage: Stage) -> dict:
    """Return the values of a stage that are not the usual ones."""
    usual = asdict(Stage("", "", "convolutional", ""))
    named = "name", "title", "kind", "sees"
    return {k: v for k, v in asdict(stage).items() if k in named or v != usual[k]}


def _make_error(tag: str, reason: str) -> NetworkError:
    return NetworkError(
        _("This network of timm cannot be used here."),
        found=f"{tag}: {reason}",
        remedy=_("Take another network; the page Networks lists some that an expert would take."),
    )
