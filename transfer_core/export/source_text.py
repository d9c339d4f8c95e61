"""Source text of this package's own functions, for scripts that run without it."""

import inspect
import json
import re
from collections.abc import Callable
from types import ModuleType

from transfer_core.export import plain_weights
from transfer_core.features import embedding
from transfer_core.images import decoding, transform
from transfer_core.networks import (
    SourceNetwork,
    demonstration,
    surgery,
    torchvision_row,
    torchvision_stages,
)
from transfer_core.system import devices

TORCHVISION_IMPORTS = """\
import re

from torchvision import models
from torchvision.models import DenseNet, SwinTransformer, VisionTransformer
from torchvision.ops import Permute"""
TORCHVISION_NETWORK = """\
def source_network(classes: int) -> nn.Sequential:
    return staged(row(build({!r}, classes, INPUT_SIZE)), STAGES)"""


def filled(template: str, source: SourceNetwork, **parts: str) -> str:
    """A template with its marks, such as `# {pixels}`, replaced by source text.

    Args:
        template: The template.
        source: The network that is transferred from.
        parts: Text by mark, beside what every script has.
    """
    parts |= {
        "network": network_text(source),
        "weights": module_text(plain_weights),
        "pixels": _pixels_text(),
        "normalise": _pooling_text(),
    }
    for mark, text in parts.items():
        template = template.replace(f"# {{{mark}}}", text)
    return template


def network_text(source: SourceNetwork) -> str:
    """Source text that defines `source_network`."""
    if source.architecture == demonstration.NAME:
        return module_text(demonstration) + "\n\n\nsource_network = build"
    stages = {stage.name: stage.modules for stage in source.stages}
    return "\n\n\n".join(
        (
            TORCHVISION_IMPORTS,
            module_text(torchvision_row),
            text_of(torchvision_stages.staged).strip(),
            f"STAGES = {literal(stages)}",
            TORCHVISION_NETWORK.format(source.architecture),
        )
    )


def _pooling_text() -> str:
    constants = {
        "POOLED_SIZE": surgery.POOLED_SIZE, "MOST_FEATURES": surgery.MOST_FEATURES,
        "BATCH": embedding.BATCH, "BATCH_PIXELS": embedding.BATCH_PIXELS,
    }  # fmt: skip
    lines = "\n".join(f"{name} = {value}" for name, value in constants.items())
    functions = text_of(
        devices.device_of, devices.sent, embedding.batch_size, embedding.normalise,
        surgery.pooled, surgery.pooled_size, surgery.new_layer, surgery.MeanToken,
    )  # fmt: skip
    return f"{lines}\n\n\n{functions}"


def _pixels_text() -> str:
    sideways = f"_SIDEWAYS = {decoding._SIDEWAYS}  # EXIF orientations that turn by a right angle"
    functions = text_of(
        decoding._turn_upright, decoding._rgb, decoding._eight_bits, decoding._from_lab,
        transform.Transform, transform.apply,
    )  # fmt: skip
    return f"{sideways}\n\n\n{functions}"


def literal(value: object) -> str:
    """Python source of a plain value; names of people's classes are escaped by it."""
    return repr(json.loads(json.dumps(value)))


def text_of(*objects: Callable | type) -> str:
    return "\n\n".join(inspect.getsource(each) for each in objects).rstrip()


def module_text(module: ModuleType) -> str:
    """A module's source behind its docstring and imports."""
    text = inspect.getsource(module).split('"""', 2)[2]
    return re.sub(r"^(from|import) .*\n", "", text, flags=re.MULTILINE).strip()
