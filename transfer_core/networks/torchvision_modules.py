"""torchvision's classification networks, each flattened to a sequence of modules.

Run one after another, the modules compute what the network computes. A function that `forward`
calls between two modules becomes a small module of its own; only these differ between families.
"""

import re
from collections.abc import Iterator

import torch
from torch import nn
from torchvision import models
from torchvision.models import DenseNet, SwinTransformer, VisionTransformer
from torchvision.ops import Permute

AUXILIARY_HEAD_PREFIXES = ("aux1.", "aux2.", "AuxLogits.")  # heads that only helped pre-training
WEIGHT_RENAMES = (  # of weights, in files published before torchvision renamed them
    (re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\."), r"\1\2."),
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)


def build_model(architecture: str, num_classes: int, image_size: int) -> nn.Module:
    """Build torchvision's own network, with torchvision's random weights.

    Args:
        architecture: A name of `torchvision.models.list_models`.
        num_classes: Number of outputs C of the last layer.
        image_size: Side of its input in pixels; only vision transformers need it.
    """
    options: dict[str, object] = {"num_classes": num_classes}
    if architecture in {"googlenet", "inception_v3"}:
        # The published weights expect the normalisation of their authors.
        options |= {"aux_logits": False, "init_weights": False, "transform_input": True}
    elif architecture.startswith("vit_"):
        options["image_size"] = image_size
    return models.get_model(architecture, weights=None, **options)


def update_weight_name(name: str) -> str | None:
    """Return today's name of weights; None if no module uses them."""
    if name.startswith(AUXILIARY_HEAD_PREFIXES):
        return None
    for old, new in WEIGHT_RENAMES:
        name = old.sub(new, name)
    return name


def flatten_model(model: nn.Module) -> dict[str, nn.Module]:
    """Return the modules of a network, input to output, by their paths.

    Modules that replace a function have names that are no path. Between any two modules, maps
    have the shape (B, C, H, W), tokens (B, T, D), vectors (B, D).
    """
    modules = list(_iter_modules(model))
    kinds = [type(module) for _, module in modules]
    if nn.Flatten not in kinds and ClassTokenPooling not in kinds:
        at = kinds.index(nn.Linear) if nn.Linear in kinds else len(kinds)
        while at and nn.Linear in kinds and kinds[at - 1] is nn.Dropout:
            at -= 1  # drop features, not pixels of maps
        pooled = nn.AdaptiveAvgPool2d in kinds
        modules[at:at] = [("flatten", nn.Flatten())]
        modules[at:at] = [] if pooled else [("pool", nn.AdaptiveAvgPool2d(1))]
    return dict(modules)


def _iter_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(model, VisionTransformer):
        yield "tokens", PatchEmbedding(model)
        yield from _iter_children("encoder.layers", model.encoder.layers)
        yield "encoder.ln", model.encoder.ln
        yield "class_token", ClassTokenPooling()
        yield from _iter_children("heads", model.heads)
        return
    if getattr(model, "transform_input", False):
        yield "transform_input", TransformInput(model)
    for name, child in model.named_children():
        for path, module in _iter_children(name, child):
            if not isinstance(model, SwinTransformer) or name in {"avgpool", "flatten", "head"}:
                yield path, module
            elif name != "permute":
                yield path, ChannelsLast(module, permute_input=path != "features.0")
        if isinstance(model, DenseNet) and name == "features":
            yield "relu", nn.ReLU(inplace=True)


def _iter_children(name: str, child: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules of a container, or the module itself."""
    if type(child) in {nn.Sequential, nn.ModuleList}:
        yield from ((f"{name}.{index}", module) for index, module in child.named_children())
    else:
        yield name, child


class PatchEmbedding(nn.Module):
    """The first step of a vision transformer: (B, 3, H, W) to tokens (B, T, D).

    The class token comes first, then one token per patch; position embeddings are added.
    """

    def __init__(self, model: VisionTransformer) -> None:
        super().__init__()
        self.conv_proj, self.dropout = model.conv_proj, model.encoder.dropout
        self.class_token, self.pos_embedding = model.class_token, model.encoder.pos_embedding

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return tokens with their position embeddings."""
        patches = self.conv_proj(images).flatten(2).transpose(1, 2)
        first = self.class_token.expand(images.shape[0], -1, -1)
        return self.dropout(torch.cat([first, patches], dim=1) + self.pos_embedding)


class ClassTokenPooling(nn.Module):
    """The input of a vision transformer's head: tokens (B, T, D) to the first one (B, D)."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the class token."""
        return tokens[:, 0]


class ChannelsLast(nn.Module):
    """Wrap a module that works on (B, H, W, C) for maps of shape (B, C, H, W).

    Args:
        module: The module.
        permute_input: Whether its input is (B, H, W, C) too; the first module takes images.
    """

    def __init__(self, module: nn.Module, *, permute_input: bool) -> None:
        super().__init__()
        self.to_channels_last = Permute([0, 2, 3, 1]) if permute_input else nn.Identity()
        self.module, self.to_channels_first = module, Permute([0, 3, 1, 2])

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps (B, C, H, W)."""
        return self.to_channels_first(self.module(self.to_channels_last(maps)))


class TransformInput(nn.Module):
    """Convert the standard ImageNet normalisation to the one of the network's authors."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._transform = type(model)._transform_input
        self.transform_input = True  # torchvision's function reads it

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return images (B, 3, H, W)."""
        return self._transform(self, images)
