"""Describe a trained network as the layers that `network.js` computes one after another.

Maps lie there in the order height, width, channels, so weights are turned accordingly. Batch norm
is folded into the layer before it: its factor into the scale of each output, its shift into the
bias.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from transfer_core.errors import RunError
from transfer_core.export.offline_page.stored_weights import BinaryBlock, store_weights
from transfer_core.inspection import TrainedNetwork
from transfer_core.languages import N_, _
from transfer_core.networks import HEAD, AllStagesNetwork, compute_pool_size, efficientnet_lite

LIBRARIES = ("demonstration", "efficientnet_lite")  # whose layers the page can compute
REMEDY = N_("Take the ONNX file instead, or train the demonstration network or EfficientNet-Lite.")

LayerKind = Literal[
    "convolution", "depthwise", "linear", "max pool", "average pool", "remember", "collect", "join"
]


@dataclass(slots=True)
class Layer:
    """One step of the page's computation."""

    kind: LayerKind
    settings: dict[str, Any] = field(default_factory=dict)
    weights: np.ndarray | None = None  # float32, outputs first, in the page's order
    factors: np.ndarray | None = None  # float32 (outputs,), from batch norm
    bias: np.ndarray | None = None  # float32 (outputs,)

    def fold(self, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        """Take over a batch norm that follows."""
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * factor
        self.factors = self.factors * _to_array(factor)
        self.bias = self.bias * _to_array(factor) + _to_array(shift)

    def store(self, block: BinaryBlock) -> dict[str, Any]:
        """Return the layer as plain data; its arrays go into the block."""
        if self.weights is None:
            return {"kind": self.kind} | self.settings
        stored = store_weights(self.weights)
        arrays = {
            "weights": block.add(stored.values),
            "scales": block.add(stored.scales * self.factors),
            "bias": block.add(self.bias),
        }
        return {"kind": self.kind} | self.settings | arrays


@dataclass(frozen=True, slots=True)
class LayerList:
    """A network as the page computes it."""

    layers: tuple[Layer, ...]
    feature_order: np.ndarray  # index in torch of each feature that the page's head reads, (D,)


def list_layers(trained: TrainedNetwork) -> LayerList:
    """Return the layers from normalised pixels to logits.

    Raises:
        RunError: If the network has layers that the page cannot compute.
    """
    if trained.source.library not in LIBRARIES:
        raise RunError(
            _(
                "The offline page cannot compute the layers of this network: it knows convolution, "
                "ReLU, pooling and linear layers, as the two networks that come with the app have."
            ),
            found=trained.source.title,
            remedy=_(REMEDY),
        )
    size, reads_all = trained.source.input_size, isinstance(trained.network, AllStagesNetwork)
    chain = _Chain((3, size, size))
    with torch.no_grad():
        for name, stage in trained.network.named_children():
            if name == HEAD and reads_all:
                chain.join()
            chain.add_module(stage)
            if name != HEAD and reads_all:
                chain.collect()
    return LayerList(tuple(chain.layers), chain.last_inputs)


@dataclass(slots=True)
class _Chain:
    """Layers so far, and the shape of what the last one gives for one image."""

    shape: tuple[int, ...]  # maps (C, H, W), or features (D,)
    order: np.ndarray | None = None  # index in torch of each of the page's features; None of maps
    layers: list[Layer] = field(default_factory=list)
    padding: tuple[int, int, int, int] | None = None  # of the next convolution
    collected: list[np.ndarray] = field(default_factory=list)  # orders of the collected features
    last_inputs: np.ndarray | None = None  # order of the features that the last linear layer reads

    def add_module(self, module: nn.Module) -> None:
        """Add the layers of a module of one of the two architectures."""
        for each in _iter_layers(module):
            match each:
                case nn.Conv2d():
                    self._add_convolution(each)
                case nn.Linear():
                    self._add_linear(each)
                case nn.BatchNorm1d() | nn.BatchNorm2d():
                    self.layers[-1].fold(each)
                case nn.ReLU() | nn.ReLU6():
                    self.layers[-1].settings["relu"] = 6 if isinstance(each, nn.ReLU6) else "any"
                case nn.MaxPool2d() | nn.AdaptiveMaxPool2d() | nn.AdaptiveAvgPool2d():
                    self._add_pooling(each)
                case nn.Flatten():
                    self._flatten()
                case efficientnet_lite.SamePadding():
                    __, height, width = self.shape
                    self.padding = (*each.compute_zeros(height), *each.compute_zeros(width))
                case "remember":
                    self.layers.append(Layer("remember"))
                case "add":
                    self.layers[-1].settings["adds_remembered"] = True
                case nn.Dropout():
                    pass  # without effect outside training

    def _add_convolution(self, layer: nn.Conv2d) -> None:
        (kernel, _), (stride, _), (pad, _) = layer.kernel_size, layer.stride, layer.padding
        padding, self.padding = self.padding or (pad,) * 4, None
        top, bottom, left, right = padding
        settings = {"kernel": kernel, "stride": stride, "padding": [top, bottom, left, right]}
        kind = "depthwise" if layer.groups > 1 else "convolution"
        weights = _to_array(layer.weight).transpose(0, 2, 3, 1)  # outputs, height, width, inputs
        self._add_weighted(kind, settings, weights, layer.bias)
        __, height, width = self.shape
        sides = (height + top + bottom, width + left + right)
        self.shape = (layer.out_channels, *((side - kernel) // stride + 1 for side in sides))

    def _add_linear(self, layer: nn.Linear) -> None:
        weights = _to_array(layer.weight)[:, self.order]
        self._add_weighted("linear", {}, weights, layer.bias)
        self.last_inputs = self.order
        self.order, self.shape = np.arange(layer.out_features), (layer.out_features,)

    def _add_weighted(self, kind, settings, weights, bias) -> None:
        outputs = len(weights)
        bias = np.zeros(outputs, np.float32) if bias is None else _to_array(bias)
        layer = Layer(kind, settings, weights, np.ones(outputs, np.float32), bias)
        self.layers.append(layer)

    def _add_pooling(self, layer: nn.Module) -> None:
        channels, height, width = self.shape
        if isinstance(layer, nn.MaxPool2d):
            # Maps of odd sides lose their last row, which pools of a fixed number would not.
            self.layers.append(Layer("max pool", {"window": layer.kernel_size}))
            self.shape = (channels, height // layer.kernel_size, width // layer.kernel_size)
            return
        kind = "max pool" if isinstance(layer, nn.AdaptiveMaxPool2d) else "average pool"
        self.layers.append(Layer(kind, {"side": layer.output_size}))
        self.shape = (channels, layer.output_size, layer.output_size)

    def _flatten(self) -> None:
        """Flatten maps: their values stay where they are, in another order than torch's."""
        self.order = _list_page_order(self.shape)
        self.shape = self.order.shape

    def collect(self) -> None:
        """Keep what a head over all stages reads of the last stage, see `pool_features`."""
        order, settings = self.order, {}
        if len(self.shape) == 3:
            channels, side = self.shape[0], compute_pool_size(self.shape[0])
            order, settings = _list_page_order((channels, side, side)), {"side": side}
        self.layers.append(Layer("collect", settings))
        self.collected.append(order + sum(map(len, self.collected)))

    def join(self) -> None:
        """Put what was collected side by side."""
        self.layers.append(Layer("join"))
        self.order = np.concatenate(self.collected)
        self.shape = self.order.shape


def _iter_layers(module: nn.Module) -> Iterator[nn.Module | Literal["remember", "add"]]:
    """Yield the layers inside a module in the order in which they compute."""
    if isinstance(module, efficientnet_lite.Block):
        if module.has_skip:
            yield "remember"
        yield from _iter_layers(module.layers)
        if module.has_skip:
            yield "add"
    elif isinstance(module, nn.Sequential):
        for each in module:
            yield from _iter_layers(each)
    else:
        yield module


def _list_page_order(shape: tuple[int, int, int]) -> np.ndarray:
    """Return the index in torch, (C, H, W), of each value in the page's order, (H, W, C)."""
    return np.arange(np.prod(shape)).reshape(shape).transpose(1, 2, 0).ravel()


def _to_array(values: torch.Tensor) -> np.ndarray:
    return values.detach().float().numpy()
