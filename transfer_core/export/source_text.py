"""Render source text of this package's functions into scripts that run without the package."""

import inspect
import json
import re
from collections.abc import Callable
from types import ModuleType

from transfer_core.export import safetensors_reader
from transfer_core.features import preprocessing
from transfer_core.images import colours, decoding, transform
from transfer_core.networks import (
    SourceNetwork,
    demonstration,
    efficientnet_lite,
    head,
    timm_modules,
    torchvision_modules,
    torchvision_stages,
)
from transfer_core.system import devices

EFFICIENTNET_LITE_NETWORK = """\
import math

from torch.nn import functional

{}


def source_network(classes: int) -> nn.Sequential:
    return build({!r}, classes)"""
TORCHVISION_IMPORTS = """\
import re

from torchvision import models
from torchvision.models import DenseNet, SwinTransformer, VisionTransformer
from torchvision.ops import Permute"""
TORCHVISION_NETWORK = """\
def source_network(classes: int) -> nn.Sequential:
    return build_staged_network(flatten_model(build_model({!r}, classes, INPUT_SIZE)), STAGES)"""
TIMM_NETWORK = """\
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import timm  # {version}
from timm.layers import get_notrace_functions
from torch import fx
from torch.nn import functional

{modules}


ENDS = {ends}  # of the stages: the name of a call, and the layout of its output


def source_network(classes: int) -> nn.Sequential:
    model = build_model({architecture!r}, classes, INPUT_SIZE)
    return build_staged_network(model, ENDS, {classifier!r})"""


def fill_template(template: str, source: SourceNetwork, **parts: str) -> str:
    """Replace the marks of a template, such as `# {pixels}`, by source text.

    Args:
        template: Source text with marks.
        source: The source network of the run.
        parts: Text by mark, in addition to the marks that every script has.
    """
    parts |= {
        "network": render_network(source),
        "weights": get_module_source(safetensors_reader),
        "pixels": _render_decoding(),
        "normalise": _render_pooling(),
    }
    for mark, text in parts.items():
        template = template.replace(f"# {{{mark}}}", text)
    return template


def render_network(source: SourceNetwork) -> str:
    """Return source text that defines `source_network(classes)`."""
    if source.library == "demonstration":
        return get_module_source(demonstration) + "\n\n\nsource_network = build"
    if source.library == "efficientnet_lite":
        text = get_module_source(efficientnet_lite)
        return EFFICIENTNET_LITE_NETWORK.format(text, source.architecture)
    if source.library == "timm":
        return _render_timm_network(source)
    stages = {stage.name: stage.modules for stage in source.stages}
    return "\n\n\n".join(
        (
            TORCHVISION_IMPORTS,
            get_module_source(torchvision_modules),
            get_source(torchvision_stages.build_staged_network).strip(),
            f"STAGES = {format_literal(stages)}",
            TORCHVISION_NETWORK.format(source.architecture),
        )
    )


def _render_timm_network(source: SourceNetwork) -> str:

    *stages, classifier = source.stages
    return TIMM_NETWORK.format(
        version=source.card["timm_version"],
        modules=get_module_source(timm_modules),
        ends=format_literal({stage.name: (stage.end, stage.layout) for stage in stages}),
        architecture=source.architecture,
        classifier=classifier.name,
    )


def _render_pooling() -> str:
    constants = {
        "MAX_POOL_SIZE": head.MAX_POOL_SIZE,
        "MAX_HEAD_FEATURES": head.MAX_HEAD_FEATURES,
        "MAX_BATCH_SIZE": preprocessing.MAX_BATCH_SIZE,
        "MAX_BATCH_PIXELS": preprocessing.MAX_BATCH_PIXELS,
    }
    lines = "\n".join(f"{name} = {value}" for name, value in constants.items())
    functions = get_source(
        devices.get_device,
        devices.copy_to_device,
        preprocessing.choose_batch_size,
        preprocessing.normalise,
        head.pool_features,
        head.compute_pool_size,
        head.build_head,
        head.TokenMeanPool,
        head.AllStagesNetwork,
        head.compute_head_inputs,
    )
    return f"{lines}\n\n\n{functions}"


def _render_decoding() -> str:
    constants = (
        f"_TURNING_ORIENTATIONS = {decoding._TURNING_ORIENTATIONS}"
        "  # EXIF orientations that turn by a right angle\n"
        f"BAND_PIXELS = {colours.BAND_PIXELS}  # converted at a time"
    )
    functions = get_source(
        decoding.turn_upright,
        colours.convert_to_rgb,
        colours._choose_conversion,
        colours._lay_on_white,
        colours._make_scaling,
        colours._read_values,
        colours._make_lab_conversion,
        transform.Transform,
        transform.fit_image,
        transform.apply_transform,
    )
    return f"{constants}\n\n\n{functions}"


def format_literal(value: object) -> str:
    """Return a plain value as Python source; this escapes class names that people chose."""
    return repr(json.loads(json.dumps(value)))


def get_source(*objects: Callable | type) -> str:
    return "\n\n".join(inspect.getsource(each) for each in objects).rstrip()


def get_module_source(module: ModuleType) -> str:
    """Return the source of a module without its docstring and imports."""
    text = inspect.getsource(module).split('"""', 2)[2]
    return re.sub(r"^(from|import) .*\n", "", text, flags=re.MULTILINE).strip()
