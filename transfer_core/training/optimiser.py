"""The optimiser: parameter groups, the one-cycle schedule, and steps with gradient accumulation."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack

import torch
from torch import nn
from torch.nn import functional

from transfer_core.cases import compute_stage_learning_rates
from transfer_core.settings import OptimiserSettings
from transfer_core.system import (
    ALONE,
    DrawFrom,
    Precision,
    Ranks,
    autocast,
    get_device,
    is_out_of_memory,
    make_generator,
)
from transfer_core.training.checkpoint import (
    TrainingState,
    add_prefix,
    pack_optimiser,
    select_prefix,
    unpack_optimiser,
)
from transfer_core.training.data_loaders import count_batches
from transfer_core.training.synchronised_norm import SynchronisedBatchNorm

WARM_UP_FRACTION = 0.1  # share of the steps in which the learning rate rises
MOMENTUM = 0.9  # of gradient descent
MIN_MICRO_BATCH = 2  # images; batch normalisation cannot learn from one


def build_parameter_groups(model: nn.Module, settings: OptimiserSettings) -> list[dict]:
    """Group the trainable parameters of a model by stage, each with its learning rate.

    Biases and normalisation scales are not decayed, as in most published recipes.

    Returns:
        Groups for an optimiser, input to output.
    """
    stages = list(model.children()) or [model]
    trained = [
        parameters
        for stage in stages
        if (parameters := [p for p in stage.parameters() if p.requires_grad])
    ]
    groups = []
    for parameters, rate in zip(
        trained, compute_stage_learning_rates(settings, len(trained)), strict=True
    ):
        for decay, matrices in ((settings.weight_decay, True), (0.0, False)):
            chosen = [p for p in parameters if (p.ndim > 1) == matrices]
            if chosen:
                groups.append({"params": chosen, "weight_decay": decay, "lr": rate})
    return groups


def build_optimiser(model: nn.Module, settings: OptimiserSettings) -> torch.optim.Optimizer:
    """Build AdamW, or for a linear layer alone gradient descent with Nesterov's momentum.

    On all images at once, gradient descent brings a linear layer near to logistic regression with
    an L2 penalty. AdamW steps as far along features that say little; see docs/crossover.md.

    Source:
        Loshchilov and Hutter 2019, "Decoupled weight decay regularization"; Sutskever et al. 2013,
        "On the importance of initialization and momentum in deep learning".
    """
    if isinstance(model, nn.Linear):
        groups = build_parameter_groups(model, settings)
        return torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True)
    return torch.optim.AdamW(build_parameter_groups(model, settings), fused=True)


def build_one_cycle_schedule(
    optimiser: torch.optim.Optimizer, total_steps: int
) -> torch.optim.lr_scheduler.OneCycleLR:
    """Build a schedule in which the learning rates rise for a tenth of the steps, then fall to 0.

    Source:
        Smith and Topin 2018, "Super-convergence".
    """
    rates = [group["lr"] for group in optimiser.param_groups]
    # The rates rise for at least one step, or else torch divides by zero.
    rising = max(WARM_UP_FRACTION, 2 / (total_steps + 1))
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rates, total_steps=total_steps + 1, pct_start=rising
    )


class GradientAccumulator:
    """Optimiser steps with gradient accumulation; the micro-batch halves when memory runs out.

    If a batch does not fit into memory, it is split into micro-batches whose gradients are
    summed. The step stays the same except for batch normalisation, which sees fewer images at
    a time.

    Several ranks take a step together: each has its share of the batch, and the gradients are
    added up, so that the step is the one of the whole batch. The learning rate stays as it is.
    They split no share further, because only all of them could do so together.

    Args:
        model: Maps inputs to logits, shape (B, C).
        optimiser: Over the model's parameters.
        class_weights: Weight of each class in the loss, float32 (C,), or None.
        precision: Precision of the network's steps; weights and loss are float32.
        batch_size: Images of a batch.
        generator: Draws dropout, on the model's device; None draws from torch's global one.
        schedule: Sets the learning rates after each step.
        ranks: That take each step together, connected.

    Attributes:
        stop_agreed: Whether a rank wanted to stop in the last step of several ranks.
    """

    def __init__(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        class_weights: torch.Tensor | None,
        precision: Precision,
        batch_size: int,
        generator: torch.Generator | None = None,
        schedule: torch.optim.lr_scheduler.OneCycleLR | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self._ranks, self.stop_agreed = ranks, False
        self._model, self._optimiser, self._schedule = model, optimiser, schedule
        self._device, self._precision = get_device(model), precision
        self._class_weights = None if class_weights is None else class_weights.to(self._device)
        self._dropout_generator = generator
        self.micro_batch_size = batch_size  # images

    def step(
        self, inputs: torch.Tensor, labels: torch.Tensor, stop: bool = False
    ) -> tuple[float, int]:
        """Take one step.

        Args:
            inputs: This rank's inputs of a batch, shape (B, ...), on the model's device.
            labels: Class indices of the whole batch, int64, on any device.
            stop: Whether this rank wants all to stop, if there are several.

        Returns:
            Mean loss in nats per image, and number of correct predictions, both before the step.

        Raises:
            RuntimeError: If not even two images fit into memory.
        """
        labels = labels.to(self._device)
        while True:
            try:
                return self._accumulate_and_step(inputs, labels, stop)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or self.micro_batch_size <= MIN_MICRO_BATCH:
                    raise
                if not self._ranks.is_alone:
                    raise
            # Outside of the handler, which holds on to what the failed attempt had allocated.
            self.micro_batch_size = max(MIN_MICRO_BATCH, -(-self.micro_batch_size // 2))

    @torch.inference_mode()
    def evaluate(
        self,
        batches: Iterable[torch.Tensor],
        labels: torch.Tensor,
        stop_requested: Callable[[], bool],
    ) -> tuple[float, float] | None:
        """Evaluate the model on batches of inputs, in eval mode.

        Args:
            batches: This rank's batches of inputs, each (B, ...), on the model's device.
            labels: Class indices of the images of all ranks, int64 (N,), on any device.
            stop_requested: Asked between batches.

        Returns:
            Mean loss in nats per image and accuracy in [0, 1]; None after a stop.
        """
        self._model.eval()
        labels, outputs, stopped = labels.to(self._device), [], False
        own = labels[self._ranks.get_share(len(labels))]
        for inputs in batches:
            if stopped := stop_requested():
                break
            outputs.append(self._compute_logits(inputs))
        totals = torch.zeros(3, dtype=torch.float64, device=self._device)
        totals[2] = stopped
        if outputs and not stopped:  # more ranks than images leave one without
            logits = torch.cat(outputs)
            totals[0] = self._sum_loss(logits, own)
            totals[1] = (logits.argmax(1) == own).sum()
        self._ranks.add_up([totals])
        loss, correct, stops = totals.tolist()
        return None if stops else (loss / self._sum_weights(labels), correct / len(labels))

    def learning_rate(self) -> float:
        """Return the learning rate of the last stage, which learns fastest."""
        return self._optimiser.param_groups[-1]["lr"]

    def capture_state(self) -> TrainingState:
        """Return the state of model, optimiser, schedule and generator."""
        optimiser, groups = pack_optimiser(self._optimiser)
        tensors = add_prefix("model", self._model.state_dict()) | add_prefix("optimiser", optimiser)
        values = {"groups": groups, "micro_batch_size": self.micro_batch_size}
        if self._schedule:
            values["schedule"] = self._schedule.state_dict()
        if self._dropout_generator:
            tensors["dropout_generator"] = self._dropout_generator.get_state()
        return TrainingState(tensors, values)

    def load_state(self, state: TrainingState) -> None:
        """Continue from a state that `capture_state` returned."""
        self._model.load_state_dict(select_prefix("model", state.tensors))
        tensors = select_prefix("optimiser", state.tensors)
        unpack_optimiser(self._optimiser, tensors, state.values["groups"])
        self.micro_batch_size = state.values["micro_batch_size"]
        if self._schedule:
            self._schedule.load_state_dict(state.values["schedule"])
        if self._dropout_generator:
            self._dropout_generator.set_state(state.tensors["dropout_generator"])

    def _accumulate_and_step(
        self, inputs: torch.Tensor, labels: torch.Tensor, stop: bool
    ) -> tuple[float, int]:
        self._optimiser.zero_grad()
        total_weight, mean_loss, correct = self._sum_weights(labels), 0.0, 0
        own = labels[self._ranks.get_share(len(labels))]
        parts = count_batches(len(own), self.micro_batch_size)  # none of them of one image
        micro_batches = zip(inputs.tensor_split(parts), own.tensor_split(parts), strict=True)
        for images, true_labels in micro_batches:
            with self._prepare_layers():
                logits = self._compute_logits(images)
            loss = self._sum_loss(logits, true_labels) / total_weight
            loss.backward()
            mean_loss += loss.item()
            correct += (logits.argmax(1) == true_labels).sum().item()
        if not self._ranks.is_alone:
            mean_loss, correct = self._add_up_ranks(mean_loss, correct, stop)
        self._optimiser.step()
        if self._schedule:
            self._schedule.step()
        return mean_loss, correct

    def _compute_logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits of inputs, float32 (B, C)."""
        with autocast(self._precision, self._device.type):
            return self._model(inputs).float()

    def _sum_loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropy summed over images, each weighted by its class."""
        return functional.cross_entropy(logits, labels, self._class_weights, reduction="sum")

    def _sum_weights(self, labels: torch.Tensor) -> float:
        """Return the sum of the images' weights; their number if classes are not weighted."""
        if self._class_weights is None:
            return len(labels)
        return self._class_weights[labels].sum().item()

    def _add_up_ranks(self, mean_loss: float, correct: int, stop: bool) -> tuple[float, int]:
        """Add up gradients, loss, correct predictions and wishes to stop in one exchange."""
        totals = torch.tensor([mean_loss, correct, stop], device=self._device)
        parameters = (p for group in self._optimiser.param_groups for p in group["params"])
        self._ranks.add_up([*(p.grad for p in parameters if p.grad is not None), totals])
        mean_loss, correct, stops = totals.tolist()
        self.stop_agreed = stops > 0
        return mean_loss, int(correct)

    def _prepare_layers(self) -> ExitStack:
        """Let layers draw from the own generator, and normalise by the images of all ranks."""
        stack, generator = ExitStack(), self._dropout_generator
        if not self._ranks.is_alone:
            stack.enter_context(SynchronisedBatchNorm(self._ranks))
            if generator is not None:  # the same on all ranks: they draw where each goes on
                seeds = (self._ranks.count,)
                drawn = torch.randint(
                    2**62, seeds, generator=generator, device=generator.device
                ).tolist()
                generator = make_generator(drawn[self._ranks.number], generator.device)
        if generator is not None:
            stack.enter_context(DrawFrom(generator))
        return stack
