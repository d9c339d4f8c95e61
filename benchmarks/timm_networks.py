"""timm's networks through all that is done with a network: count of count.

    python -m benchmarks.timm_networks [--networks 160] [--results timm_networks.jsonl]

Each has random weights, and goes through: description and cutting into stages, weights file read
by `load_pretrained`, logits equal to timm's, the four cases (surgery, one training step, frozen
stages unchanged, saved, loaded, equal answers), and ONNX (converted and compared). The smallest
networks of every family come first; a family is a module of timm. What costs too much on two cores
is passed over. Results go to a file, line by line; begun again, it goes on where it ended.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

MAX_PARAMETERS, MAX_OPERATIONS = 30e6, 4.0  # weights; billion multiply-adds
BATCH, TIMEOUT_SECONDS = 8, 1_800  # networks checked by one process
CLASSES, IMAGES = 5, 3
TOLERANCE = 1e-4  # relative to the largest logit; absolute for probabilities
LEFT_OUT = "left out"


def list_candidates() -> list[tuple[str, str]]:
    """Return tags and their families, each round the smallest of every family that is left."""
    from timm.models._registry import _model_to_module

    from transfer_core.networks import list_timm_tags

    architectures: dict[str, str] = {}
    for tag in list_timm_tags():
        architectures.setdefault(tag.partition(".")[0], tag)
    families: dict[str, list[str]] = {}
    for name, tag in architectures.items():
        families.setdefault(_model_to_module[name], []).append(tag)
    order = {
        family: sorted(tags, key=lambda tag: (_guess_size(tag), tag))
        for family, tags in families.items()
    }
    rounds = max(map(len, order.values()))
    return [(tags[i], f) for i in range(rounds) for f, tags in order.items() if i < len(tags)]


def _guess_size(tag: str) -> float:
    """Guess how large a network is by the words and numbers in its name."""
    words = "atto pico femto nano test xxt xt tiny small s medium m base b large l xl huge giant"
    named = {word: index for index, word in enumerate(words.split())}
    parts = tag.partition(".")[0].split("_")
    sizes = [named[part] for part in parts if part in named] or [named["small"]]
    digits = "".join(filter(str.isdigit, parts[0])) or "0"
    return max(sizes) + int(digits) / 100


def check_network(tag: str, folder: Path) -> dict:
    """Take one network through everything; returns what it was, or raises."""
    import timm
    import torch
    from safetensors.torch import save_file

    from transfer_core.cases import TransferCase, plan_strategy
    from transfer_core.errors import NetworkError
    from transfer_core.networks import get_network, load_pretrained

    try:
        source = get_network(f"timm.{tag}")
    except NetworkError as error:
        return {"outcome": "refused", "reason": error.found}
    card = source.card
    facts = {"parameters": card["parameters"], "operations": card["operations"]}
    if card["parameters"] > MAX_PARAMETERS or card["operations"] > MAX_OPERATIONS:
        return facts | {"outcome": LEFT_OUT}
    torch.manual_seed(0)
    published = timm.create_model(tag, pretrained=False).eval()
    repository = f"models--{card['repository'].replace('/', '--')}"
    file = folder / repository / "snapshots" / "main" / "model.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(fill_randomly(published), file)
    source = get_network(source.name)
    images = torch.randn(2, 3, source.input_size, source.input_size)
    with torch.inference_mode():
        if published.num_classes and timm.get_pretrained_cfg(tag).input_size[1] == images.shape[-1]:
            expected, found = published(images), load_pretrained(source)(images)
            facts["difference"] = float((found - expected).abs().max() / expected.abs().max())
            assert facts["difference"] <= TOLERANCE, f"logits differ by {facts['difference']:.1e}"
    for case in TransferCase:
        trained = check_case(
            source, plan_strategy(case, source.stage_names, kind=source.kind), images, folder
        )
        if case is TransferCase.SMALL_SIMILAR:
            facts["onnx_difference"] = check_onnx(source, trained, folder)
    file.unlink()
    return facts | {"outcome": "passed", "stages": len(source.stages)}


def fill_randomly(model) -> dict:
    """Give a network weights that leave no layer without effect; returns its state."""
    import torch

    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim <= 1 or name.endswith(("gamma", "layer_scale")):
                value.uniform_(0.5, 1.0) if not name.endswith("bias") else value.uniform_(-0.1, 0.1)
    return {name: value.clone().contiguous() for name, value in model.state_dict().items()}


def check_case(source, strategy, images, folder: Path):
    """Operate, train one step, save and load; returns the network."""
    import torch
    from safetensors.torch import load_file, save_file

    from transfer_core.networks import adapt, init_empty_weights, set_train_mode_except_frozen

    network = adapt(source, strategy, CLASSES, seed=0)
    before = {k: v.clone() for k, v in network[: len(strategy.frozen)].state_dict().items()}
    head = network.head.linear.weight.clone()
    set_train_mode_except_frozen(network, strategy.frozen)
    loss = torch.nn.functional.cross_entropy(network(images), torch.tensor([0, CLASSES - 1]))
    loss.backward()
    trained = [each for each in network.parameters() if each.requires_grad]
    torch.nn.utils.clip_grad_norm_(trained, 1.0, error_if_nonfinite=True)
    torch.optim.SGD(trained, lr=0.01).step()
    after = network[: len(strategy.frozen)].state_dict()
    assert all(torch.equal(value, before[name]) for name, value in after.items()), "frozen changed"
    assert not torch.equal(network.head.linear.weight, head), "the head did not learn"
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, folder / "saved")
    with init_empty_weights():
        again = adapt(source, replace(strategy, initialise="random"), CLASSES, seed=1)
    # Copied, for torch's own memory layout: the rounding of sums depends on it.
    saved = {name: value.clone() for name, value in load_file(folder / "saved").items()}
    again.load_state_dict(saved, assign=True)
    with torch.inference_mode():
        answers = network.eval()(images), again.eval()(images)
    assert torch.equal(*answers) and answers[0].isfinite().all(), "loaded, it answers otherwise"
    return network


def check_onnx(source, network, folder: Path) -> float:
    """Convert to ONNX; returns the largest difference of a probability."""
    from transfer_core.export import onnx_file
    from transfer_core.system import ignore_progress

    trained, file = SimpleNamespace(network=network, source=source), folder / "network.onnx"
    onnx_file.convert_to_onnx(file, trained, {"classes": ["a"] * CLASSES})
    shape = IMAGES, source.input_size, source.input_size, 3
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    check = onnx_file.compare_onnx_with_torch(trained, pixels, file, ignore_progress)
    assert check.largest_difference <= TOLERANCE, f"ONNX differs: {check.largest_difference:.1e}"
    return check.largest_difference


def work(tags: list[str], results: Path) -> None:
    """Check networks one after another; a line before each and one after it."""
    import torch

    read, load = [], torch.load
    torch.load = lambda *a, **k: (read.append(1), load(*a, **k))[1]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"HF_HUB_CACHE": folder, "TRANSFER_HOME": folder, "HF_HUB_OFFLINE": "1"}
        for tag in tags:
            write_line(results, tag=tag, outcome="begun")
            began, pickles = time.perf_counter(), len(read)
            try:
                facts = check_network(tag, Path(folder))
            except Exception as error:  # any failure of any network is a result
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                facts = {"outcome": "failed", "reason": reason[:300]}
            facts["seconds"] = round(time.perf_counter() - began, 1)
            write_line(results, tag=tag, pickles=len(read) - pickles, **facts)


def write_line(results: Path, **values) -> None:
    """Add a line to the results."""
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")


def read_results(results: Path) -> dict[str, dict]:
    """Return the last line of each network."""
    text = results.read_text(encoding="utf-8") if results.is_file() else ""
    lines = [json.loads(line) for line in text.splitlines()]
    return {line["tag"]: line for line in lines}


def main() -> None:
    """Check networks in child processes until enough were taken through everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=160)
    parser.add_argument("--results", type=Path, default=Path("timm_networks.jsonl"))
    parser.add_argument("--tags", nargs="*", help="check these, in this process")
    options = parser.parse_args()
    if options.tags:
        work(options.tags, options.results)
        return
    candidates = dict(list_candidates())
    while missing := _list_missing(candidates, options.results, options.networks):
        run_child(missing[:BATCH], options.results)
    report(read_results(options.results), candidates)


