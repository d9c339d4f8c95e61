"""The training loop: epochs of steps, validation, early stopping, best weights restored."""

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from transfer_core.cases import OptimiserSettings
from transfer_core.errors import RunError
from transfer_core.system.devices import get_device
from transfer_core.system.precision import Precision
from transfer_core.training.changes import WeightChangeMeter
from transfer_core.training.meters import TrainingClock
from transfer_core.training.data_loaders import (
    DataLoader,
    count_batches,
    shuffle_into_batches,
    split_into_batches,
)
from transfer_core.training.events import (
    Ended,
    EpochEnded,
    Event,
    MemoryShort,
    Started,
    Stepped,
)
from transfer_core.training.optimiser import build_one_cycle_schedule, build_parameter_groups
from transfer_core.training.optimiser_step import GradientAccumulator


@dataclass(frozen=True)
class TrainableModel:
    """What is trained, and how the whole network hears of it."""

    model: nn.Module  # takes the feed's inputs to logits (B, C)
    change_meter: WeightChangeMeter  # over the whole network
    set_training: Callable[[], None]  # training mode for all but frozen stages
    synchronise: Callable[[], None]  # copies what was learned into the network
    frozen_weights: int


class Trainer:
    """One training of one learner; `events` runs it.

    Args:
        trainable: What is trained.
        loader: Training and validation images; no test image is in either.
        settings: Steer AdamW (Loshchilov and Hutter 2019) on a one-cycle
            schedule (Smith and Topin 2018).
        seed: Draws the order of the images and their augmentation.
        class_weights: Weight of each class in the loss, float32 (C,), or None.
        stop_requested: Asked between batches.
        precision: In which the steps are computed; the weights are float32 always.
        baseline: Weights of the same model, got otherwise, to be kept unless an epoch has a lower
            validation loss.
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
        baseline: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        self._trainable, self._loader, self._settings = trainable, loader, settings
        self._seed, self._stop_requested, self._baseline = seed, stop_requested, baseline
        self._generator = torch.Generator().manual_seed(seed)
        self._steps_per_epoch = count_batches(len(loader.train), settings.batch_size)
        self._clock = TrainingClock(self._steps_per_epoch * settings.epochs, self._steps_per_epoch)
        optimiser = torch.optim.AdamW(build_parameter_groups(trainable.model, settings), fused=True)
        self._schedule = build_one_cycle_schedule(optimiser, self._clock.total_steps)
        self._accumulator = GradientAccumulator(
            trainable.model, optimiser, class_weights, precision, settings.batch_size
        )
        self._best_loss, self._best_epoch, self._best_weights = math.inf, 0, None

    def events(self) -> Iterator[Event]:
        """Train until the last epoch, early stopping or a stop.

        Yields:
            Started, then Stepped and EpochEnded, last Ended. A stop keeps the best
            epoch, or the weights as they are where no epoch has ended.

        Raises:
            RunError: If the loss is no longer a finite number and no epoch has ended.
        """
        torch.manual_seed(self._seed)  # dropout draws from the global generator
        yield self._make_started_event()
        if self._baseline:
            yield from self._evaluate_baseline(self._baseline)
        epoch, reason = 0, "all epochs"
        while epoch < self._settings.epochs and reason == "all epochs":
            began, sums = time.perf_counter(), RunningMetrics()
            outcome = yield from self._train_epoch(epoch, sums)
            validated = self._validate() if outcome == "done" else None
            if validated is None:
                reason = "diverged" if outcome == "diverged" else "stopped"
                break
            epoch += 1
            yield self._finish_epoch(epoch, sums.compute_means(), validated, began)
            if epoch - self._best_epoch >= self._settings.patience:
                reason = "early stopping"
        yield self._finish_training(reason, epoch)

    def _evaluate_baseline(self, baseline: Mapping[str, torch.Tensor]) -> Iterator[EpochEnded]:
        """Validate the rival's weights as an epoch 0, then go on with the model's own."""
        model, began = self._trainable.model, time.perf_counter()
        own = copy.deepcopy(model.state_dict())
        model.load_state_dict(baseline)
        if validated := self._validate():
            yield self._finish_epoch(0, None, validated, began)
        model.load_state_dict(own)

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

    def _train_epoch(self, epoch: int, sums: "RunningMetrics"):
        """Take the steps of one epoch; returns "done", "stopped" or "diverged"."""
        self._trainable.set_training()
        recent = RunningMetrics()
        chosen = shuffle_into_batches(
            self._loader.train, self._settings.batch_size, self._generator
        )
        inputs = self._loader.load_train_batches(chosen, self._generator)
        for number, indices in enumerate(chosen, start=1):
            if self._stop_requested():
                return "stopped"
            before = self._accumulator.at_a_time
            loss, hits = self._take_step(indices, inputs)
            if self._accumulator.at_a_time < before:
                yield MemoryShort(self._accumulator.at_a_time)
            if not math.isfinite(loss):
                return "diverged"
            for each in (sums, recent):
                each.add(loss, hits, len(indices))
            if self._clock.should_report() or number == len(chosen):
                loss, accuracy = recent.compute_means()
                yield Stepped(
                    self._clock.step,
                    epoch + number / len(chosen),
                    loss,
                    accuracy,
                    self._schedule.get_last_lr()[-1],
                    self._clock.images_per_second(),
                    self._clock.seconds_left(),
                )
                recent = RunningMetrics()
        return "done"

    def _take_step(self, indices, inputs: Iterator[torch.Tensor]) -> tuple[float, int]:
        began = time.perf_counter()
        taken = self._accumulator.step(next(inputs), torch.from_numpy(self._loader.labels[indices]))
        self._schedule.step()
        self._clock.record_step(len(indices), time.perf_counter() - began)
        return taken

    @torch.inference_mode()
    def _validate(self) -> tuple[float, float] | None:
        """Loss and accuracy on the validation images; None if stopped meanwhile."""
        began, found = time.perf_counter(), []
        self._trainable.model.eval()
        chosen = split_into_batches(self._loader.validation, self._loader.at_a_time)
        for inputs in self._loader.load_eval_batches(chosen):
            if self._stop_requested():
                return None
            found.append(self._accumulator.logits(inputs))
        logits = torch.cat(found)
        labels = torch.from_numpy(self._loader.labels[self._loader.validation]).to(logits.device)
        loss = self._accumulator.loss(
            logits, labels
        ).item() / self._accumulator.compute_total_weight(labels)
        self._clock.record_validation(time.perf_counter() - began)
        return loss, (logits.argmax(1) == labels).double().mean().item()

    def _finish_epoch(self, epoch, trained, validated, began) -> EpochEnded:
        loss, accuracy = validated
        best = loss < self._best_loss
        if best:
            self._best_loss, self._best_epoch = loss, epoch
            self._best_weights = copy.deepcopy(self._trainable.model.state_dict())
        self._trainable.synchronise()
        return EpochEnded(
            epoch,
            self._clock.step,
            *(trained or (None, None)),
            loss,
            accuracy,
            best,
            time.perf_counter() - began,
            self._trainable.change_meter.measure(),
        )

    def _finish_training(self, reason: str, epochs: int) -> Ended:
        if self._best_weights is not None:
            self._trainable.model.load_state_dict(self._best_weights)
        elif reason == "diverged":
            raise RunError(
                "The loss stopped being a finite number before the first epoch ended.",
                found=f"learning rate {self._settings.learning_rate:g}",
                remedy="Start again with a learning rate ten times smaller.",
            )
        self._trainable.model.eval()
        self._trainable.synchronise()
        return Ended(
            reason,
            epochs,
            self._best_epoch,
            self._clock.elapsed_seconds(),
            self._clock.mean_images_per_second(),
            self._trainable.change_meter.measure(),
        )


class RunningMetrics:
    """Loss and hits summed over images."""

    def __init__(self) -> None:
        self._loss, self._correct, self._images = 0.0, 0, 0

    def add(self, loss: float, correct: int, images: int) -> None:
        """Count one batch, given its mean loss."""
        self._loss += loss * images
        self._correct += correct
        self._images += images

    def compute_means(self) -> tuple[float, float]:
        """Loss in nats per image and accuracy in [0, 1]."""
        return self._loss / self._images, self._correct / self._images
