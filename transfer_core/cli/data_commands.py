"""The commands for data sets: inspect one, decide how to transfer to it, write a sample."""

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from transfer_core import dataset
from transfer_core.cases import Strategy, TransferCase
from transfer_core.cli.console import AddCommand, add_network_option, print_json, show_progress
from transfer_core.cli.network_choice import fetch_network
from transfer_core.dataset import DataSet
from transfer_core.dataset import samples as sample_sets
from transfer_core.networks import SourceNetwork
from transfer_core.system import get_home
from transfer_core.transferability import (
    Advice,
    SimilarityEstimate,
    Verdict,
    advise,
    choose_strategy,
    describe_verdict,
    estimate_similarity,
    load_calibration,
)


def add_commands(add: AddCommand) -> None:
    """Add these commands to the parser."""
    add("inspect", inspect, "classes, images, splits and problems of a data set", data=True)
    command = add("decide", decide, "size, similarity, the case and its strategy", data=True)
    add_network_option(command)
    command.add_argument("--similarity", choices=("auto", "similar", "different"), default="auto")
    command.add_argument("--small-below", type=int, metavar="K", help="dividing line in images")
    command.add_argument("--minutes", action="store_true", help="how long each case would take")
    command = add("samples", print_samples, "the built-in sample data sets")
    command.add_argument("name", metavar="NAME", nargs="?")
    command.add_argument("--to", metavar="FILE.zip", type=Path)


def inspect(options: Namespace) -> int:
    """Tell what is in a data set."""
    data_set = ingest(options.data)
    splits = {part: len(data_set.indices(part)) for part in ("train", "validation", "test")}
    if options.json:
        print_json(
            classes=data_set.classes,
            images=len(data_set.records),
            splits=splits,
            counts=dict(zip(data_set.classes, data_set.counts(), strict=True)),
            problems=[asdict(problem) for problem in data_set.problems],
        )
        return 0
    print(data_set.import_summary.describe())
    print(data_set.import_summary.draw_tree())
    print(f"{len(data_set.records)} images: " + ", ".join(f"{n} {p}" for p, n in splits.items()))
    for problem in data_set.problems:
        print(f"  {problem.kind}: {problem.path}: {problem.message}")
    return 0


def decide(options: Namespace) -> int:
    """Answer both questions and name the case."""
    data_set = ingest(options.data)
    source = fetch_network(options.network, data_set)
    own = None if options.similarity == "auto" else options.similarity
    estimate = estimate_similarity(data_set, source, get_home(), progress=show_progress)
    advice = advise(data_set, source, estimate, answer=own, size_threshold=options.small_below)
    minutes = _forecast_minutes(data_set, source, estimate) if options.minutes else {}
    if options.json:
        print_json(
            size=asdict(advice.size),
            similarity=_collect_similarity(own, estimate.get_verdict(advice.size.answer), estimate),
            network=source.name,
            case=advice.case.value,
            strategy=asdict(advice.strategy),
            basis={name: each.kind for name, each in load_calibration(source).basis.items()},
            **{"minutes": minutes} if minutes else {},
        )
    else:
        _print_advice(advice, estimate, own)
        for case, (low, high) in minutes.items():
            print(f"Case {case} takes {low:.1f} to {high:.1f} minutes here")
    return 0


def _print_advice(advice: Advice, estimate: SimilarityEstimate, own_answer: str | None) -> None:
    size, verdict = advice.size, estimate.get_verdict(advice.size.answer)
    print(
        f"Size: {size.answer} ({size.images:,} images to learn from, the line is at {size.line:,})"
    )
    similar = f"probability of similar {verdict.probability:.0%}"
    print(f"Similarity, estimated: {describe_verdict(estimate, size)} ({similar})")
    if own_answer:
        print(f"Similarity, your answer: {own_answer}")
    print("".join(f"  {reason}\n" for reason in estimate.reasons), end="")
    print("".join(f"  Beware: {warning}\n" for warning in estimate.warnings), end="")
    print(f"{advice.case.title}: {_describe_strategy(advice.strategy)}")


def _forecast_minutes(
    data_set: DataSet, source: SourceNetwork, estimate: SimilarityEstimate
) -> dict[int, tuple[float, float]]:
    """Return the least and the most minutes that each case takes on this computer."""
    from transfer_core.timing import forecast_run  # brings torch

    ranges = {}
    for case in TransferCase:
        strategy = choose_strategy(case, source, estimate)
        seconds = forecast_run(data_set, source, strategy, get_home(), progress=show_progress).total
        ranges[case.value] = seconds.low / 60, seconds.high / 60
    return ranges


def print_samples(options: Namespace) -> int:
    """List the built-in samples, or write one as a zip."""
    if options.name:
        target = options.to or Path(f"{options.name}.zip")
        sample_sets.write_sample_zip(options.name, target)
        print_json(name=options.name, file=str(target)) if options.json else print(target)
        return 0
    for sample in sample_sets.SAMPLES.values():
        if options.json:
            print_json(name=sample.name, title=sample.title, story=sample.description)
        else:
            print(f"{sample.name}: {sample.title}\n  {sample.description}")
    return 0


def ingest(text: str, seed: int = 0) -> DataSet:
    """Read a zip, a folder or a sample into the store.

    Args:
        text: A path, or "sample:NAME".
        seed: Of the split.
    """
    path = sample_sets.resolve_path(text, get_home())
    return dataset.ingest(path, home=get_home(), seed=seed, progress=show_progress)


def _describe_strategy(strategy: Strategy) -> str:
    if strategy.frozen:
        return f"keep through {strategy.keep_through}, freeze it, train a new layer"
    return (
        f"replace the last layer, start from {strategy.initial_weights} weights, train everything"
    )


def _collect_similarity(
    own_answer: str | None, verdict: Verdict, estimate: SimilarityEstimate
) -> dict:
    estimated = asdict(verdict) | estimate.evidence.summarise()
    return estimated | {
        "answer": own_answer or verdict.answer,
        "estimated_answer": verdict.answer,
        "top": asdict(estimate.top),
        "start": asdict(estimate.start),
        "evidence": estimate.reasons,
        "warnings": estimate.warnings,
        "reference_distances": estimate.reference_distances,
    }
