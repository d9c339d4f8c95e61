"""The device that networks are computed on: the processor or a GPU."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from transfer_core.errors import SettingsError
from transfer_core.languages import _

if TYPE_CHECKING:  # pages read run configurations without torch
    import numpy as np
    import torch

Device = Literal["cpu", "cuda"]
DEVICE_VARIABLE = "TRANSFER_DEVICE"


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
