"""Where networks are computed: on the processor, or on a GPU where there is one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from transfer_core.errors import SettingsError

if TYPE_CHECKING:  # pages read run configurations without torch
    import numpy as np
    import torch

Device = Literal["cpu", "cuda"]
DEVICE_VARIABLE = "TRANSFER_DEVICE"


def choose_device() -> Device:
    """The GPU where torch can use one, else the processor; TRANSFER_DEVICE overrules.

    Raises:
        SettingsError: If TRANSFER_DEVICE names what this machine does not have.
    """
    import torch

    asked = os.environ.get(DEVICE_VARIABLE)
    if asked:
        return validate_device(asked)
    return "cuda" if torch.cuda.is_available() else "cpu"


def validate_device(device: str) -> Device:
    """The device itself, once this machine is seen to have it.

    Raises:
        SettingsError: If it does not.
    """
    import torch

    if device == "cpu" or (device == "cuda" and torch.cuda.is_available()):
        return device
    raise SettingsError(
        "This machine cannot compute on that device.",
        found=device,
        remedy=f"Start a new run, or set {DEVICE_VARIABLE} to cpu, or to cuda where torch finds a GPU.",
    )


def get_device(model: torch.nn.Module) -> torch.device:
    """Where a model's weights lie, and so where it is computed."""
    return next(model.parameters()).device


def copy_to_device(array: np.ndarray, device: torch.device | None = None) -> torch.Tensor:
    """A copy of an array on a device; to a GPU from pinned memory, without waiting for it.

    Args:
        array: Of any shape.
        device: None is the processor.
    """
    import numpy as np
    import torch

    # A copy, since caches are read-only and tensors are not.
    tensor = torch.from_numpy(np.array(array))
    if device is None or device.type != "cuda":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
