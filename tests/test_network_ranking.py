"""Which network suits these images: the order, what is kept, and what goes wrong."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_pages import write_colours

from transfer_core import dataset
from transfer_core.cli.main import main
from transfer_core.errors import NetworkError
from transfer_core.networks import get_network, network_builder
from transfer_core.timing import forecast
from transfer_core.timing.step_costs import StepCosts
from transfer_core.transferability import network_probe, network_ranking
from transfer_core.transferability.network_ranking import (
    NetworkScore,
    load_ranking,
    order_scores,
    rank_networks,
)

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("demonstration", "efficientnet_lite0", "efficientnet_lite1")


class Cancelled(Exception):
    pass


@pytest.fixture(autouse=True)
def three_networks(monkeypatch):
    monkeypatch.setattr(
        network_ranking, "list_present_networks", lambda: tuple(map(get_network, NAMES))
    )


@pytest.fixture
def data(transfer_home, tmp_path):
    (tmp_path / "colours.zip").write_bytes(write_colours(images=20))
    return dataset.ingest(tmp_path / "colours.zip", home=transfer_home)


@pytest.fixture
def probed(monkeypatch) -> list[str]:
    """Names of the networks that were probed; the later, the more accurate."""
    names: list[str] = []

    def probe(data_set, source, *of, progress):
        names.append(source.name)
        progress("Embedding images", 10, 10)
        accuracy = 0.6 + 0.1 * NAMES.index(source.name)
        return accuracy, accuracy - 0.02, accuracy + 0.02

    monkeypatch.setattr(network_probe, "probe_network", probe)
    return names


def make_scores(*rows: tuple[str, float, float]) -> list[NetworkScore]:
    return [
        NetworkScore(name, accuracy, low, min(1, 2 * accuracy - low))
        for name, accuracy, low in rows
    ]


def test_a_tie_within_the_interval_goes_to_the_cheaper():
    scores = make_scores(("cheap", 0.80, 0.7), ("middle", 0.93, 0.88), ("dear", 0.95, 0.91))
    ranking = order_scores(scores, 300)
    assert [score.network for score in ranking.scores] == ["dear", "middle", "cheap"]
    assert (ranking.best, ranking.equal) == ("middle", ("dear",))
    clear = order_scores(make_scores(("cheap", 0.7, 0.6), ("dear", 0.95, 0.91)), 300)
    assert (clear.best, clear.equal) == ("dear", ())


def test_errors_come_last_and_are_never_the_best():
    failed = NetworkScore("broken", error="The weights are damaged.")
    ranking = order_scores([failed, *make_scores(("whole", 0.5, 0.4))], 300, ("waits",))
    assert [score.network for score in ranking.scores] == ["whole", "broken"]
    assert ranking.best == "whole" and not ranking.is_complete
    assert order_scores([failed], 300).best is None


def test_a_real_network_is_probed_and_the_clock_has_no_part_in_the_order(
    data, transfer_home, monkeypatch
):
    two = tuple(map(get_network, NAMES[:2]))
    monkeypatch.setattr(network_ranking, "list_present_networks", lambda: two)
    ranking = rank_networks(data, transfer_home)
    assert ranking.is_complete and ranking.images == 48  # of 60; the test images are left out
    assert all(0.9 <= score.low <= score.accuracy <= score.high <= 1 for score in ranking.scores)
    assert ranking.best == "demonstration"  # both tell colours apart, and it is cheaper
    clock = random.Random(0)
    for name in ("perf_counter", "monotonic", "time"):
        monkeypatch.setattr(f"time.{name}", lambda: 1e6 * clock.random())
    for source in two:
        for file in transfer_home.glob(f"embeddings/*/{source.name}-*/probe_*.json"):
            file.unlink()
    assert rank_networks(data, transfer_home) == ranking


def test_the_sample_is_balanced_and_holds_no_test_image(data, monkeypatch):
    monkeypatch.setattr(network_ranking, "SAMPLE_IMAGES", 30)
    indices = network_ranking.draw_balanced_sample(data)
    assert np.bincount(data.labels[indices]).tolist() == [10, 10, 10]
    assert not set(indices) & set(data.indices("test"))


def test_work_that_is_cancelled_keeps_what_is_done(data, transfer_home, probed):
    def cancel(what, done, total):
        if what.startswith("2 of 3: EfficientNet-Lite0"):
            raise Cancelled

    with pytest.raises(Cancelled):
        rank_networks(data, transfer_home, progress=cancel)
    ranking = load_ranking(data, transfer_home)
    assert [score.network for score in ranking.scores] == ["demonstration"]
    assert ranking.waiting == NAMES[1:]
    assert probed == ["demonstration"]
    assert rank_networks(data, transfer_home).is_complete
    assert probed == list(NAMES)  # the first one was not probed again
    assert rank_networks(data, transfer_home) == load_ranking(data, transfer_home)
    assert probed == list(NAMES)


def test_other_weights_and_other_images_are_probed_anew(
    data, transfer_home, probed, monkeypatch, tmp_path
):
    rank_networks(data, transfer_home)
    (tmp_path / "more.zip").write_bytes(write_colours(images=21))
    assert not load_ranking(
        dataset.ingest(tmp_path / "more.zip", home=transfer_home), transfer_home
    ).scores
    changed = get_network(NAMES[1])
    monkeypatch.setitem(changed.card, "weights_sha256", "0" * 64)
    assert load_ranking(data, transfer_home).waiting == (NAMES[1],)


def test_damaged_weights_are_told_in_their_row_while_the_others_go_on(
    data, transfer_home, probed, monkeypatch
):
    whole = network_probe.probe_network

    def fail(data_set, source, *of, progress):
        if source.name == NAMES[1]:
            raise NetworkError("The weights are damaged.", found="a byte", remedy="Fetch them.")
        return whole(data_set, source, *of, progress=progress)

    monkeypatch.setattr(network_probe, "probe_network", fail)
    ranking = rank_networks(data, transfer_home)
    assert [score.network for score in ranking.scores] == [NAMES[2], NAMES[0], NAMES[1]]
    assert ranking.scores[-1].error == "The weights are damaged. Fetch them."
    assert load_ranking(data, transfer_home) == ranking
    monkeypatch.setattr(network_probe, "probe_network", whole)
    assert rank_networks(data, transfer_home).is_complete  # mended, so probed again


def test_an_altered_weights_file_is_such_an_error(data, transfer_home, monkeypatch):
    monkeypatch.setattr(
        network_ranking, "list_present_networks", lambda: (get_network("demonstration"),)
    )
    monkeypatch.setattr(network_builder, "hash_file", lambda path: "0" * 64)
    (score,) = rank_networks(data, transfer_home).scores
    assert "not the ones its card describes" in score.error


def test_a_score_that_was_cut_off_on_disk_is_measured_again(data, transfer_home, probed):
    rank_networks(data, transfer_home)
    (file,) = transfer_home.glob(f"embeddings/*/{NAMES[0]}-*/probe_*.json")
    file.write_bytes(file.read_bytes()[:20])
    assert load_ranking(data, transfer_home).waiting == (NAMES[0],)
    assert rank_networks(data, transfer_home).is_complete


def test_scores_on_disk_are_read_without_torch(data, transfer_home, probed):
    rank_networks(data, transfer_home)
    code = (
        "import sys; from pathlib import Path; from transfer_core import dataset\n"
        "from transfer_core.transferability import load_ranking, rank_networks\n"
        f"home = Path({str(transfer_home)!r}); data = dataset.load(home, {data.id!r})\n"
        f"found = [score.network for score in load_ranking(data, home).scores]\n"
        f"assert found[-1] == 'demonstration' and 'torch' not in sys.modules, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_command_line_prints_the_same_table(
    data, transfer_home, probed, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(forecast, "load_or_measure_costs", lambda *of: StepCosts(*[60.0] * 6))
    monkeypatch.setattr(forecast, "load_or_measure_decoding", lambda *of: 0.0)
    assert main(["networks", "--on", str(tmp_path / "colours.zip"), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["network"] for row in rows] == [NAMES[2], NAMES[1], NAMES[0]]
    assert [row["best"] for row in rows] == [True, False, False]
    assert rows[0]["accuracy"] == 0.8 and rows[0]["low"] < 0.8 < rows[0]["high"]
    assert set(rows[0]["minutes"]) == {"1", "3"} and rows[0]["minutes"]["3"][0] > 0
    assert [row["commercial_use"] for row in rows] == ["yes", "yes", "no"]
    assert main(["networks", "--on", str(tmp_path / "colours.zip")]) == 0
    assert "efficientnet_lite1: 80.0% right (78.0% to 82.0%), case 1" in capsys.readouterr().out
