"""The command line, as a person or a script would use it."""

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest
from PIL import Image

from transfer_core.cli import training_commands
from transfer_core.cli.main import main
from transfer_core.inspection.prediction import load_test_predictions
from transfer_core.networks.download import HOST_SETTING
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.runs.store.store import RunStore
from transfer_core.settings import OptimiserSettings, list_settings
from transfer_core.training.evaluation import confusion_matrix
from transfer_core.training.loop import Trainer

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def colours(tmp_path) -> Path:
    """Three classes that a look at the colour tells apart."""
    for label, colour in enumerate([(200, 30, 30), (30, 200, 30), (30, 30, 200)]):
        for number in range(12):
            folder = tmp_path / "colours" / ("red", "green", "blue")[label]
            folder.mkdir(parents=True, exist_ok=True)
            shade = tuple(min(255, c + 4 * number) for c in colour)
            Image.new("RGB", (70, 64), shade).save(folder / f"{number}.png")
    return tmp_path / "colours"


def read_lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_inspect_tells_classes_images_splits_and_problems(colours, transfer_home, capsys):
    (colours / "red" / "broken.jpg").write_bytes(b"not an image")
    assert main(["inspect", str(colours), "--json"]) == 0
    (told,) = read_lines(capsys)
    assert told["classes"] == ["blue", "green", "red"]
    assert told["images"] == 36
    assert sum(told["splits"].values()) == 36
    assert [problem["path"] for problem in told["problems"]] == ["red/broken.jpg"]


def test_decide_tells_both_voices(colours, transfer_home, capsys):
    assert main(["decide", str(colours), "--json"]) == 0
    (told,) = read_lines(capsys)
    assert told["size"]["answer"] == "small"
    assert 0 <= told["similarity"]["probability"] <= 1
    assert told["textbook"]["case"] in (1, 2)
    assert [option["case"] for option in told["options"]][:2] == [1, 2]
    recommended = told["options"][told["recommended"]]
    assert recommended["recommended"] and recommended["measured"]
    assert recommended["low"] < recommended["high"]
    forecast = next(option for option in told["options"] if option["key"] == "3")
    assert forecast["accuracy"] is None and "Too few images" in forecast["note"]
    assert told["similarity"]["evidence"]["reasons"] and told["minutes"] == 10


def test_the_persons_answer_outranks_the_estimate(colours, transfer_home, capsys):
    arguments = ["--similarity", "different", "--small-below", "20", "--json"]
    assert main(["decide", str(colours), *arguments]) == 0
    assert read_lines(capsys)[0]["textbook"]["case"] == 4


def test_ctrl_c_ends_a_training_with_a_checkpoint_one_sentence_and_its_own_status(
    colours, transfer_home, capsys, monkeypatch
):
    def interrupt(options, values):
        if values["event"] == "epoch_ended":
            raise KeyboardInterrupt

    monkeypatch.setattr(training_commands, "_emit_event", interrupt)
    take_step = Trainer._take_step  # slower, so that the run is not over before it is interrupted
    monkeypatch.setattr(Trainer, "_take_step", lambda *a: time.sleep(0.05) or take_step(*a))
    assert main(["train", str(colours), "--case", "1", "--epochs", "1000"]) == 130
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("Interrupted after epoch ") and told.endswith("on the page Train.")
    with closing(RunStore(transfer_home)) as store:
        (run,) = store.list()
    assert run.state == "interrupted" and run.id in told
    assert RunDirectory.locate(transfer_home, run.id).find_checkpoint_epoch()


def test_train_streams_events_and_ends_with_the_result(colours, transfer_home, capsys):
    assert main(["train", str(colours), "--case", "1", "--epochs", "3", "--json"]) == 0
    events = read_lines(capsys)
    assert [e["event"] for e in events].count("epoch_ended") == 3
    last = events[-1]
    assert last["event"] == "finished"
    assert {"run", "case", "validation_accuracy", "test_accuracy", "seconds"} <= set(last)
    assert last["images_per_second"] > 0


