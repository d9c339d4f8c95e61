"""The ten functions for notebooks and scripts."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

import transfer_core
from transfer_core import api
from transfer_core.cases import TransferCase
from transfer_core.errors import SettingsError
from transfer_core.runs.store.records import RunState

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def colours(tmp_path, transfer_home) -> Path:
    """Three classes that a look at the colour tells apart."""
    for label, name in enumerate(("red", "green", "blue")):
        for number in range(10):
            colour = [40 + 3 * number] * 3
            colour[label] = 200 + number
            (tmp_path / "colours" / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 64), tuple(colour)).save(
                tmp_path / "colours" / name / f"{number}.png"
            )
    return tmp_path / "colours"


def test_importing_the_package_brings_neither_torch_nor_any_room_but_the_ground_floor():
    code = (
        "import sys, transfer_core; assert 'train' in dir(transfer_core)\n"
        "assert not [m for m in sys.modules if m in ('torch', 'numpy') "
        "or m.startswith('transfer_core.') and not m.startswith('transfer_core.system')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_each_of_the_ten_names_has_a_docstring_and_types():
    assert len(transfer_core.__all__) == 10
    for name in transfer_core.__all__:
        function = getattr(transfer_core, name)
        assert function.__doc__ and "return" in function.__annotations__, name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="No transfer_core attribute trian"):
        transfer_core.trian  # noqa: B018


def test_a_run_is_trained_listed_used_exported_and_imported_again(colours, tmp_path, capsys):
    data = transfer_core.load_dataset(colours)
    decision = transfer_core.decide(data, similarity="different", small_below=20)
    assert decision.case == TransferCase.LARGE_DIFFERENT
    assert decision.options.find("4-random").name == "Case 4, from random weights"
    run = transfer_core.train(data, case=1, epochs=2)
    assert run.state == RunState.finished
    assert run.config.strategy.case == TransferCase.SMALL_SIMILAR
    assert 0 <= run.result.accuracy <= 1
    assert [(r.id, r.result) for r in transfer_core.list_runs()] == [(run.id, run.result)]
    (answer,) = transfer_core.predict(run, [colours / "red" / "3.png"])
    assert set(answer.probabilities) == {"red", "green", "blue"}
    (file,) = transfer_core.export_run(run, "bundle", tmp_path / "out")
    assert transfer_core.import_bundle(file).result == run.result
    assert "epoch" in capsys.readouterr().err


def test_an_option_is_trained_in_place_of_a_case(colours):
    data = transfer_core.load_dataset(colours)
    run = transfer_core.train(data, option="last-stages", epochs=1)
    assert run.config.strategy.key == "last-stages" and run.result
    with pytest.raises(SettingsError, match="not both"):
        transfer_core.train(data, case=3, option="last-stages")


def test_ctrl_c_stops_a_run_and_what_was_learned_is_tested(colours, monkeypatch):
    data = transfer_core.load_dataset(colours)

    def interrupt(what, done, total):
        if "epoch" in what:
            raise KeyboardInterrupt

    monkeypatch.setattr(api, "_show_progress", interrupt)
    run = transfer_core.train(data, case=1, epochs=1000)
    assert run.state == RunState.stopped
    assert 0 <= run.result.accuracy <= 1


def test_compare_trains_each_case_once(colours):
    runs = transfer_core.compare(transfer_core.load_dataset(colours), epochs=1)
    assert list(runs) == list(TransferCase)
    assert all(run.config.strategy.case == case for case, run in runs.items())
    assert runs[TransferCase.LARGE_DIFFERENT].config.strategy.initialise == "random"


def test_the_example_of_the_readme_runs(transfer_home, tmp_path, monkeypatch, capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(code.splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(transfer_core, "train", partial(api.train, epochs=2))
    Image.new("RGB", (80, 60), (90, 120, 60)).save("photo.jpg")
    exec(compile(code, "README.md", "exec"), {})
    assert "correct" in capsys.readouterr().out
