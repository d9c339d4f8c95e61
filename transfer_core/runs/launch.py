"""Start the engine and launch runs on it, for pages, command line and notebooks."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.errors import SettingsError
from transfer_core.languages import N_, _
from transfer_core.networks import SourceNetwork, get_network, trains_head_only
from transfer_core.runs.device_checks import (
    refuse_several_devices,
    require_devices,
    require_shares,
)
from transfer_core.runs.engine.cluster import Cluster
from transfer_core.runs.engine.cluster_executor import ClusterExecutor
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.engine.executor import RunFunction, StopRequested
from transfer_core.runs.engine.lanes import Lane
from transfer_core.runs.engine.process_executor import ProcessExecutor
from transfer_core.runs.engine.ray_jobs import RayJobs
from transfer_core.runs.engine.slurm import Slurm
from transfer_core.runs.perform import perform_run
from transfer_core.runs.store.directory import MAX_CHECKPOINTS, RunDirectory
from transfer_core.runs.store.expectation import Expectation
from transfer_core.runs.store.records import Failed, ReportedEvent, RunRecord, make_run_error
from transfer_core.runs.sweeping import sweep_orphans
from transfer_core.runs.trackers.backends import TRACKER_VARIABLE, parse_tracker_setting
from transfer_core.runs.trackers.follower import log_to_tracker
from transfer_core.settings import RaySettings, SlurmSettings, read_cluster_settings
from transfer_core.system import (
    Device,
    __version__,
    choose_device,
    count_devices,
    keep_freed_memory,
    read_memory_share,
    require_space,
)
from transfer_core.training import Event, RunConfig, StepFormat, choose_step_format

# Sizes of the weights that the checkpoints take at most: two are kept while a third is written,
# each with the weights, the best weights, and two moments of the optimiser.
CHECKPOINT_COPIES = (MAX_CHECKPOINTS + 1) * 4
STOP_SECONDS = 60  # that a stopped run may take to test what it has learned
EXECUTOR_VARIABLE = "TRANSFER_EXECUTOR"  # how the app's server performs runs
# What performs runs, and what cluster.toml says of it.
CLUSTERS = {"slurm": (Slurm, SlurmSettings), "ray": (RayJobs, RaySettings)}
EXECUTORS = "thread", "process", *CLUSTERS


def start_engine(home: Path, *, resume: bool = True, executor: str = "thread") -> Engine:
    """Start an engine that performs runs.

    Args:
        home: The data folder.
        resume: As for `Engine`. An engine that resumes runs has two lanes, so that short runs do
            not wait for long ones; without it there is one run at a time.
        executor: "thread" performs runs in this process; "process" in processes of their own, whose
            death ends nothing else; the name of a cluster in its jobs, which go on without a
            server. A cluster takes the runs in turn, without lanes.

    Raises:
        SettingsError: If there is no such executor or cluster here, `TRANSFER_LOG_TO` is set and
            names no tracker that can be used, or `TRANSFER_MEMORY_SHARE` is no share.
    """
    if executor not in EXECUTORS:
        raise SettingsError(
            _("{variable} names no way to perform runs.", variable=EXECUTOR_VARIABLE),
            found=ascii(executor)[:60],
            remedy=_("Set it to one of {names}, or unset it.", names=", ".join(EXECUTORS)),
        )
    if resume:  # a server; a command is too short to look
        sweep_orphans(home)
    lanes = (Lane.short, Lane.long) if resume else (None,)
    run_function = make_run_function(home)
    if executor == "thread":
        run_function = refuse_several_devices(run_function)
        return Engine(home, run_function, resume=resume, lanes=lanes)
    read_memory_share()
    if executor in CLUSTERS:
        return _start_cluster_engine(home, *CLUSTERS[executor])
    command = _make_command("worker_process", home, torch.get_num_threads())
    processes = ProcessExecutor(command, len(lanes), count_devices(choose_device()))
    return Engine(home, processes, resume=resume, lanes=lanes)


def _start_cluster_engine(
    home: Path, make_cluster: Callable[[Any], Cluster], settings_kind: type
) -> Engine:
    settings = read_cluster_settings(home, settings_kind)
    command = _make_command("cluster_job", home.resolve(), settings.cpus)
    cluster, devices = make_cluster(settings), max(1, settings.gpus)
    executor = ClusterExecutor(cluster, command, settings.jobs, devices)
    return Engine(home, executor, lanes=[None] * settings.jobs)


def _make_command(module: str, home: Path, threads: int) -> list[str]:
    command = [sys.executable, "-m", f"transfer_core.runs.{module}", str(home)]
    return [*command, "--threads", str(threads)]


def make_run_function(home: Path) -> RunFunction:
    """Return the function that performs a run in this process.

    Raises:
        SettingsError: If `TRANSFER_LOG_TO` is set and names no tracker that can be used.
    """

    def run_function(
        config: RunConfig, directory: RunDirectory, stop_requested: StopRequested
    ) -> Iterator[ReportedEvent]:
        return perform_run(config, directory.path, home, stop_requested)

    keep_freed_memory()
    if setting := os.environ.get(TRACKER_VARIABLE):
        return log_to_tracker(run_function, parse_tracker_setting(setting), home)
    return run_function


def launch_run(
    engine: Engine,
    data_set: DataSet,
    source: SourceNetwork,
    strategy: Strategy,
    seed: int,
    *,
    name: str | None = None,
    owner: str = "",
    key: str | None = None,
    compiled: bool = False,
    devices: int = 1,
    expectation: Expectation | None = None,
) -> str:
    """Queue a run and return its id.

    Args:
        engine: From `start_engine`.
        data_set: The images.
        source: The network, at the input size of the run.
        strategy: The stages to keep and freeze, and the settings of the training.
        seed: Of the run's random generators.
        name: For people; None is the data set's name and what is trained.
        owner: Owners share the queue in turns.
        key: Chosen by the caller; the same owner and key make one run only.
        compiled: Whether to compile the network with torch.compile.
        devices: That share each step, at most as many as `engine.max_devices`.
        expectation: What was told of its result, from `make_expectation`; None if nothing was.

    Raises:
        SettingsError: If a setting is not allowed.
        RunError: If the engine is shutting down.
        StorageError: If the files of the run would not fit on the disk.
    """
    config = make_run_config(data_set, source, strategy, seed, compiled=compiled, devices=devices)
    require_devices(config, engine.max_devices)
    require_shares(config, data_set)
    _require_space(engine, config)
    name = name or f"{data_set.name}, {strategy.title.lower()}"
    return engine.submit(config, name, owner, key, expectation)


def repeat_run(
    engine: Engine, config: RunConfig, *, name: str, owner: str = "", key: str | None = None
) -> str:
    """Queue a run with the same configuration and today's versions; return its id.

    Args and errors as for `launch_run`.
    """
    require_devices(config, engine.max_devices)
    _require_space(engine, config)
    versions = collect_versions(config.source())
    return engine.submit(replace(config, versions=versions), name, owner, key)


def _require_space(engine: Engine, config: RunConfig) -> None:
    """Refuse a run whose weights and checkpoints would not fit on the disk."""
    source = config.source()
    copies = 1 if trains_head_only(source, config.strategy) else 1 + CHECKPOINT_COPIES
    require_space(engine.home, copies * source.weight_bytes, N_("the files of this run"))


def run_to_end(engine: Engine, run_id: str, report: Callable[[Event], None]) -> RunRecord:
    """Follow a queued run to its end; Ctrl-C stops it, and what was learned is tested.

    Args:
        engine: From `start_engine`.
        run_id: From `launch_run`.
        report: Called with each event of the run.

    Returns:
        The ended run, with a result.

    Raises:
        RunError: If the run failed, or was stopped before it had a result.
    """
    try:
        for entry in engine.follow(run_id):
            report(entry.event)
    except KeyboardInterrupt:
        engine.stop(run_id)
        engine.wait(run_id, timeout=STOP_SECONDS)
    return get_result(engine, run_id)


def get_result(engine: Engine, run_id: str) -> RunRecord:
    """Return an ended run, which has a result.

    Raises:
        RunError: If the run failed, or was stopped before it had a result.
    """
    record = engine.get(run_id)
    if record.result is None:
        missing = Failed(f"The run is {record.state}.", run_id, "Run it again.")
        raise make_run_error(record.error or missing)
    return record


def make_run_config(
    data_set: DataSet,
    source: SourceNetwork,
    strategy: Strategy,
    seed: int,
    *,
    compiled: bool = False,
    devices: int = 1,
) -> RunConfig:
    """Return the configuration of a run on the fastest device of this machine.

    See `launch_run` for the arguments.
    """
    own_size, device = get_network(source.name).input_size, choose_device()
    step_format = _choose_run_format(device, source, strategy)
    return RunConfig(
        data_set.id,
        source.name,
        strategy,
        seed,
        collect_versions(source),
        step_format.precision,
        device,
        step_format.channels_last,
        compiled,
        None if source.input_size == own_size else source.input_size,
        devices,
    )


def collect_versions(source: SourceNetwork) -> dict[str, str]:
    """Return all versions that the numbers of a run depend on, beside its settings."""
    return {
        "transfer_core": __version__,
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),  # the order of sums depends on it
        "weights": source.weights_hash,
    }


def fit_to_device(config: RunConfig) -> RunConfig:
    """Return the configuration as this machine computes it, which may have a GPU or lack one.

    Only a job of a cluster needs it: its run was configured on the server.
    """
    if (device := choose_device()) == config.device:
        return config
    step_format = _choose_run_format(device, config.source(), config.strategy)
    return replace(
        config,
        device=device,
        precision=step_format.precision,
        channels_last=step_format.channels_last,
    )


def _choose_run_format(device: Device, source: SourceNetwork, strategy: Strategy) -> StepFormat:
    """Choose what this device computes fastest; a head learns from embeddings, not from maps."""
    if trains_head_only(source, strategy):
        return StepFormat("float32", channels_last=False)
    return choose_step_format(source, device)
