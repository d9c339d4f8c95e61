"""Finished runs for tests, whose answers to the test images are made up."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from toy_runs import make_test_result
from zips import make_picture, write_zip

from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.dataset import DataSet
from transfer_core.networks import get_network
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import RunState
from transfer_core.runs.store.store import RunStore
from transfer_core.training.config import RunConfig


def make_data_set(
    home: Path,
    *,
    test_images: int,
    names: tuple[str, ...] = ("ant", "bee"),
    first_test_seed: int = 100,
) -> DataSet:
    """Classes with that many test images each; equal seeds give equal images."""
    files, sizes = {}, {"train": 4, "val": 2, "test": test_images}
    starts = {"train": 0, "val": 50, "test": first_test_seed}
    for label, name in enumerate(names):
        for part, count in sizes.items():
            for number in range(count):
                seed = 1000 * label + starts[part] + number
                files[f"{part}/{name}/{number}.png"] = make_picture(seed)
    return dataset.ingest(write_zip(home / "given.zip", files), home=home)


def make_finished_run(
    home: Path,
    data: DataSet,
    predicted: list[int],
    name: str = "toy",
    seed: int = 0,
    epochs: int = 100,
    **others,
) -> str:
    """The id of a finished run that took the test images for these classes."""
    source, store = get_network("demonstration"), RunStore(home)
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind)
    strategy = replace(strategy, optimiser=replace(strategy.optimiser, epochs=epochs))
    run = store.create(RunConfig(data.id, source.name, strategy, seed, {}, **others), name)
    directory = RunDirectory.locate(home, run.id)
    directory.path.mkdir(parents=True)
    np.save(directory.test_logits_file, 5 * np.eye(len(data.classes), dtype=np.float32)[predicted])
    labels = data.labels[data.indices("test")]
    hits = int((labels == np.array(predicted)).sum())
    result = make_test_result(hits / len(labels), len(labels))
    store.set_state(run.id, RunState.finished, result=result)
    store.close()
    return run.id
