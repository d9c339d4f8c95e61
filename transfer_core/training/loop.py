"""The training loop: epochs of steps, validation, early stopping, best weights restored."""

import copy
import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn

from transfer_core.settings import OptimiserSettings
from transfer_core.system import Precision, get_device, make_generator
from transfer_core.training.checkpoint import (
    Checkpointer,
    TrainingState,
    add_prefix,
    select_prefix,
)
from transfer_core.training.data_loaders import (
    DataLoader,
    count_batches,
    shuffle,
    split_into_batches,
)
from transfer_core.training.early_stopping import EarlyStopping, make_divergence_error
from transfer_core.training.events import (
    Ended,
    EndReason,
    EpochEnded,
    Event,
    MemoryShort,
    Started,
)
from transfer_core.training.interpolation import copy_weights, load_interpolated
from transfer_core.training.meters import RunningMetrics, TrainingClock, WeightChangeMeter
from transfer_core.training.optimiser import (
    GradientAccumulator,
    build_one_cycle_schedule,
    build_optimiser,
)


@dataclass(frozen=True)
class TrainableModel:
    """A model to train, and the functions that connect it to the whole network."""

    model: nn.Module  # maps the loader's inputs to logits (B, C)
    change_meter: WeightChangeMeter  # over the whole network
    set_training: Callable[[], None]  # sets training mode for all but frozen stages
    finish_epoch: Callable[[], None]  # makes the model ready to be validated
    synchronise: Callable[[], None]  # copies the learned weights into the network
    frozen_weights: int


