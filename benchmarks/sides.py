"""Run the sides of a comparison in turn, in fresh order each round."""

import gc
import os
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Side = Callable[[], float]  # does its work once and returns its figure


@dataclass(frozen=True)
class Comparison:
    """Measurements of all sides."""

    title: str
    unit: str  # of all figures
    figures: dict[str, tuple[float, ...]]  # of each side, one a round
    cpu_seconds: dict[str, tuple[float, ...]]  # seconds on all cores, which others slow down less
    load: tuple[float, float]  # processes that wanted a core, in the minute before and at the end

    def median(self, side: str) -> float:
        """Median over the rounds of one side, in the unit."""
        return statistics.median(self.figures[side])

    def ratio(self, side: str, to: str) -> float:
        """Median over the rounds of one side's figure over the other's in the same round."""
        return _median_ratio(self.figures[side], self.figures[to])

    def cpu_ratio(self, side: str, to: str) -> float:
        """Median ratio of CPU seconds instead of figures."""
        return _median_ratio(self.cpu_seconds[side], self.cpu_seconds[to])


def compare(
    title: str, unit: str, sides: dict[str, Side], rounds: int, *, warm_up: bool = True
) -> Comparison:
    """Run every side once in each round, the order drawn anew.

    Args:
        title: Title of the comparison.
        unit: Unit of the figures that the sides return.
        sides: The sides by name.
        rounds: Number of measured rounds.
        warm_up: Whether a round that does not count comes first.
    """
    order, before = random.Random(0), os.getloadavg()[0]
    figures: dict[str, list[float]] = {name: [] for name in sides}
    processor: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + warm_up):
        for name in order.sample(list(sides), len(sides)):
            gc.collect()
            began = _read_cpu_seconds()
            figure = sides[name]()
            if number >= warm_up:
                figures[name].append(figure)
                processor[name].append(_read_cpu_seconds() - began)
    load = before, os.getloadavg()[0]
    return Comparison(title, unit, _to_tuples(figures), _to_tuples(processor), load)


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Yield a function that returns the seconds since the start of the block."""
    began = time.perf_counter()
    yield lambda: time.perf_counter() - began


def _read_cpu_seconds() -> float:
    """CPU seconds of this process and of its child processes that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _median_ratio(figures: tuple[float, ...], others: tuple[float, ...]) -> float:
    return statistics.median(a / b for a, b in zip(figures, others, strict=True))


def _to_tuples(values: dict[str, list[float]]) -> dict[str, tuple[float, ...]]:
    return {name: tuple(each) for name, each in values.items()}
