"""Ray's settings and requests: what a job is asked for, and what people are told of its end."""

import shlex

import pytest
from executor_sites import RAY_ADDRESS, SITES
from fake_ray import TOKEN
from test_executor_contract import quick_looks, ray_server  # noqa: F401 - fixtures
from test_runs_engine import wait_for
from toy_runs import list_kinds, make_config

from benchmarks import local_ray
from transfer_core.errors import SettingsError
from transfer_core.runs.engine import ray_jobs
from transfer_core.runs.engine.cluster import ClusterError
from transfer_core.runs.engine.ray_jobs import RAY_TOKEN_VARIABLE, RayJobs
from transfer_core.runs.launch import start_engine
from transfer_core.runs.store.config_json import to_json
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.settings import RaySettings, read_cluster_settings

WAIT = 60.0


@pytest.fixture
def directory(tmp_path):
    """A run's folder, whose path needs quoting."""
    directory = RunDirectory.locate(tmp_path / "a; b", "0123456789abcdef")
    directory.prepare(to_json(make_config()), 2)
    return directory


def test_job_asks_for_what_the_file_says_and_gets_no_secret(
    ray_server, directory, tmp_path, monkeypatch
):
    monkeypatch.setenv("TRANSFER_TEACHER_PASSWORD", "secret")
    monkeypatch.setenv("TORCH_HOME", "/shared/my torch")
    (tmp_path / "cluster.toml").write_text(
        f'address = "{ray_server.address}"\ngpus = 1\ncpus = 8\nmemory_gb = 32\n'
    )
    ray_server.held = True
    cluster = RayJobs(read_cluster_settings(tmp_path, RaySettings))
    command = ["python", "-m", "x", directory.id, "2"]
    job = cluster.submit(command, directory)
    assert job == f"transfer-lab-{directory.id}-a2"
    assert cluster.submit(["another"], directory) == job  # the first answer might be lost
    told = ray_server.jobs[job]
    asked = [told[f"entrypoint_{name}"] for name in ("num_cpus", "num_gpus", "memory")]
    assert asked == [8, 1, 32 << 30]
    words = shlex.split(told["entrypoint"])
    assert words[:2] == ["exec", "env"] and "TORCH_HOME=/shared/my torch" in words
    assert words[-7:] == [*command, f">>{directory.log_file}", "2>&1"]
    assert "secret" not in str(told) and TOKEN not in str(told)


@pytest.mark.parametrize(
    "text",
    ["address = 'ftp://head'", "address = 'http://head/x; rm'", "jobs = 33", "partition = 'a'"],
)
def test_file_that_cannot_be_used_is_refused(text, tmp_path):
    (tmp_path / "cluster.toml").write_text(text)
    with pytest.raises(SettingsError, match="cluster.toml cannot be used"):
        read_cluster_settings(tmp_path, RaySettings)


def test_server_with_a_wrong_token_does_not_start(ray_server, tmp_path, monkeypatch):
    (tmp_path / "cluster.toml").write_text(f'address = "{ray_server.address}"')
    monkeypatch.setenv(RAY_TOKEN_VARIABLE, "wrong")
    with pytest.raises(SettingsError, match="Ray refuses the token.*403.*TRANSFER_RAY_TOKEN"):
        start_engine(tmp_path, executor="ray")


def test_token_is_that_of_rays_own_file_where_none_is_set(ray_server, tmp_path, monkeypatch):
    monkeypatch.delenv(RAY_TOKEN_VARIABLE)
    monkeypatch.setattr(ray_jobs, "TOKEN_FILE", tmp_path / "auth_token")
    (tmp_path / "auth_token").write_text(f"{TOKEN}\n")
    assert RayJobs(RaySettings(address=ray_server.address)).list_jobs() == set()


def test_job_that_is_taken_back_counts_as_over_although_ray_lets_it_wait(ray_server, directory):
    ray_server.held = True
    cluster = RayJobs(RaySettings(address=ray_server.address))
    job = cluster.submit(["sleep", "60"], directory)
    assert cluster.list_jobs() == {job}
    cluster.stop(job)
    assert cluster.list_jobs() == set() and ray_server.jobs[job]["status"] == "PENDING"
    ray_server.held = False
    wait_for(lambda: ray_server.jobs[job]["status"] == "FAILED", WAIT)


def test_run_that_ray_gives_up_before_it_has_a_place_waits_on_in_the_same_attempt(
    ray_server, tmp_path
):
    with SITES["fake ray"].start(tmp_path, "quick") as engine:
        ray_server.held = True
        run_id = engine.submit(make_config())
        wait_for(lambda: ray_server.jobs, WAIT)
        ray_server.give_up()
        wait_for(lambda: {told["status"] for told in ray_server.jobs.values()} == {"PENDING"}, WAIT)
        ray_server.held = False
        run = engine.wait(run_id, WAIT)
        assert (run.state, run.attempt) == ("finished", 1)
        assert list_kinds(engine.events(run_id)).count("Preparing") == 3  # it waited twice


def test_ends_of_jobs_are_told_and_only_the_newest_are_kept(ray_server, directory, monkeypatch):
    monkeypatch.setattr(ray_jobs, "KEPT_JOBS", 2)
    cluster = RayJobs(RaySettings(address=ray_server.address))
    ended = {"error_type": "X", "message": "", "driver_exit_code": -9, "status": "FAILED"}
    for job in ("transfer-lab-1", "transfer-lab-2", "transfer-lab-3", "of another"):
        ray_server.jobs[job] = {"submission_id": job, "end_time": int(job[-1:] == "2"), **ended}
    told = cluster.explain_end("transfer-lab-3")
    assert told.may_retry and told.failure.found == "Ray job transfer-lab-3: FAILED, X, -9"
    cluster.submit(["true"], directory)
    assert {"transfer-lab-2", "of another"} < set(ray_server.jobs) and len(ray_server.jobs) == 4
    found = cluster.explain_end("transfer-lab-1").failure.found
    assert found == "Ray knows no job transfer-lab-1: it was started anew."
    ray_server.is_down = True
    with pytest.raises(ClusterError, match="500: No available agent"):
        cluster.list_jobs()


@pytest.mark.ray
def test_real_job_that_was_given_up_holds_no_place(tmp_path, monkeypatch):
    if missing := local_ray.find_missing():
        pytest.skip(f"no Ray: {missing}")
    with local_ray.run_ray(start_limit=15) as ray:
        monkeypatch.setenv(RAY_ADDRESS, ray.settings.address)
        with SITES["ray"].start(tmp_path, "quick") as engine:
            ray.occupy()
            run_id = engine.submit(make_config())
            waits = lambda: list_kinds(engine.events(run_id)).count("Preparing")  # noqa: E731
            wait_for(lambda: waits() == 3, WAIT)
            ray.vacate()
            run = engine.wait(run_id, WAIT)
            assert (run.state, run.attempt) == ("finished", 1)
        ray.occupy()  # so no place is held
