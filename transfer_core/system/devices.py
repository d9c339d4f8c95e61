"""The device that networks are computed on: the processor or a GPU."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from transfer_core.errors import SettingsError
from transfer_core.languages import _
from transfer_core.system.memory import find_memory_size

if TYPE_CHECKING:  # pages read run configurations without torch
    import numpy as np
    import torch

Device = Literal["cpu", "cuda"]
DEVICE_VARIABLE = "TRANSFER_DEVICE"


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a device of this computer is."""

    key: str  # as torch names it: "cpu", "cuda:0"
    name: str  # of its maker
    memory: int | None  # bytes; None if the system does not tell
    cores: int | None  # of a processor


def choose_device() -> Device:
    """The GPU if torch can use one, else the processor; `TRANSFER_DEVICE` overrides both.

    Raises:
        SettingsError: If `TRANSFER_DEVICE` names a device that this machine does not have.
    """
    import torch

    setting = os.environ.get(DEVICE_VARIABLE)
    if setting:
        return validate_device(setting)
    return "cuda" if torch.cuda.is_available() else "cpu"


def count_devices(device: Device) -> int:
    """Return how many devices of a kind this machine has: GPUs, or cores of the processor."""
    import torch

    return torch.cuda.device_count() if device == "cuda" else os.cpu_count() or 1


def validate_device(device: str) -> Device:
    """Return the device if this machine has it.

    Raises:
        SettingsError: If it has not.
    """
    import torch

    if device == "cpu" or (device == "cuda" and torch.cuda.is_available()):
        return device
    raise SettingsError(
        _("This machine cannot compute on that device."),
        found=device,
        remedy=_(
            "Start a new run, or set {variable} to cpu, or to cuda where torch finds a GPU.",
            variable=DEVICE_VARIABLE,
        ),
    )


def list_hardware() -> tuple[Hardware, ...]:
    """Describe the processor of this computer, then its GPUs, unless `TRANSFER_DEVICE` is cpu."""
    memory = None
    with suppress(AttributeError, OSError, ValueError):  # not on Windows
        memory = find_memory_size()
    processor = Hardware("cpu", _find_processor_name(), memory, os.cpu_count())
    return processor, *(_list_gpus() if choose_device() == "cuda" else ())


def _find_processor_name() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _colon, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _list_gpus() -> tuple[Hardware, ...]:
    import torch

    found = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    return tuple(Hardware(f"cuda:{n}", g.name, g.total_memory, None) for n, g in enumerate(found))


def get_device(model: torch.nn.Module) -> torch.device:
    """The device of a model's weights, which is where it is computed."""
    return next(model.parameters()).device


def copy_to_device(array: np.ndarray, device: torch.device | None = None) -> torch.Tensor:
    """Copy an array to a device; to a GPU from pinned memory and without waiting.

    Args:
        array: Any shape and type.
        device: None is the processor.

    Returns:
        A tensor of the same shape and type.
    """
    import numpy as np
    import torch

    # A copy: arrays of the caches are read-only, and tensors must not be.
    tensor = torch.from_numpy(np.array(array))
    if device is None or device.type != "cuda":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
