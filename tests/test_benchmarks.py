"""The benchmarks' own reckoning; speed itself is never asserted."""

import io
from itertools import count

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.distance import cdist
from zips import make_class_files, write_zip

from benchmarks.fine_tuning_defaults import Examples, make_table
from benchmarks.indexing import make_png, make_zip
from benchmarks.report import Claim, summarise_sides, write_report
from benchmarks.sides import compare
from benchmarks.training_step import fold_batch_norms
from benchmarks.unknown_images import (
    NetworkOutputs,
    draw_classes,
    list_score_functions,
    measure_detection,
    score_by_mahalanobis,
)
from transfer_core import dataset
from transfer_core.networks import efficientnet_lite, find_batch_norms, get_network


def test_every_side_runs_once_in_each_round_after_one_to_warm_up():
    calls = []
    sides = {name: lambda name=name: calls.append(name) or 1.0 for name in "abc"}
    found = compare("title", "s", sides, rounds=4)
    assert all(set(calls[i : i + 3]) == set("abc") for i in range(0, 15, 3))
    assert len(calls) == 15 and all(len(figures) == 4 for figures in found.figures.values())


def test_the_order_of_the_sides_differs_between_rounds():
    calls = []
    sides = {name: lambda name=name: calls.append(name) or 1.0 for name in "abc"}
    compare("title", "s", sides, rounds=6)
    assert len({tuple(calls[i : i + 3]) for i in range(0, 21, 3)}) > 1


def test_the_processor_time_of_a_side_is_its_own():
    def work() -> float:
        return float(sum(range(3_000_000)))

    found = compare("title", "s", {"busy": work, "idle": lambda: 1.0}, rounds=3)
    assert min(found.cpu_seconds["busy"]) > max(found.cpu_seconds["idle"])


def test_a_ratio_is_the_median_of_the_rounds_ratios():
    slow, fast = iter([9.0, 2.0, 4.0, 30.0]), iter([9.0, 1.0, 4.0, 10.0])
    found = compare("t", "s", {"slow": lambda: next(slow), "fast": lambda: next(fast)}, rounds=3)
    assert found.ratio("slow", "fast") == 2.0
    assert [row["ratio to fast"] for row in summarise_sides(found, "fast")] == [2.0, 1.0]


@pytest.mark.parametrize(
    ("bar", "verdict"),
    [
        ({"at_most": 1.2}, "reached"),
        ({"at_most": 1.1}, "MISSED"),
        ({"at_least": 1.2}, "reached"),
        ({"at_least": 1.3}, "MISSED"),
    ],
)
def test_a_claim_says_whether_its_bar_is_reached(bar, verdict):
    assert str(Claim("ratio", 1.2, **bar)).endswith(verdict)


def test_the_page_shows_the_table_as_text(tmp_path, capsys):
    ticks = count(1)
    found = compare("title", "s", {"<ours>": lambda: float(next(ticks))}, rounds=1)
    write_report(
        "title", summarise_sides(found, "<ours>"), [], [], ["a note"], tmp_path / "page.html"
    )
    page = (tmp_path / "page.html").read_text()
    assert "&lt;ours>" in page and "a note" in page and "<ours>" in capsys.readouterr().out


def test_tiny_images_are_images_and_all_different(tmp_path, transfer_home):
    assert Image.open(io.BytesIO(make_png(0x010203))).getpixel((7, 7)) == (1, 2, 3)
    make_zip(tmp_path / "many.zip", 300)
    found = dataset.ingest(tmp_path / "many.zip", home=transfer_home)
    assert len({record.digest for record in found.records}) == len(found.records) == 300


def test_unknown_images_are_judged_by_a_threshold_that_rests_on_validation_images_alone():
    validation, test = np.arange(100.0), np.r_[np.zeros(18), 200.0, 300.0]
    area, false_alarms, found = measure_detection(validation, test, np.r_[250.0, np.full(3, 50.0)])
    assert (false_alarms, found) == (0.1, 0.25)
    assert area == pytest.approx((19 + 3 * 18) / 80)  # pairs in order, by hand


