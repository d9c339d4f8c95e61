"""What every executor does, whatever happens to its runs.

`--slurm -n 0` and `--ray -n 0` try a real SLURM and a real Ray, too.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import executor_sites
import fake_slurm
import pytest
from executor_sites import RAY_ADDRESS, SITES
from fake_ray import TOKEN, FakeRay
from test_runs_crash import is_training
from test_runs_engine import list_states, wait_for
from toy_runs import list_kinds, make_config, make_test_result
from toy_worker import ERROR

from benchmarks import local_ray, local_slurm
from transfer_core.runs.engine import cluster_executor, slurm
from transfer_core.runs.engine.executor import ProcessDied
from transfer_core.runs.engine.ray_jobs import RAY_TOKEN_VARIABLE
from transfer_core.runs.engine.reader import RunReader
from transfer_core.runs.store.config_json import to_json
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.events import select_events
from transfer_core.runs.store.records import Failed, RunState
from transfer_core.runs.stored_texts import WAITING_FOR_CLUSTER
from transfer_core.training import EpochEnded, Preparing

WAIT = 60.0  # seconds until a test gives up; a real cluster needs some for each job


@pytest.fixture(scope="module")
def real_slurm(tmp_path_factory):
    """A SLURM of this computer."""
    if missing := local_slurm.find_missing():
        pytest.skip(f"no SLURM: {missing}")
    with local_slurm.run_slurm(tmp_path_factory.mktemp("slurm"), cores=3):
        yield


@pytest.fixture
def quick_looks(monkeypatch):
    """Ask the cluster often, which is near."""
    monkeypatch.setattr(cluster_executor, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(cluster_executor, "PATIENCE_SECONDS", 0.4)


@pytest.fixture(scope="module")
def real_ray():
    """A Ray of this computer."""
    if missing := local_ray.find_missing():
        pytest.skip(f"no Ray: {missing}")
    with local_ray.run_ray() as ray, pytest.MonkeyPatch.context() as patch:
        patch.setenv(RAY_ADDRESS, ray.settings.address)
        SITES["ray"].ray = ray
        yield ray


@pytest.fixture
def ray_server(monkeypatch, quick_looks):
    """A stand-in for Ray."""
    with closing(FakeRay()) as ray:
        monkeypatch.setenv(RAY_ADDRESS, ray.address)
        monkeypatch.setenv(RAY_TOKEN_VARIABLE, TOKEN)
        SITES["fake ray"].ray = ray
        yield ray


@pytest.fixture
def fake_commands(tmp_path_factory, monkeypatch, quick_looks):
    """A stand-in for SLURM's commands, the first of their name."""
    folder = tmp_path_factory.mktemp("fake_slurm")
    fake_slurm.install(folder)
    monkeypatch.setenv("FAKE_SLURM", str(folder))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "GATHER_SECONDS", 0.05)


def list_sites(condition=lambda site: True):
    """Parameters: the names of the sites that are so."""
    marks = {"slurm": pytest.mark.slurm, "ray": pytest.mark.ray}
    names = [name for name, site in SITES.items() if condition(site)]
    return [pytest.param(name, marks=marks.get(name, ())) for name in names]


def every_site(test):
    """Try it on every executor."""
    return pytest.mark.parametrize("site", list_sites(), indirect=True)(test)


def with_workers(test):
    """Try it where a process performs the run that may die while the server lives."""
    names = list_sites(lambda site: site.has_workers)
    return pytest.mark.parametrize("site", names, indirect=True)(test)


def in_clusters(test):
    """Try it where runs go on without the server."""
    names = list_sites(lambda site: site.is_cluster)
    return pytest.mark.parametrize("site", names, indirect=True)(test)


@pytest.fixture
def site(request):
    """One of the sites, ready."""
    needed = {"fake slurm": "fake_commands", "slurm": "real_slurm"}
    needed |= {"fake ray": "ray_server", "ray": "real_ray"}
    if request.param in needed:
        request.getfixturevalue(needed[request.param])
    return SITES[request.param]


def list_epochs(engine, run_id):
    return [event.epoch for event in select_events(engine.events(run_id), EpochEnded)]


def count_epochs(engine, run_id):
    """The ends of epochs that were told, those told twice too."""
    return list_kinds(engine.events(run_id)).count("EpochEnded")


