"""Train the options that a forecast is about on the panel's data sets, and test them.

Each job is one data set: a pool, images per class and a seed. Several processes share the jobs, so
that a GPU is busy although each training takes small steps.
"""

import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty

import numpy as np
import torch
from torch import nn

from benchmarks.panel.embeddings import load_or_prepare_pool
from benchmarks.panel.pools import Pool, Pools
from benchmarks.panel.splits import Split, draw_split
from transfer_core.cases import Strategy, list_strategies
from transfer_core.features import embed, normalise
from transfer_core.networks import HEAD, SourceNetwork, adapt, get_network
from transfer_core.system import Device, get_home
from transfer_core.training import (
    Ended,
    StepFormat,
    choose_step_format,
    train_head,
    train_whole_network,
)

UNMIRRORED = {"gratings", "glyphs", "digits", "rotation"}  # left and right make a difference there
TEST_BATCH_SIZE = 256  # images


@dataclass(frozen=True)
class Job:
    """One data set, and what to train on it."""

    network: str
    pool: str
    per_class: int
    seed: int
    trainings: tuple[tuple[str, str], ...]  # (option key, JSON of settings that differ)


def run_jobs(
    jobs: Sequence[Job],
    data: Path,
    folder: Path,
    out: Path,
    *,
    workers: int,
    seconds: float,
    device: Device,
    step_format: StepFormat | None = None,
) -> None:
    """Train jobs in their order on several processes until the time is over.

    Args:
        jobs: The most wanted first.
        data: Folder with the real image sets.
        folder: Holds the pools at input size.
        out: Folder; each process appends lines to a file of its own.
        workers: Number of processes.
        seconds: After so many no further training starts.
        device: Takes the steps.
        step_format: Of the steps; None takes the app's choice.
    """
    out.mkdir(parents=True, exist_ok=True)
    spawn = multiprocessing.get_context("spawn")
    queue, deadline = spawn.Queue(), time.time() + seconds
    for job in jobs:
        queue.put(job)
    arguments = queue, data, folder, out, deadline, device, step_format
    processes = [spawn.Process(target=_work, args=(*arguments, n)) for n in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def _work(queue, data, folder, out, deadline, device, step_format, number) -> None:
    torch.set_num_threads(1)
    with (out / f"{number}-{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        while time.time() < deadline:
            try:
                job = queue.get(timeout=1)
            except Empty:
                return
            try:
                for row in train_job(job, data, folder, device, deadline, step_format):
                    file.write(json.dumps(row) + "\n")
                    file.flush()
            except Exception as error:  # one job must not end the others
                print(f"{job}: {type(error).__name__}: {error}", flush=True)


def train_job(
    job: Job,
    data: Path,
    folder: Path,
    device: Device,
    deadline: float = float("inf"),
    step_format: StepFormat | None = None,
) -> Iterator[dict]:
    """Yield one row for the new layer alone, and one for each training."""
    source = get_network(job.network)
    pools = Pools(data, get_home(), source.transform)
    pool = load_or_prepare_pool(pools, job.pool, source, folder)
    split = draw_split(pool.labels, job.per_class, job.seed)
    if split is None:
        return
    images = _Images(pool, split, source, device, job.seed, step_format)
    key = {
        "network": job.network,
        "weights": source.weights_hash,
        "pool": job.pool,
        "family": pool.family,
        "classes": images.classes,
        "per_class": job.per_class,
        "seed": job.seed,
    }
    head_only, accuracies = images.train_head_alone()
    yield key | {"option": "1", "settings": "", **accuracies}
    for option, settings in job.trainings:
        if time.time() > deadline:
            return
        yield (
            key
            | {"option": option, "settings": settings}
            | images.train(option, json.loads(settings or "{}"), head_only)
        )


class _Images:
    """The images of one data set on a device, and the trainings on them."""

    def __init__(
        self,
        pool: Pool,
        split: Split,
        source: SourceNetwork,
        device: Device,
        seed: int,
        step_format: StepFormat | None,
    ) -> None:
        chosen = np.concatenate([split.train, split.validation, split.test])
        sizes = np.cumsum([0, len(split.train), len(split.validation), len(split.test)])
        self.train_part, self.validation, self.test = (
            np.arange(low, high) for low, high in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.pixels, self.labels = pool.pixels[chosen], pool.labels[chosen]
        self.classes = int(pool.labels.max()) + 1
        self.mirror = pool.name not in UNMIRRORED
        self.source, self.device, self.seed = source, device, seed
        self.step_format = step_format
        self.strategies = list_strategies(source.stage_names, source.kind)

    def train_head_alone(self) -> tuple[nn.Sequential, dict]:
        """Return the network of case 1 and its accuracies."""
        began, strategy = time.perf_counter(), self.strategies["1"]
        network = self._adapt(strategy)
        learned = self.pixels[: self.test[0]]
        embeddings = embed(network, learned, self.source, (strategy.keep_through,))
        training = train_head(
            network, embeddings[strategy.keep_through], **self._arguments(strategy)
        )
        for event in training:
            if isinstance(event, Ended):
                ended = event
        return network, self._test(network, ended, began)

    def train(self, option: str, settings: dict, head_only: nn.Sequential) -> dict:
        """Train an option with some settings changed, and test it."""
        began, strategy = time.perf_counter(), self.strategies[option]
        optimiser = replace(strategy.optimiser, mirror=self.mirror, **settings)
        strategy = replace(strategy, optimiser=optimiser)
        network = self._adapt(strategy)
        if optimiser.train_head_first:
            network.get_submodule(HEAD).load_state_dict(head_only.get_submodule(HEAD).state_dict())
        step_format = self.step_format or choose_step_format(self.source, self.device)
        training = train_whole_network(
            network,
            self.pixels,
            source=self.source,
            precision=step_format.precision,
            channels_last=step_format.channels_last,
            **self._arguments(strategy),
        )
        for event in training:
            if isinstance(event, Ended):
                ended = event
        return self._test(network, ended, began)

    def _adapt(self, strategy: Strategy) -> nn.Sequential:
        return adapt(self.source, strategy, self.classes, self.seed).to(self.device)

    def _arguments(self, strategy: Strategy) -> dict:
        return {
            "labels": self.labels,
            "train_indices": self.train_part,
            "validation_indices": self.validation,
            "strategy": strategy,
            "seed": self.seed,
            "class_weights": None,
            "stop_requested": lambda: False,
        }

    def _test(self, network: nn.Sequential, ended: Ended, began: float) -> dict:
        return {
            "validation": self._score(network, self.validation),
            "test": self._score(network, self.test),
            "test_images": len(self.test),
            "epochs": ended.epochs,
            "best_epoch": ended.best_epoch,
            "seconds": round(time.perf_counter() - began, 2),
        }

    @torch.inference_mode()
    def _score(self, network: nn.Sequential, part: np.ndarray) -> float:
        """Accuracy on some of the images, in [0, 1]."""
        network.eval()
        right, device = 0, torch.device(self.device)
        for batch in np.array_split(part, -(-len(part) // TEST_BATCH_SIZE)):
            logits = network(normalise(self.pixels[batch], self.source, device))
            right += int((logits.argmax(1).cpu().numpy() == self.labels[batch]).sum())
        return round(right / len(part), 5)
