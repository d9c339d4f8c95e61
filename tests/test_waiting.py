"""Work that computes lets others have the processor first, in the app and in every command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from transfer_core.cli.main import main
from transfer_core.runs import worker_process
from transfer_core.system.waiting import NICENESS, WAIT_VARIABLE

APP = Path(__file__).resolve().parents[1] / "app.py"
SCRIPT = "from transfer_core.system import let_threads_sleep as f; f(); import torch"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="another OpenMP library")
@pytest.mark.parametrize(("given", "policy"), [(None, "PASSIVE"), ("active", "ACTIVE")])
def test_torchs_openmp_is_told_unless_the_environment_says_otherwise(given, policy):
    settings = {k: v for k, v in os.environ.items() if k != WAIT_VARIABLE}
    settings |= {"OMP_DISPLAY_ENV": "true"} | ({WAIT_VARIABLE: given} if given else {})
    command = [sys.executable, "-c", SCRIPT]
    told = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    assert f"{WAIT_VARIABLE} = '{policy}'" in told.stderr


def test_a_command_says_so(transfer_home, monkeypatch, capsys):
    monkeypatch.delenv(WAIT_VARIABLE)
    assert main(["runs"]) == 0
    assert os.environ[WAIT_VARIABLE] == "PASSIVE"


def test_the_app_says_so(transfer_home, monkeypatch):
    monkeypatch.delenv(WAIT_VARIABLE)
    assert not AppTest.from_file(str(APP), default_timeout=60).run().exception
    assert os.environ[WAIT_VARIABLE] == "PASSIVE"


@pytest.mark.skipif(not hasattr(os, "nice"), reason="no niceness")
def test_a_process_that_trains_gives_way_before_it_starts_threads(monkeypatch, tmp_path):
    calls = []  # threads that exist keep the niceness that they began with
    monkeypatch.setattr(os, "nice", calls.append)
    monkeypatch.setattr(worker_process, "_warm_up", lambda: calls.append("warm up"))
    monkeypatch.setattr(worker_process, "serve_runs", lambda *_: calls.append("serve"))
    monkeypatch.setattr("transfer_core.system.limit_memory", lambda: None)
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    worker_process.main([str(tmp_path), "--threads", "1"])
    assert calls == [NICENESS, "warm up", "serve"]
