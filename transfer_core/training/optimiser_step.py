"""Optimiser steps, each on as many images at a time as the memory holds."""

import torch
from torch import nn
from torch.nn import functional

from transfer_core.system.devices import get_device
from transfer_core.system.precision import Precision, autocast

MIN_MICRO_BATCH = 2  # images at a time; batch normalisation cannot learn from one


class GradientAccumulator:
    """Takes the optimiser steps of one training, on the device where the model lies.

    Where the memory does not suffice for a batch, it passes through the network in halves, in
    quarters and so on, and their gradients are summed: the step stays what it was but for batch
    normalisation, which sees fewer images at a time.

    Args:
        model: Takes inputs to logits (B, C).
        optimiser: Over the model's weights.
        class_weights: Weight of each class in the loss, float32 (C,), or None.
        precision: In which the network is computed; weights and loss are float32.
        batch_size: Images of a batch.
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        class_weights: torch.Tensor | None,
        precision: Precision,
        batch_size: int,
    ) -> None:
        self._model, self._optimiser = model, optimiser
        self._device, self._precision = get_device(model), precision
        self._class_weights = None if class_weights is None else class_weights.to(self._device)
        self.at_a_time = batch_size  # images

    def step(self, inputs: torch.Tensor, labels: torch.Tensor) -> tuple[float, int]:
        """Take one step.

        Args:
            inputs: Of the batch, (B, ...), on the model's device.
            labels: Class indices, int64 (B,), on any device.

        Returns:
            Its mean loss in nats per image, and how many images were right before it.

        Raises:
            RuntimeError: If the memory does not even suffice for two images.
        """
        labels = labels.to(self._device)
        while True:
            try:
                return self._accumulate_and_step(inputs, labels)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or self.at_a_time <= MIN_MICRO_BATCH:
                    raise
            # Outside of the handler, which holds on to what the failed attempt had allocated.
            self.at_a_time = max(MIN_MICRO_BATCH, -(-self.at_a_time // 2))

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits of inputs, float32 (B, C)."""
        with autocast(self._precision, self._device.type):
            return self._model(inputs).float()

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Cross-entropy summed over images, each with its class's weight."""
        return functional.cross_entropy(logits, labels, self._class_weights, reduction="sum")

    def compute_total_weight(self, labels: torch.Tensor) -> float:
        """What the images of these labels weigh together; their number without weights."""
        if self._class_weights is None:
            return len(labels)
        return self._class_weights[labels].sum().item()

    def _accumulate_and_step(self, inputs: torch.Tensor, labels: torch.Tensor) -> tuple[float, int]:
        self._optimiser.zero_grad()
        whole, sums, correct = self.compute_total_weight(labels), 0.0, 0
        parts = -(-len(labels) // self.at_a_time)
        for part, known in zip(inputs.chunk(parts), labels.chunk(parts), strict=True):
            logits = self.logits(part)
            loss = self.loss(logits, known) / whole
            loss.backward()
            sums += loss.item()
            correct += (logits.argmax(1) == known).sum().item()
        self._optimiser.step()
        return sums, correct


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory could not be had; torch says so in several ways."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return "allocate" in str(error) and "memory" in str(error)