def test_train_takes_an_option_by_its_key(colours, transfer_home, capsys):
    given = ["--option", "all-stages", "--epochs", "1", "--views", "1", "--json"]
    assert main(["train", str(colours), *given]) == 0
    last = read_lines(capsys)[-1]
    assert (last["event"], last["option"]) == ("finished", "all-stages")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--option", "2-conv9"], "1, 2-fc1, 2-conv3, 2-conv2, 2-conv1, 3, 4-random"),
        (["--option", "4-random", "--initialise", "pretrained"], "Leave --initialise out"),
        (["--option", "first-stages", "--views", "2"], "only in: cases 1 and 2, all-stages"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_in_words(
    given, told, colours, transfer_home, capsys
):
    assert main(["train", str(colours), *given]) == 2
    assert told in " ".join(capsys.readouterr().err.split())


def test_compare_trains_every_case_and_what_is_the_same_only_once(colours, transfer_home, capsys):
    assert main(["compare", str(colours), "--seeds", "1", "--epochs", "1", "--json"]) == 0
    rows = [row for row in read_lines(capsys) if row["event"] == "compared"]
    assert [(r["case"], r["initialise"]) for r in rows] == [
        (1, "pretrained"),
        (2, "pretrained"),
        (3, "pretrained"),
        (4, "random"),
        (4, "pretrained"),
    ]
    assert len({row["run"] for row in rows}) == 4 and rows[2]["run"] == rows[4]["run"]


def test_a_trained_run_predicts_is_listed_and_is_exported(colours, transfer_home, capsys, tmp_path):
    main(["train", str(colours), "--case", "2", "--epochs", "30", "--json"])
    run = read_lines(capsys)[-1]["run"]
    assert main(["predict", run, str(colours / "red" / "3.png"), "--json"]) == 0
    probabilities = read_lines(capsys)[0]["probabilities"]
    assert max(probabilities, key=probabilities.get) == "red"
    found = load_test_predictions(transfer_home, run)
    result = RunStore(transfer_home).get(run).result
    confusion = confusion_matrix(found.predicted, found.labels, 3)
    assert confusion.tolist() == [list(row) for row in result.confusion]
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert main(["runs", "--json"]) == 0
    assert [(r["run"], r["state"]) for r in read_lines(capsys)] == [(run, "finished")]
    assert main(["export", run, "--format", "weights", "--to", str(tmp_path / "out")]) == 0
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["classes"] == ["blue", "green", "red"]


def test_bad_input_exits_with_2_and_one_clear_paragraph(transfer_home, capsys, tmp_path):
    (tmp_path / "text.zip").write_text("this is no archive")
    assert main(["inspect", str(tmp_path / "text.zip")]) == 2
    told = capsys.readouterr().err
    assert "Found:" in told and "Traceback" not in told


@pytest.mark.parametrize("database", ["runs.db", "workspaces.db"])
def test_no_server_starts_on_the_folder_of_a_newer_version(
    database, transfer_home, capsys, monkeypatch
):
    monkeypatch.setattr("subprocess.Popen", None)
    with closing(sqlite3.connect(transfer_home / database)) as connection:
        connection.execute("PRAGMA user_version = 1000")
    assert main(["serve", "--no-browser"]) == 2
    assert "used by a newer version of Transfer Lab" in capsys.readouterr().err


@pytest.mark.parametrize("run", ["../../etc/passwd", "nothing"])
def test_an_unknown_run_is_not_found_whatever_its_id(run, transfer_home, capsys):
    assert main(["predict", run, "image.png"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_random_weights_are_trained_without_the_pretrained_ones(
    colours, transfer_home, capsys, monkeypatch, tmp_path
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv(HOST_SETTING, "http://127.0.0.1:9/models/")
    start = ["--case", "4", "--initialise", "random", "--epochs", "1"]
    assert main(["train", str(colours), "--network", "squeezenet1_1", *start, "--json"]) == 0
    assert read_lines(capsys)[-1]["initialise"] == "random"


@pytest.mark.parametrize("epochs", ["0", "-3", "1000000000"])
def test_epochs_out_of_range_are_refused_with_the_range(epochs, colours, transfer_home, capsys):
    assert main(["train", str(colours), "--case", "1", "--epochs", epochs]) == 2
    assert "epochs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("case", "option", "where"),
    [
        ("3", ["--views", "2"], "cases 1 and 2"),
        ("1", ["--augment"], "cases 3 and 4"),
        ("1", ["--stage-decay", "0.5"], "cases 3 and 4"),
    ],
)
def test_a_setting_without_effect_is_refused(case, option, where, colours, transfer_home, capsys):
    assert main(["train", str(colours), "--case", case, *option]) == 2
    told = capsys.readouterr().err
    assert f"has an effect only in: {where}" in told and option[0] in told


def test_every_setting_of_the_optimiser_is_an_option(colours, transfer_home, capsys):
    given = {
        "learning_rate": 0.02,
        "weight_decay": 0.04,
        "batch_size": 8,
        "epochs": 2,
        "patience": 2,
        "mirror": False,
        "views": 1,
        "class_weights": False,
    }
    options = []
    for name, value in given.items():
        option = name.replace("_", "-")
        options += [f"--no-{option}"] if value is False else [f"--{option}", str(value)]
    assert main(["train", str(colours), "--case", "1", *options, "--json"]) == 0
    strategy = RunStore(transfer_home).get(read_lines(capsys)[-1]["run"]).config.strategy
    assert strategy.class_weights is given.pop("class_weights")
    settings = asdict(strategy.optimiser)
    assert {name: settings[name] for name in given} == given
    left = settings.keys() - given.keys()
    assert {each.name for each in list_settings(OptimiserSettings)} == given.keys() | left
    assert left == {
        "augment",
        "stage_decay",
        "train_head_first",
        "interpolation",
        "freeze_batch_norm",
    }  # options too, of cases 3 and 4


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        (["--learning-rate", "0"], "a number, more than 0 and at most 10"),
        (["--batch-size", "1"], "a whole number, at least 2 and at most 4,096"),
    ],
)
def test_an_option_out_of_range_is_told_its_bounds(option, allowed, colours, transfer_home, capsys):
    assert main(["train", str(colours), "--case", "1", *option]) == 2
    assert allowed in capsys.readouterr().err


def test_networks_and_samples_are_listed(transfer_home, capsys, tmp_path):
    assert main(["networks", "--json"]) == 0
    assert read_lines(capsys)[0]["weights"] == "bundled"
    assert main(["samples", "--json"]) == 0
    assert "digits" in [sample["name"] for sample in read_lines(capsys)]
    assert main(["samples", "digits", "--to", str(tmp_path / "digits.zip")]) == 0
    capsys.readouterr()
    assert main(["inspect", "sample:digits", "--json"]) == 0
    told = read_lines(capsys)[0]
    assert (len(told["classes"]), told["images"]) == (10, 1797)