class Trainer:
    """Trains one model; `train` runs it.

    All random numbers come from generators of its own, seeded with `seed`. So the result depends
    on nothing that happens beside it in the process.

    Args:
        trainable: The model to train.
        loader: Training and validation images; no test image is in either.
        settings: Steer the optimiser on a one-cycle schedule (Smith and Topin 2018).
        seed: Draws the order of the images, their augmentation, and dropout.
        class_weights: Weight of each class in the loss, float32 (C,), or None.
        stop_requested: Asked between batches.
        precision: Precision of the steps; the weights are float32 always.
        compiled: Whether the model was compiled; compiled code can only draw dropout from the
            global generator, which is then seeded.
        checkpointer: Holds the state to resume from, and takes new ones; None for neither.
    """

    def __init__(
        self,
        trainable: TrainableModel,
        loader: DataLoader,
        settings: OptimiserSettings,
        *,
        seed: int,
        class_weights: torch.Tensor | None,
        stop_requested: Callable[[], bool],
        precision: Precision = "float32",
        compiled: bool = False,
        checkpointer: Checkpointer | None = None,
    ) -> None:
        self._trainable, self._loader, self._settings = trainable, loader, settings
        self._stop_requested, self._checkpointer = stop_requested, checkpointer
        self._order_generator = make_generator(seed)  # of order and augmentation
        self._epoch_generator_state = self._order_generator.get_state()  # when the epoch began
        self._steps_per_epoch = count_batches(len(loader.train), settings.batch_size)
        self._clock = TrainingClock(self._steps_per_epoch * settings.epochs, self._steps_per_epoch)
        optimiser = build_optimiser(trainable.model, settings)
        self._accumulator = GradientAccumulator(
            trainable.model,
            optimiser,
            class_weights,
            precision,
            settings.batch_size,
            None if compiled else make_generator(seed, get_device(trainable.model)),
            build_one_cycle_schedule(optimiser, self._clock.total_steps),
        )
        if compiled:
            torch.manual_seed(seed)
        self._start = copy_weights(trainable.model) if settings.interpolation < 1 else None
        self._early_stopping = EarlyStopping(settings.epochs, settings.patience)
        self._metrics = RunningMetrics()  # of the epoch that is trained now
        self._best_weights: dict[str, torch.Tensor] | None = None
        self._best_accuracy: float | None = None  # on the validation images

    def train(self) -> Iterator[Event]:
        """Train until the last epoch, early stopping or a stop.

        Yields:
            Started, then Stepped and EpochEnded, last Ended. The weights of the best epoch are
            restored; if no epoch has ended, the weights stay as they are.

        Raises:
            RunError: If the loss is no longer a finite number and no epoch is worth keeping.
        """
        if self._checkpointer and (state := self._checkpointer.load()):
            self._resume_from(state)
        yield self._make_started_event()
        reason = self._find_end_reason()
        while reason is None:
            began = time.perf_counter()
            reason = yield from self._train_epoch()
            validated = None if reason else self._validate()
            if validated is None:
                reason = reason or "stopped"
                break
            yield self._finish_epoch(validated, began)
            if self._checkpointer:
                self._checkpointer.save_if_due(self._epochs_done, self._capture_state)
            reason = self._find_end_reason()
        if reason == "stopped" and self._checkpointer:
            self._checkpointer.save_interrupted(self._epochs_done, self._capture_state)
        yield self._finish_training(reason)

    @property
    def _epochs_done(self) -> int:
        return len(self._early_stopping.losses)

    def _find_end_reason(self) -> EndReason | None:
        """Return why the training ends after the last epoch; None if it goes on."""
        if self._early_stopping.has_diverged():
            return "diverged"
        if self._epochs_done >= self._settings.epochs:
            return "all epochs"
        return "early stopping" if self._early_stopping.should_stop() else None

    def _make_started_event(self) -> Started:
        trainable = sum(p.numel() for p in self._trainable.model.parameters() if p.requires_grad)
        return Started(
            self._settings.epochs,
            self._steps_per_epoch,
            len(self._loader.train),
            len(self._loader.validation),
            trainable,
            self._trainable.frozen_weights,
            get_device(self._trainable.model).type,
        )

    def _train_epoch(self) -> Generator[Event, None, Literal["stopped", "diverged"] | None]:
        """Take the steps of one epoch; return why the training ends in it, if it does.

        Steps that a resumed training has behind it only draw their random numbers again.
        """
        self._trainable.set_training()
        taken = self._clock.step - self._epochs_done * self._steps_per_epoch
        self._epoch_generator_state = self._order_generator.get_state()
        recent = RunningMetrics()
        batches = shuffle(self._loader, self._settings.batch_size, self._order_generator)
        inputs = self._loader.load_train_batches(batches, self._order_generator)
        for number, indices in enumerate(batches, start=1):
            if number <= taken:
                next(inputs)
                continue
            if self._stop_requested():
                return "stopped"
            micro_batch_size = self._accumulator.micro_batch_size
            loss, correct = self._take_step(indices, inputs)
            if self._accumulator.micro_batch_size < micro_batch_size:
                yield MemoryShort(self._accumulator.micro_batch_size)
            if not math.isfinite(loss):
                return "diverged"
            for each in (self._metrics, recent):
                each.add(loss, correct, len(indices))
            if self._clock.should_report() or number == len(batches):
                epoch = self._epochs_done + number / len(batches)
                yield self._clock.report(epoch, recent, self._accumulator.learning_rate())
                recent = RunningMetrics()
        return None

    def _take_step(self, indices: np.ndarray, inputs: Iterator[torch.Tensor]) -> tuple[float, int]:
        began = time.perf_counter()
        labels = torch.from_numpy(self._loader.labels[indices])
        loss, correct = self._accumulator.step(next(inputs), labels)
        self._clock.record_step(len(indices), time.perf_counter() - began)
        return loss, correct

    def _validate(self) -> tuple[float, float] | None:
        """Return loss and accuracy on the validation images; None if stopped meanwhile."""
        began = time.perf_counter()
        self._trainable.finish_epoch()
        batches = split_into_batches(self._loader.validation, self._loader.eval_batch_size)
        inputs = self._loader.load_eval_batches(batches)
        labels = torch.from_numpy(self._loader.labels[self._loader.validation])
        validated = self._accumulator.evaluate(inputs, labels, self._stop_requested)
        self._clock.record_validation(time.perf_counter() - began)
        return validated

    def _finish_epoch(self, validated: tuple[float, float], began: float) -> EpochEnded:
        best = self._early_stopping.record(validated[0])
        if best:
            self._best_weights = copy.deepcopy(self._trainable.model.state_dict())
            self._best_accuracy = validated[1]
        self._trainable.synchronise()
        metrics, self._metrics = self._metrics, RunningMetrics()
        self._epoch_generator_state = self._order_generator.get_state()
        return EpochEnded(
            self._epochs_done,
            self._clock.step,
            *metrics.compute_means(),
            *validated,
            best,
            time.perf_counter() - began,
            self._trainable.change_meter.measure(),
        )

    def _finish_training(self, reason: EndReason) -> Ended:
        best_epoch = self._early_stopping.best_epoch
        if self._best_weights is None and reason == "diverged":
            raise make_divergence_error(self._epochs_done, self._settings.learning_rate)
        if self._start and best_epoch and reason in ("all epochs", "early stopping"):
            best_epoch = self._epochs_done
            self._interpolate(self._start)
        elif self._best_weights is not None:
            self._trainable.model.load_state_dict(self._best_weights)
        self._trainable.model.eval()
        self._trainable.synchronise()
        return Ended(
            reason,
            self._epochs_done,
            best_epoch,
            self._clock.elapsed_seconds(),
            self._clock.mean_images_per_second(),
            self._trainable.change_meter.measure(),
            self._best_accuracy,
            self._early_stopping.describe() if reason == "early stopping" else "",
        )

    def _interpolate(self, start: dict[str, torch.Tensor]) -> None:
        """Mix the last weights with the first ones; validate the result, unless stopped."""
        model = self._trainable.model
        load_interpolated(model, start, copy_weights(model), self._settings.interpolation)
        self._trainable.set_training()
        if validated := self._validate():
            self._best_accuracy = validated[1]

    def _capture_state(self) -> TrainingState:
        """Return all that changes from step to step, in the middle of an epoch too."""
        state = self._accumulator.capture_state()
        tensors = add_prefix("best", self._best_weights or {})
        values = {
            "validation_losses": self._early_stopping.losses,
            "best_accuracy": self._best_accuracy,
            "clock": self._clock.capture_state(),
            "metrics": self._metrics.capture_state(),
        }
        return TrainingState(
            state.tensors | tensors | {"generator": self._epoch_generator_state},
            state.values | values,
        )

    def _resume_from(self, state: TrainingState) -> None:
        """Continue after the step at which the state was captured."""
        self._accumulator.load_state(state)
        self._best_weights = select_prefix("best", state.tensors) or None
        self._best_accuracy = state.values["best_accuracy"]
        self._order_generator.set_state(state.tensors["generator"])
        self._early_stopping.losses[:] = state.values["validation_losses"]
        self._clock.load_state(state.values["clock"])
        if "metrics" in state.values:  # version 1 had none
            self._metrics.load_state(state.values["metrics"])
        self._trainable.synchronise()
