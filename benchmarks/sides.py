"""Run the sides of a comparison in turn, in fresh order each round."""

import gc
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Side = Callable[[], float]  # does its work once and returns its figure


@dataclass(frozen=True)
class Comparison:
    """What the sides came to."""

    title: str
    unit: str  # of all figures
    figures: dict[str, tuple[float, ...]]  # of each side, one a round
    load: tuple[float, float]  # processes that wanted a core, in the minute before and at the end

    def median(self, side: str) -> float:
        """Of one side, in the unit."""
        return statistics.median(self.figures[side])

    def ratio(self, side: str, to: str) -> float:
        """Median over the rounds of one side's figure over the other's in the same round."""
        pairs = zip(self.figures[side], self.figures[to], strict=True)
        return statistics.median(a / b for a, b in pairs)


def compare(
    title: str, unit: str, sides: dict[str, Side], rounds: int, *, warm_up: bool = True
) -> Comparison:
    """Run every side once in each round, the order drawn anew.

    Args:
        title: What is compared.
        unit: Of what the sides return.
        sides: By name.
        rounds: That count.
        warm_up: Whether a round before them does not count.
    """
    order, before = random.Random(0), os.getloadavg()[0]
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + warm_up):
        for name in order.sample(list(sides), len(sides)):
            gc.collect()
            figure = sides[name]()
            if number >= warm_up:
                figures[name].append(figure)
    kept = {name: tuple(values) for name, values in figures.items()}
    return Comparison(title, unit, kept, (before, os.getloadavg()[0]))


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Gives a function that tells the seconds since then."""
    began = time.perf_counter()
    yield lambda: time.perf_counter() - began
