"""Early stopping for a one-cycle schedule."""

import math
from dataclasses import dataclass, field

from transfer_core.errors import RunError
from transfer_core.languages import N_, _

MIN_LOSS_RISE = 1.1  # times the lowest validation loss, from which a rise is more than noise

NEVER_FINITE = N_("The validation loss was not a finite number in any of {epochs} epochs.")
NOT_FINITE_AT_ONCE = N_("The loss stopped being a finite number before the first epoch ended.")
USED_RATE = N_("learning rate {rate}")


@dataclass
class EarlyStopping:
    """Remembers the best epoch and decides whether a one-cycle training goes on.

    The learning rate of a one-cycle schedule is high in the first half of the epochs and falls
    to 0 in the second, and the validation loss is usually lowest near the end. So the first half
    never ends a training. In the second half it ends after `patience` epochs in a row whose
    validation loss is 1.1 times the lowest one or more: it then learns its images by heart.
    """

    epochs: int  # of the schedule
    patience: int  # epochs
    losses: list[float] = field(default_factory=list)  # of each epoch; not finite is infinite

    def record(self, loss: float) -> bool:
        """Add an epoch's validation loss; return whether it is the lowest so far."""
        best = self.lowest_loss
        self.losses.append(loss if math.isfinite(loss) else math.inf)
        return self.losses[-1] < best

    @property
    def lowest_loss(self) -> float:
        """The lowest validation loss; infinite if there is none."""
        return min(self.losses, default=math.inf)

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest validation loss, counted from 1; None if none was finite."""
        return None if math.isinf(self.lowest_loss) else 1 + self.losses.index(self.lowest_loss)

    def should_stop(self) -> bool:
        """Return whether the validation loss has clearly risen since its best epoch."""
        recent = self.losses[self.epochs // 2 :][-self.patience :]
        return len(recent) == self.patience and min(recent) >= MIN_LOSS_RISE * self.lowest_loss

    def has_diverged(self) -> bool:
        """Return whether half of the epochs are over and none had a finite validation loss."""
        return len(self.losses) >= max(1, self.epochs // 2) and self.best_epoch is None

    def describe(self) -> str:
        """Say for people why the training stopped."""
        return describe_early_stop(self.patience)


def describe_early_stop(patience: int) -> str:
    """Say for people why a training with this patience stopped early."""
    return _(
        "the validation loss was {rise:.0%} or more above its lowest value for {patience} epochs "
        "in a row, in the second half of the training",
        rise=MIN_LOSS_RISE - 1,
        patience=patience,
    )


def compute_first_stop(epochs: int, patience: int) -> int:
    """Return the epoch after which early stopping may end a training at the earliest."""
    return min(epochs, epochs // 2 + patience)


def make_divergence_error(epochs: int, learning_rate: float) -> RunError:
    """Say for people that a training diverged after so many epochs and left nothing to keep."""
    problem = NEVER_FINITE.format(epochs=epochs) if epochs else NOT_FINITE_AT_ONCE
    return RunError(
        problem,
        found=USED_RATE.format(rate=f"{learning_rate:g}"),
        remedy=N_("Start again with a learning rate ten times smaller."),
    )
