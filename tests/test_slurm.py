"""SLURM's settings and commands: what a job is asked for, and what people are told of its end."""

import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from test_executor_contract import (  # noqa: F401 - fixtures
    fake_commands,
    list_epochs,
    list_processes,
    list_sites,
    quick_looks,
    real_slurm,
    site,
    wait_for_checkpoint,
)
from test_runs_engine import wait_for
from toy_runs import make_config, make_test_result

from transfer_core.errors import SettingsError
from transfer_core.runs.engine import slurm
from transfer_core.runs.engine.cluster import ClusterError
from transfer_core.runs.engine.cluster_executor import ClusterExecutor
from transfer_core.runs.engine.engine import Engine
from transfer_core.runs.engine.slurm import Slurm
from transfer_core.runs.launch import start_engine
from transfer_core.runs.store.config_json import to_json
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.records import RunState
from transfer_core.settings import SlurmSettings, read_cluster_settings

WAIT = 60.0


def test_real_training_in_a_job_equals_that_of_a_thread(made, fake_commands, tmp_path):
    source, run_id, _ = made
    home = shutil.copytree(source, tmp_path / "home")
    (home / "cluster.toml").write_text(f"jobs = 1\ncpus = {torch.get_num_threads()}\n")
    with start_engine(home, executor="slurm") as engine:
        run = engine.wait(engine.submit(engine.get(run_id).config), 4 * WAIT)
        assert run.result == engine.get(run_id).result
        weights = [engine.directory(each).weights_file.read_bytes() for each in (run_id, run.id)]
        assert weights[0] == weights[1]


@pytest.fixture
def commands(monkeypatch):
    """The commands that would be called; the answers are what a test puts into the list."""
    called, answers = [], []

    def answer(*command, may_fail=False):
        called.append(list(command))
        return answers.pop(0) if answers else ""

    monkeypatch.setattr(slurm, "_call", answer)
    monkeypatch.setattr(slurm.shutil, "which", lambda name: name)
    return called, answers


def test_job_asks_for_what_the_file_says_and_holds_no_text_of_a_person(commands, tmp_path):
    called, answers = commands
    (tmp_path / "cluster.toml").write_text(
        'partition = "gpu"\naccount = "physics"\ngpus = 1\ncpus = 8\nmemory_gb = 32\nminutes = 90\n'
    )
    answers.append("17;main\n")
    cluster = Slurm(read_cluster_settings(tmp_path, SlurmSettings))
    directory = prepare_directory(tmp_path / "50%")
    assert cluster.submit(["python", "-m", "x", directory.id, "1"], directory) == "17"
    (command,) = called
    assert command[-5:] == ["python", "-m", "x", directory.id, "1"]
    wanted = ["--partition=gpu", "--account=physics", "--gres=gpu:1", "--cpus-per-task=8"]
    wanted += ["--mem=32G", "--time=90", "--requeue", "--signal=B:TERM@60"]
    assert set(wanted) <= set(command)
    assert f"--output={tmp_path}/50%%/runs/{directory.id}/run.log" in command


def test_run_on_several_devices_asks_for_as_many_times_as_much(commands, tmp_path):
    cluster = Slurm(SlurmSettings(gpus=8, cpus=4, memory_gb=16))
    for devices in (1, 3):
        directory = prepare_directory(tmp_path, devices=devices)
        cluster.submit(["x", directory.id, "1"], directory)
    wanted = "--gres=gpu:{0}", "--cpus-per-task={1}", "--mem={2}G"
    for command, numbers in zip(commands[0], [(1, 4, 16), (3, 12, 48)], strict=True):
        assert {each.format(*numbers) for each in wanted} <= set(command)


def prepare_directory(home, number=1, devices=1):
    """The directory of a run before it is handed over."""
    directory = RunDirectory.locate(home, f"{number:016x}")
    directory.prepare(to_json(replace(make_config(), devices=devices)), 1)
    return directory


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("partition = 'a b; rm'", "partition"),
        ("partitions = 'gpu'", "partitions"),
        ("jobs = 33", "jobs"),
        ("gpus = true", "gpus"),
        ("jobs =", "Invalid value"),
    ],
)
def test_file_that_cannot_be_used_is_told_with_its_fault(text, told, tmp_path):
    (tmp_path / "cluster.toml").write_text(text)
    with pytest.raises(SettingsError, match=f"cluster.toml cannot be used.*{told}"):
        read_cluster_settings(tmp_path, SlurmSettings)


def test_server_without_sbatch_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="cannot hand jobs to SLURM.*no command sbatch"):
        start_engine(tmp_path, executor="slurm")
    with pytest.raises(SettingsError, match="thread, process, slurm"):
        start_engine(tmp_path, executor="cloud")


@pytest.mark.parametrize("state", ["OUT_OF_MEMORY", "FAILED", "TIMEOUT", "NODE_FAIL"])
def test_job_that_ended_early_is_tried_again_unless_its_memory_was_not_enough(state, commands):
    commands[1].append(f"JobId=7 JobName=x JobState={state} Reason=None ExitCode=0:9 Other=1\n")
    death = Slurm(SlurmSettings()).explain_end("7")
    assert death.may_retry is (state != "OUT_OF_MEMORY")
    assert death.failure.found == f"SLURM job 7: ExitCode 0:9, JobState {state}, Reason None"


@pytest.mark.parametrize(("state", "is_again"), [("RUNNING", True), ("COMPLETING", False)])
def test_only_a_job_that_slurm_has_not_ended_asks_to_be_started_again(
    state, is_again, commands, monkeypatch
):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    commands[1].append(f"{state}\n")
    slurm.start_own_job_again()
    assert (["scontrol", "requeue", "7"] in commands[0]) is is_again