def make_outputs(seed: int, count: int = 60) -> NetworkOutputs:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    embeddings = random.normal(size=(count, 4)).astype(np.float32) + labels[:, None]
    return NetworkOutputs(embeddings, random.normal(size=(count, 3)).astype(np.float32), labels)


def test_every_score_calls_an_image_far_from_all_classes_more_unknown():
    train, near = make_outputs(0), make_outputs(1)
    far = NetworkOutputs(near.embeddings + 50, np.zeros_like(near.logits), near.labels)
    for name, measure in list_score_functions().items():
        if "unit length" not in name:  # the direction of these is that of a class
            assert np.median(measure(train, far)) > np.median(measure(train, near)), name


def test_the_mahalanobis_score_is_that_of_scipy_to_the_nearest_class():
    train, others = make_outputs(0, 3000), make_outputs(1)
    classes = [train.embeddings[train.labels == label] for label in range(3)]
    means = np.stack([members.mean(0) for members in classes])
    pooled = np.mean([np.cov(members.T, bias=True) for members in classes], axis=0)
    expected = cdist(others.embeddings, means, "mahalanobis", VI=np.linalg.inv(pooled)).min(1)
    assert np.allclose(
        np.sqrt(score_by_mahalanobis(train, others)), expected, rtol=0.05
    )  # it is shrunk


def test_a_set_of_few_classes_loses_none(tmp_path, transfer_home):
    for names, lost in (("ab", 0), ("abcdefghij", 3)):
        files = make_class_files({name: 3 for name in names})
        found = dataset.ingest(write_zip(tmp_path / f"{lost}.zip", files), home=transfer_home)
        assert len(draw_classes(found, 0)) == lost == len(draw_classes(found, 1))


def test_folded_batch_norms_leave_the_logits_and_no_layer_of_their_own():
    generator = torch.Generator().manual_seed(0)
    network = efficientnet_lite.build("efficientnet_lite0", 3).eval()
    for norm in find_batch_norms(network):
        norm.running_mean.normal_(0, 0.1, generator=generator)
        norm.running_var.uniform_(0.5, 2, generator=generator)
    folded, images = fold_batch_norms(network), torch.randn(2, 3, 64, 64, generator=generator)
    assert not find_batch_norms(folded)
    assert all(each.requires_grad for each in folded.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(folded(images), network(images), rtol=1e-3, atol=1e-4)


def test_a_seed_draws_disjoint_parts_with_every_class():
    labels = np.arange(500) % 4
    source, pixels = get_network("demonstration"), np.empty((500, 0))
    parts = [Examples("set", source, pixels, labels, seed).parts for seed in (0, 0, 1)]
    assert sorted(np.concatenate(list(parts[0].values()))) == list(range(500))
    assert [len(part) for part in parts[0].values()] == [200, 75, 225]
    assert all(set(labels[part]) == set(range(4)) for part in parts[0].values())
    assert np.array_equal(parts[0]["train"], parts[1]["train"])
    assert not np.array_equal(parts[0]["train"], parts[2]["train"])


def test_the_table_has_the_best_choice_of_each_size_first():
    rows = [
        {"set": name, "choice": choice, "size": size, "seed": seed, "accuracy": a, "loss": 1.0}
        for name in ("ants_bees", "brain_mri_253")
        for choice, size, seed, a in (("a", 96, 0, 0.5), ("b", 96, 0, 0.7), ("b", 96, 1, 0.8))
    ]
    _, _, best, other = make_table(rows)
    assert best.startswith("| 96 | b | 2 | 75.0 (1.00) | 75.0 (1.00) |")
    assert other.startswith("| 96 | a | 1 | 50.0 (1.00) |")
