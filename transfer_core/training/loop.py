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
from transfer_core.system.devices import device_of
from transfer_core.system.precision import NumberFormat
from transfer_core.training.changes import ChangeMeter
from transfer_core.training.clock import Clock
from transfer_core.training.data_loaders import Feed, batches, in_order, shuffled
from transfer_core.training.events import (
    Ended,
    EpochEnded,
    Event,
    MemoryShort,
    Started,
    Stepped,
)
from transfer_core.training.optimiser import one_cycle, parameter_groups
from transfer_core.training.optimiser_step import Stepper


@dataclass(frozen=True)
class Learner:
    """What is trained, and how the whole network hears of it."""

    model: nn.Module  # takes the feed's inputs to logits (B, C)
    meter: ChangeMeter  # over the whole network
    set_training: Callable[[], None]  # training mode for all but frozen stages
    synchronise: Callable[[], None]  # copies what was learned into the network
    frozen_weights: int


class Training:
    """One training of one learner; `events` runs it.

    Args:
        learner: What is trained.
        feed: Training and validation images; no test image is in either.
        settings: Steer AdamW (Loshchilov and Hutter 2019) on a one-cycle
            schedule (Smith and Topin 2018).
        seed: Draws the order of the images and their augmentation.
        class_weights: Weight of each class in the loss, float32 (C,), or None.
        stop_requested: Asked between batches.
        number_format: In which the steps are computed; the weights are float32 always.
        rival: Weights of the same model, got otherwise, to be kept unless an epoch has a lower
            validation loss.
    """

    def __init__(
        self,
        learner: Learner,
        feed: Feed,
        settings: OptimiserSettings,
        *,
        seed: int,
        class_weights: torch.Tensor | None,
        stop_requested: Callable[[], bool],
        number_format: NumberFormat = "float32",
        rival: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        self._learner, self._feed, self._settings = learner, feed, settings
        self._seed, self._stop_requested, self._rival = seed, stop_requested, rival
        self._generator = torch.Generator().manual_seed(seed)
        self._steps_per_epoch = batches(len(feed.train), settings.batch_size)
        self._clock = Clock(self._steps_per_epoch * settings.epochs, self._steps_per_epoch)
        optimiser = torch.optim.AdamW(parameter_groups(learner.model, settings), fused=True)
        self._schedule = one_cycle(optimiser, self._clock.steps)
        self._stepper = Stepper(
            learner.model, optimiser, class_weights, number_format, settings.batch_size
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
        yield self._started()
        if self._rival:
            yield from self._meet_rival(self._rival)
        epoch, reason = 0, "all epochs"
        while epoch < self._settings.epochs and reason == "all epochs":
            began, sums = time.perf_counter(), Sums()
            outcome = yield from self._steps(epoch, sums)
            validated = self._validate() if outcome == "done" else None
            if validated is None:
                reason = "diverged" if outcome == "diverged" else "stopped"
                break
            epoch += 1
            yield self._epoch_ended(epoch, sums.means(), validated, began)
            if epoch - self._best_epoch >= self._settings.patience:
                reason = "early stopping"
        yield self._ended(reason, epoch)

    def _meet_rival(self, rival: Mapping[str, torch.Tensor]) -> Iterator[EpochEnded]:
        """Validate the rival's weights as an epoch 0, then go on with the model's own."""
        model, began = self._learner.model, time.perf_counter()
        own = copy.deepcopy(model.state_dict())
        model.load_state_dict(rival)
        if validated := self._validate():
            yield self._epoch_ended(0, None, validated, began)
        model.load_state_dict(own)

    def _started(self) -> Started:
        trainable = sum(p.numel() for p in self._learner.model.parameters() if p.requires_grad)
        return Started(
            self._settings.epochs, self._steps_per_epoch, len(self._feed.train),
            len(self._feed.validation), trainable, self._learner.frozen_weights,
            device_of(self._learner.model).type,
        )  # fmt: skip

    def _steps(self, epoch: int, sums: "Sums"):
        """Take the steps of one epoch; returns "done", "stopped" or "diverged"."""
        self._learner.set_training()
        recent = Sums()
        chosen = shuffled(self._feed.train, self._settings.batch_size, self._generator)
        inputs = self._feed.train_batches(chosen, self._generator)
        for number, indices in enumerate(chosen, start=1):
            if self._stop_requested():
                return "stopped"
            before = self._stepper.at_a_time
            loss, hits = self._step(indices, inputs)
            if self._stepper.at_a_time < before:
                yield MemoryShort(self._stepper.at_a_time)
            if not math.isfinite(loss):
                return "diverged"
            for each in (sums, recent):
                each.add(loss, hits, len(indices))
            if self._clock.report_is_due() or number == len(chosen):
                loss, accuracy = recent.means()
                yield Stepped(
                    self._clock.step, epoch + number / len(chosen), loss, accuracy,
                    self._schedule.get_last_lr()[-1], self._clock.images_per_second(),
                    self._clock.seconds_left(),
                )  # fmt: skip
                recent = Sums()
        return "done"

    def _step(self, indices, inputs: Iterator[torch.Tensor]) -> tuple[float, int]:
        began = time.perf_counter()
        taken = self._stepper.step(next(inputs), torch.from_numpy(self._feed.labels[indices]))
        self._schedule.step()
        self._clock.stepped(len(indices), time.perf_counter() - began)
        return taken

    @torch.inference_mode()
    def _validate(self) -> tuple[float, float] | None:
        """Loss and accuracy on the validation images; None if stopped meanwhile."""
        began, found = time.perf_counter(), []
        self._learner.model.eval()
        chosen = in_order(self._feed.validation, self._feed.at_a_time)
        for inputs in self._feed.plain_batches(chosen):
            if self._stop_requested():
                return None
            found.append(self._stepper.logits(inputs))
        logits = torch.cat(found)
        labels = torch.from_numpy(self._feed.labels[self._feed.validation]).to(logits.device)
        loss = self._stepper.loss(logits, labels).item() / self._stepper.weight(labels)
        self._clock.validated(time.perf_counter() - began)
        return loss, (logits.argmax(1) == labels).double().mean().item()

    def _epoch_ended(self, epoch, trained, validated, began) -> EpochEnded:
        loss, accuracy = validated
        best = loss < self._best_loss
        if best:
            self._best_loss, self._best_epoch = loss, epoch
            self._best_weights = copy.deepcopy(self._learner.model.state_dict())
        self._learner.synchronise()
        return EpochEnded(
            epoch, self._clock.step, *(trained or (None, None)), loss, accuracy, best,
            time.perf_counter() - began, self._learner.meter.measure(),
        )  # fmt: skip

    def _ended(self, reason: str, epochs: int) -> Ended:
        if self._best_weights is not None:
            self._learner.model.load_state_dict(self._best_weights)
        elif reason == "diverged":
            raise RunError(
                "The loss stopped being a finite number before the first epoch ended.",
                found=f"learning rate {self._settings.learning_rate:g}",
                remedy="Start again with a learning rate ten times smaller.",
            )
        self._learner.model.eval()
        self._learner.synchronise()
        return Ended(
            reason, epochs, self._best_epoch, self._clock.elapsed(),
            self._clock.mean_images_per_second(), self._learner.meter.measure(),
        )  # fmt: skip


class Sums:
    """Loss and hits summed over images."""

    def __init__(self) -> None:
        self._loss, self._hits, self._images = 0.0, 0, 0

    def add(self, loss: float, hits: int, images: int) -> None:
        """Count one batch, given its mean loss."""
        self._loss += loss * images
        self._hits += hits
        self._images += images

    def means(self) -> tuple[float, float]:
        """Loss in nats per image and accuracy in [0, 1]."""
        return self._loss / self._images, self._hits / self._images