def test_task_of_an_array_asks_for_itself_alone(commands, monkeypatch):
    for name, value in {"JOB_ID": 7, "ARRAY_JOB_ID": 7, "ARRAY_TASK_ID": 2}.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    commands[1].append("RUNNING\n")
    slurm.start_own_job_again()
    assert commands[0][-1] == ["scontrol", "requeue", "7_2"]


def test_job_gets_no_password_of_the_server(monkeypatch, tmp_path):
    monkeypatch.setenv("TRANSFER_TEACHER_PASSWORD", "secret")
    assert "secret" not in slurm._call("env") and "TRANSFER_TEACHER_PASSWORD" in os.environ
    with pytest.raises(ClusterError, match="no such command"):
        slurm._call("no such command")


def test_run_that_the_cluster_refuses_fails_with_its_words(fake_commands, tmp_path, monkeypatch):
    def refuse(self, command, directory):
        raise ClusterError("sbatch: error: Invalid account")

    monkeypatch.setattr(Slurm, "submit", refuse)
    executor = ClusterExecutor(Slurm(SlurmSettings()), [], 1)
    with Engine(tmp_path, executor) as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert (run.state, run.attempt) == (RunState.failed, 1)
        assert run.error.found == "sbatch: error: Invalid account"


def test_job_of_an_earlier_attempt_or_restart_begins_nothing(tmp_path):
    directory = RunDirectory.locate(tmp_path, "0123456789abcdef")
    directory.prepare(to_json(make_config()), 2)
    directory.write_job("slurm", "7")
    assert not directory.begin_restart(1, 0) and not directory.begin_restart(3, 0)
    assert directory.begin_restart(2, 1, "7")
    assert not directory.begin_restart(2, 1, "8")  # SLURM took it twice
    assert directory.begin_restart(2, 1, "7")
    before = RunDirectory(directory.path)
    before.claim()
    assert directory.begin_restart(2, 2) and not directory.begin_restart(2, 1)
    with pytest.raises(Exception, match=r"attempt and restart \(2, 1\)"):
        before.write(before.weights_file, b"late")
    assert directory.read_job("slurm") == "7" and directory.read_job("ray") is None


in_slurm = pytest.mark.parametrize(
    "site", list_sites(lambda site: "slurm" in site.name), indirect=True
)


@in_slurm
def test_waiting_task_of_an_array_is_taken_back_and_the_other_starts(site, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm, "GATHER_SECONDS", 1.5)
    site.hold()
    try:
        with site.start(tmp_path, "quick", lanes=[None] * 2) as engine:
            stopped, other = ids = [engine.submit(make_config(seed)) for seed in range(2)]
            wait_for(lambda: all(engine.directory(each).job_file.exists() for each in ids), WAIT)
            assert all("_" in engine.directory(each).read_job("slurm") for each in ids)
            engine.stop(stopped)
            assert engine.wait(stopped, WAIT).state is RunState.stopped
            assert engine.state(other) is RunState.preparing
            site.release()
            assert engine.wait(other, WAIT).state is RunState.finished
    finally:
        site.release()


@in_slurm
def test_runs_that_come_together_are_an_array_whose_tasks_leave_each_other_alone(
    site, tmp_path, monkeypatch
):
    monkeypatch.setattr(slurm, "GATHER_SECONDS", 1.5)
    with site.start(tmp_path, "long", lanes=[None] * 3) as engine:
        stopped, requeued, killed = ids = [engine.submit(make_config(seed)) for seed in range(3)]
        folders = [engine.directory(each) for each in ids]
        for each in ids:
            wait_for_checkpoint(engine, each)
        jobs = [each.read_job("slurm") for each in folders]
        array = jobs[0].partition("_")[0]
        assert sorted(jobs) == [f"{array}_{task}" for task in range(3)]
        (worker,) = {*list_processes(killed)} - {*list_processes("attend")}  # of the fake
        os.kill(worker, signal.SIGKILL)
        site.requeue(jobs[1])
        engine.stop(stopped)
        assert engine.wait(stopped, WAIT).result == make_test_result()

        def list_begun():
            specs = [each.read_spec() for each in folders]
            return [(spec["attempt"], spec.get("restart")) for spec in specs]

        wait_for(lambda: list_begun() == [(1, 0), (1, 1), (2, 0)], WAIT)
        for each in (requeued, killed):
            before = list_epochs(engine, each)[-1]
            wait_for(lambda run=each, past=before: list_epochs(engine, run)[-1] > past + 2, WAIT)
            engine.stop(each)
            assert engine.wait(each, WAIT).result == make_test_result()
        assert all(each.log_file.exists() for each in folders)


@pytest.mark.parametrize("devices", [(1, 1, 1), (1, 2, 1)])
def test_runs_of_one_moment_go_alone_where_arrays_are_refused_or_they_differ(
    devices, monkeypatch, tmp_path
):
    def answer(*command, may_fail=False):
        if any(word.startswith("--array") for word in command):
            assert len({*devices}) == 1
            raise ClusterError("Job violates accounting/QOS policy")
        return f"{command[-2]}-job\n"

    monkeypatch.setattr(slurm, "_call", answer)
    monkeypatch.setattr(slurm.shutil, "which", lambda name: name)
    cluster = Slurm(SlurmSettings())
    folders = [prepare_directory(tmp_path, n, each) for n, each in enumerate(devices)]
    with ThreadPoolExecutor(3) as pool:
        jobs = pool.map(lambda each: cluster.submit(["x", each.id, "1"], each), folders)
        assert list(jobs) == [f"{each.id}-job" for each in folders]
