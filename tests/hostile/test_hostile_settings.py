"""Senseless settings and files on the command line: each is one plain refusal, at once."""

import re
import shutil
from pathlib import Path

import pytest

from transfer_core import api
from transfer_core.cli.main import main
from transfer_core.errors import SettingsError
from transfer_core.settings import check_minutes


@pytest.fixture(scope="module")
def home(made, tmp_path_factory) -> Path:
    """A copy of the data folder with a finished run, which these tests may fill."""
    return shutil.copytree(made[0], tmp_path_factory.mktemp("settings") / "home")


REFUSED = [  # arguments with RUN and DATA in place of a run's id and a zip, what is told
    (["decide", "DATA", "--minutes", "inf"], "at most 10,080 minutes"),
    (["decide", "DATA", "--minutes", "nan"], "at most 10,080 minutes"),
    (["decide", "DATA", "--minutes", "0"], "at most 10,080 minutes"),
    (["decide", "DATA", "--minutes", "-1"], "at most 10,080 minutes"),
    (["decide", "DATA", "--small-below", "0"], "between 20 and 1,000,000 images"),
    (["train", "DATA", "--case", "1", "--minutes", "inf"], "at most 10,080 minutes"),
    (["train", "DATA", "--case", "1", "--learning-rate", "nan"], "learning_rate = nan"),
    (["train", "DATA", "--case", "1", "--learning-rate", "inf"], "learning_rate = inf"),
    (["train", "DATA", "--case", "1", "--epochs", "0"], "epochs = 0"),
    (["train", "DATA", "--case", "1", "--epochs", "1" + "0" * 30], "epochs = 10000"),
    (["train", "DATA", "--case", "1", "--batch-size", "0"], "batch_size = 0"),
    (["train", "DATA", "--case", "1", "--input-size", "0"], "0 pixels"),
    (["train", "DATA", "--case", "1", "--seed", "-1"], "seed = -1"),
    (["train", "DATA", "--case", "1", "--seed", "1" + "0" * 30], "seed = 10000"),
    (["compare", "DATA", "--seeds", "0"], "from 1 to 100"),
    (["compare", "DATA", "--seeds", "-3"], "from 1 to 100"),
    (["compare", "DATA", "--seeds", "1" + "0" * 30], "from 1 to 100"),
    (["predict", "RUN", "/dev/zero"], "a folder or a device"),
    (["predict", "RUN", "/dev/stdin"], "a folder or a device"),
    (["predict", "RUN", "/"], "a folder or a device"),
    (["predict", "RUN", "nothing\0.png"], "null"),
    (["predict", "../../etc", "x.png"], "no such run"),
    (["load", "/dev/zero"], "not a zip"),
    (["load", "/dev/null"], "not a zip"),
    (["inspect", "/dev/zero"], "not a zip"),
    (["networks", "--add", "/dev/zero"], "Only safetensors files"),
    (["networks", "--add", "/dev/null/nowhere"], "Not a directory"),
    (["export", "RUN", "--format", "weights", "--to", "/proc/nothing"], "cannot be used"),
    (["export", "RUN", "--format", "weights", "--to", "/dev/null"], "cannot be used"),
    (["export", "RUN", "--format", "weights", "--to", "/dev/null/x"], "cannot be used"),
    (["samples", "digits", "--to", "/proc/nothing.zip"], "cannot be"),
    (["samples", "digits", "--to", "/dev/null/x.zip"], "cannot be used"),
]


@pytest.mark.parametrize(("given", "told"), REFUSED, ids=[" ".join(r[0])[:60] for r in REFUSED])
def test_what_makes_no_sense_is_one_plain_refusal(given, told, home, made, monkeypatch, capsys):
    _home, run, bundle = made
    monkeypatch.setenv("TRANSFER_HOME", str(home))
    places = {"RUN": run, "DATA": str(bundle.parent / "colours.zip")}
    assert main([places.get(word, word) for word in given]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert re.search(told, " ".join(lines)) and "Traceback" not in " ".join(lines)
    assert len(lines) <= 8


def test_a_notebook_is_refused_in_the_same_way(home, made, monkeypatch):
    monkeypatch.setenv("TRANSFER_HOME", str(home))
    with pytest.raises(SettingsError):
        check_minutes(float("inf"))
    data_set = api.load_dataset(made[2].parent / "colours.zip")
    with pytest.raises(SettingsError, match="out of range"):
        api.decide(data_set, small_below=0)