def _list_missing(candidates: dict[str, str], results: Path, networks: int) -> list[str]:
    """Return the networks to check next; none if enough were checked."""
    done = read_results(results)
    tried = [line for line in done.values() if line["outcome"] != LEFT_OUT]
    return [tag for tag in candidates if tag not in done][: networks - len(tried)]


def run_child(tags: list[str], results: Path) -> None:
    """Check networks in a process of their own, which may run out of time or memory."""
    command = [sys.executable, "-m", __spec__.name, "--results", str(results), "--tags", *tags]
    try:
        code = subprocess.run(command, timeout=TIMEOUT_SECONDS).returncode
        reason = f"its process ended with {code}"
    except subprocess.TimeoutExpired:
        reason = f"its process did not end in {TIMEOUT_SECONDS} seconds"
    for tag, line in read_results(results).items():
        if line["outcome"] == "begun":
            write_line(results, tag=tag, outcome="failed", reason=reason, pickles=0)


def report(done: dict[str, dict], families: dict[str, str]) -> None:
    """Print count of count, what failed and why."""
    tried = {
        tag: line
        for tag, line in done.items()
        if line["outcome"] in {"passed", "failed", "refused"}
    }
    passed = [tag for tag, line in tried.items() if line["outcome"] == "passed"]
    print(
        f"{len(passed)} of {len(tried)} networks passed, of "
        f"{len({families[tag] for tag in passed})} families; "
        f"{Counter(line['outcome'] for line in done.values())[LEFT_OUT]} were left out for size; "
        f"pickles read: {sum(line.get('pickles', 0) for line in done.values())}"
    )
    for tag, line in tried.items():
        if line["outcome"] != "passed":
            print(f"  {tag}: {line['outcome']}, {line['reason']}")


if __name__ == "__main__":
    main()