def list_processes(word):
    """Ids of the living processes that have a word in their command."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            if str(word) in path.read_text().split("\0"):
                found.append(int(path.parent.name))
    return found


def wait_for_checkpoint(engine, run_id):
    wait_for(lambda: is_training(engine, run_id), WAIT)
    wait_for(lambda: engine.directory(run_id).find_checkpoint_epoch(), WAIT)


@every_site
def test_run_tells_its_story_and_leaves_its_files(site, tmp_path):
    with site.start(tmp_path, "quick") as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert (run.state, run.result, run.attempt) == ("finished", make_test_result(), 1)
        told = list_kinds(engine.events(run.id))
        if site.is_cluster:
            told.remove("Preparing")  # it waited for its place
        expected = ["StateChanged", "StateChanged", "Preparing", "StateChanged", "Started"]
        expected += ["Stepped", "EpochEnded"] * 2 + ["Ended", "TestResult", "StateChanged"]
        assert told == expected
        directory = engine.directory(run.id)
        assert directory.read_outcome().result == run.result
        wait_for(lambda: not directory.checkpoints_folder.exists(), WAIT)


@every_site
def test_run_in_training_is_watched_and_stopped_with_what_it_learned(site, tmp_path):
    with site.start(tmp_path, "long") as engine:
        run_id, waiting = engine.submit(make_config()), engine.submit(make_config())
        wait_for(lambda: count_epochs(engine, run_id) > 2, WAIT)  # while it trains
        engine.stop(waiting)  # in our own queue
        assert engine.state(waiting) is RunState.stopped
        engine.stop(run_id)
        run = engine.wait(run_id, WAIT)
        assert (run.state, run.result) == (RunState.stopped, make_test_result())


@every_site
def test_it_is_told_what_runs_where_and_what_waits(site, tmp_path):
    with site.start(tmp_path, "long") as engine:
        run_id, waiting = engine.submit(make_config()), engine.submit(make_config())
        wait_for(lambda: count_epochs(engine, run_id) > 2, WAIT)
        capacity = engine.read_capacity()
        place = capacity.places[0]
        assert (place.hardware is None) is site.is_cluster and place.at_once == 1
        (run,) = place.runs
        assert (run.record.id, run.record.state, place.free) == (run_id, "training", ())
        assert run.since and 0 < run.progress < 1
        directory = engine.directory(run_id)
        assert run.job == (site.is_cluster and directory.read_job(site.name.split()[-1]) or None)
        assert [each.record.id for each in capacity.queue] == [waiting]
        assert (capacity.queue[0].seconds is None) is site.is_cluster
        for each in (waiting, run_id):
            engine.stop(each)
        engine.wait(run_id, WAIT)
        assert engine.read_capacity().places[0].free == (None,)


@in_clusters
def test_run_that_waits_in_the_cluster_is_stopped_before_it_starts(site, tmp_path):
    site.hold()
    try:
        with site.start(tmp_path, "quick") as engine:
            run_id = engine.submit(make_config())
            wait_for(lambda: engine.directory(run_id).job_file.exists(), WAIT)
            waits = [Preparing(WAITING_FOR_CLUSTER, 0, 1)]
            wait_for(lambda: select_events(engine.events(run_id), Preparing) == waits, WAIT)
            engine.stop(run_id)
            run = engine.wait(run_id, WAIT)
            assert (run.state, run.result) == (RunState.stopped, None)
    finally:
        site.release()


@with_workers
def test_run_whose_worker_is_killed_goes_on_behind_its_checkpoint(site, tmp_path):
    with site.start(tmp_path, "killed") as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert (run.state, run.result, run.attempt) == ("finished", make_test_result(), 2)
        assert list_epochs(engine, run.id) == [1, 2, 3, 4] and count_epochs(engine, run.id) <= 5


@with_workers
def test_run_that_kills_its_workers_is_given_up_after_three_attempts(site, tmp_path):
    with site.start(tmp_path, "doomed") as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert (run.state, run.attempt) == (RunState.interrupted, 3)
        assert "Resume it: it continues after epoch 6." in run.error.remedy


@every_site
def test_error_of_a_person_is_told_in_its_own_words_and_not_tried_again(site, tmp_path):
    with site.start(tmp_path, "unlucky") as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert (run.state, run.attempt) == (RunState.failed, 1)
        assert run.error == Failed(ERROR.problem, ERROR.found, ERROR.remedy)


@every_site
def test_full_disk_is_told_so_and_not_tried_again(site, tmp_path):
    with site.start(tmp_path, "full") as engine:
        run = engine.wait(engine.submit(make_config()), WAIT)
        assert (run.state, run.attempt) == (RunState.failed, 1)
        assert run.error.found == "No space left on device"
        assert count_epochs(engine, run.id) == 3


@every_site
def test_stale_attempt_ends_and_writes_nothing_more(site, tmp_path):
    executor = site.make_executor(tmp_path, "long")
    directory = RunDirectory.locate(tmp_path, "0123456789abcdef")
    directory.prepare(to_json(make_config()), 1)
    try:
        executor.submit(make_config(), directory)
        events = executor.events(directory.id)
        while not isinstance(next(events), EpochEnded):
            pass
        RunDirectory(directory.path).begin_attempt({}, 2)
        written = directory.events_file.read_bytes().count(b"\n")
        with pytest.raises((ProcessDied, StopIteration)):
            while True:
                next(events)
    finally:
        executor.close()
    assert directory.events_file.read_bytes().count(b"\n") <= written + 1  # it was just writing
    assert not directory.result_file.exists()


@every_site
def test_run_goes_on_although_the_server_is_killed(site, tmp_path):
    script = executor_sites.__file__
    server = subprocess.Popen(
        [sys.executable, script, str(tmp_path), site.name, "medium"],
        stdout=subprocess.PIPE,
        text=True,
    )
    run_id = server.stdout.readline().strip()
    with RunReader(tmp_path) as reader:
        wait_for_checkpoint(reader, run_id)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    server.stdout.close()
    with site.start(tmp_path, "medium") as engine:
        run = engine.wait(run_id, WAIT)
        assert (run.state, run.result) == ("finished", make_test_result())
        assert run.attempt == (1 if site.is_cluster else 2)  # adopted, or begun again
        assert list_epochs(engine, run_id) == list(range(1, 61))
        assert count_epochs(engine, run_id) <= (60 if site.is_cluster else 61)
    wait_for(lambda: not list_processes(tmp_path), WAIT)


@in_clusters
def test_run_goes_on_although_the_server_ends_and_commands_leave_it_alone(site, tmp_path):
    with site.start(tmp_path, "medium") as engine:
        run_id = engine.submit(make_config())
        wait_for_checkpoint(engine, run_id)
    with SITES["thread"].start(tmp_path, "quick", resume=False) as command:
        assert command.state(run_id) is RunState.training
    with site.start(tmp_path, "medium") as engine:
        run = engine.wait(run_id, WAIT)
        assert (run.state, run.attempt) == (RunState.finished, 1)
        assert list_states(engine, run_id) == ["queued", "preparing", "training", "finished"]
        assert count_epochs(engine, run_id) == 60


@pytest.mark.parametrize("site", list_sites(lambda site: site.can_preempt), indirect=True)
def test_run_that_loses_its_place_waits_and_goes_on_in_the_same_attempt(site, tmp_path):
    with site.start(tmp_path, "medium") as engine:
        run_id = engine.submit(make_config())
        wait_for_checkpoint(engine, run_id)
        site.hold()
        try:
            site.preempt(engine.directory(run_id).read_job("slurm"))
            wait_for(lambda: engine.state(run_id) is RunState.preparing, WAIT)  # no more training
            waits = Preparing(WAITING_FOR_CLUSTER, 0, 1)
            wait_for(lambda: select_events(engine.events(run_id), Preparing)[-1] == waits, WAIT)
        finally:
            site.release()
        run = engine.wait(run_id, WAIT)
        assert (run.state, run.result, run.attempt) == ("finished", make_test_result(), 1)
        assert engine.directory(run_id).read_spec()["restart"] == 1
        states = ["queued", "preparing", "training", "preparing", "training", "finished"]
        assert list_states(engine, run_id) == states
        assert list_epochs(engine, run_id) == list(range(1, 61))
        assert count_epochs(engine, run_id) <= 61


@in_clusters
def test_cluster_that_does_not_answer_delays_runs_and_loses_none(site, tmp_path):
    with site.start(tmp_path, "medium") as engine:
        run_id, next_id = engine.submit(make_config()), engine.submit(make_config())
        wait_for_checkpoint(engine, run_id)
        site.vanish()
        try:
            assert engine.wait(run_id, WAIT).state is RunState.finished
            wait_for(lambda: engine.state(next_id) is RunState.preparing, WAIT)
            time.sleep(0.5)
            assert engine.state(next_id) is RunState.preparing
        finally:
            site.come_back()
        assert engine.wait(next_id, WAIT).state is RunState.finished
