"""torchvision's classification networks, each as a row of modules.

torchvision builds a network and knows how its weights are called. Here its modules are put in
a row: run one after another they give what the network gives. Where its `forward` has a
function in between, the row has a small module; the families differ in no more than that.
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
    """torchvision's own network, initialised as torchvision does.

    Args:
        architecture: A name of `torchvision.models.list_models`.
        num_classes: Number of outputs C of the last layer.
        image_size: Side of its input in pixels, on which only vision transformers depend.
    """
    options: dict[str, object] = {"num_classes": num_classes}
    if architecture in {"googlenet", "inception_v3"}:
        # The published weights take images in their authors' normalisation.
        options |= {"aux_logits": False, "init_weights": False, "transform_input": True}
    elif architecture.startswith("vit_"):
        options["image_size"] = image_size
    return models.get_model(architecture, weights=None, **options)


def update_weight_name(name: str) -> str | None:
    """What weights of this name are called now; None if the row has no use for them."""
    if name.startswith(AUXILIARY_HEAD_PREFIXES):
        return None
    for old, new in WEIGHT_RENAMES:
        name = old.sub(new, name)
    return name


def flatten_model(model: nn.Module) -> dict[str, nn.Module]:
    """The modules of a network, input to output, by their paths in it.

    Modules that stand for a function have names that are no path. Maps have the shape
    (B, C, H, W) between any two modules, tokens (B, T, D), vectors (B, D).
    """
    modules = list(_iter_modules(model))
    kinds = [type(module) for _, module in modules]
    if nn.Flatten not in kinds and ClassTokenPooling not in kinds:
        at = kinds.index(nn.Linear) if nn.Linear in kinds else len(kinds)
        while at and nn.Linear in kinds and kinds[at - 1] is nn.Dropout:
            at -= 1  # what is dropped are features, not pixels of maps
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
    """The modules of a container, or the module itself."""
    if type(child) in {nn.Sequential, nn.ModuleList}:
        yield from ((f"{name}.{index}", module) for index, module in child.named_children())
    else:
        yield name, child


class PatchEmbedding(nn.Module):
    """The first step of a vision transformer: (B, 3, H, W) to tokens (B, T, D).

    The class token comes first, then one token a patch; their positions are added.
    """

    def __init__(self, model: VisionTransformer) -> None:
        super().__init__()
        self.conv_proj, self.dropout = model.conv_proj, model.encoder.dropout
        self.class_token, self.pos_embedding = model.class_token, model.encoder.pos_embedding

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Tokens with their positions."""
        patches = self.conv_proj(images).flatten(2).transpose(1, 2)
        first = self.class_token.expand(images.shape[0], -1, -1)
        return self.dropout(torch.cat([first, patches], dim=1) + self.pos_embedding)


class ClassTokenPooling(nn.Module):
    """What a vision transformer's head sees: tokens (B, T, D) to the first one (B, D)."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The class token."""
        return tokens[:, 0]


class ChannelsLast(nn.Module):
    """A module that works on (B, H, W, C), for maps (B, C, H, W).

    Args:
        module: The module.
        permute_input: Whether it takes its input so too; the first one takes images.
    """

    def __init__(self, module: nn.Module, *, permute_input: bool) -> None:
        super().__init__()
        self.to_channels_last = Permute([0, 2, 3, 1]) if permute_input else nn.Identity()
        self.module, self.to_channels_first = module, Permute([0, 3, 1, 2])

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps (B, C, H, W)."""
        return self.to_channels_first(self.module(self.to_channels_last(maps)))


class TransformInput(nn.Module):
    """From ImageNet's usual normalisation to the one of the network's authors."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._transform = type(model)._transform_input
        self.transform_input = True  # what torchvision's function asks for

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images (B, 3, H, W)."""
        return self._transform(self, images)
