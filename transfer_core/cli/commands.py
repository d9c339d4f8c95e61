"""What the commands do that do not train. Long work shows its progress on stderr."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from transfer_core import dataset
from transfer_core.cases import Strategy, TransferCase
from transfer_core.dataset import DataSet
from transfer_core.dataset import samples as sample_sets
from transfer_core.networks import SourceNetwork, get_network, list_networks
from transfer_core.networks.download import download_weights
from transfer_core.system.home import home
from transfer_core.transferability.advice import advise, choose_strategy
from transfer_core.transferability.estimate import SimilarityEstimate, Verdict, estimate_similarity

if TYPE_CHECKING:
    from transfer_core.runs.store.records import UnreadableRun


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
    print(data_set.import_summary.sentence())
    print(data_set.import_summary.draw_tree())
    print(f"{len(data_set.records)} images: " + ", ".join(f"{n} {p}" for p, n in splits.items()))
    for problem in data_set.problems:
        print(f"  {problem.kind}: {problem.path}: {problem.message}")
    return 0


def decide(options: Namespace) -> int:
    """Answer both questions and name the case."""
    data_set, source = ingest(options.data), fetch_network(options.network)
    own = None if options.similarity == "auto" else options.similarity
    found = estimate_similarity(data_set, source, home(), progress=show_progress)
    advice = advise(data_set, source, found, answer=own, size_threshold=options.small_below)
    told = found.verdict(advice.size.answer)
    ranges = _forecast_minutes(data_set, source, found) if options.minutes else {}
    if options.json:
        print_json(
            size=asdict(advice.size),
            similarity=_collect_similarity(own, told, found),
            case=advice.case.value,
            strategy=asdict(advice.strategy),
            **{"minutes": ranges} if ranges else {},
        )
        return 0
    size = advice.size
    print(f"Size: {size.answer} ({size.images:,} images, the line is at {size.line:,})")
    print(f"Similarity, estimated: {told.answer} (probability of similar {told.probability:.0%})")
    if own:
        print(f"Similarity, your answer: {own}")
    print("".join(f"  {reason}\n" for reason in found.reasons), end="")
    print("".join(f"  Beware: {warning}\n" for warning in found.warnings), end="")
    print(f"{advice.case.title}: {_describe_strategy(advice.strategy)}")
    for case, (low, high) in ranges.items():
        print(f"Case {case} takes {low:.1f} to {high:.1f} minutes here")
    return 0


def _forecast_minutes(
    data_set: DataSet, source: SourceNetwork, estimate: SimilarityEstimate
) -> dict[int, tuple[float, float]]:
    """The fewest and the most minutes that each case takes on this computer."""
    from transfer_core.timing.forecast import forecast_run  # brings torch

    ranges = {}
    for case in TransferCase:
        strategy = choose_strategy(case, source, estimate)
        seconds = forecast_run(data_set, source, strategy, home(), progress=show_progress).total
        ranges[case.value] = seconds.low / 60, seconds.high / 60
    return ranges


def predict(options: Namespace) -> int:
    """Print the class probabilities of images, and which of them look like nothing known."""
    from transfer_core.inspection.trial import classify_files

    for path, answer in classify_files(home(), options.run, options.images, show_progress):
        if options.json:
            print_json(
                image=str(path),
                probabilities=answer.probabilities,
                unknown=answer.is_out_of_distribution,
                distance=answer.distance,
            )
        else:
            best = sorted(answer.probabilities.items(), key=lambda item: -item[1])[:5]
            print(f"{path}: " + ", ".join(f"{name} {share:.1%}" for name, share in best))
            if answer.is_out_of_distribution:
                print("  It looks like nothing that this network knows.")
    return 0


def export(options: Namespace) -> int:
    """Write a trained network in a format that others read."""
    from transfer_core.export import export_run

    for path in export_run(home(), options.run, options.format, options.to):
        print(path)
    return 0


def load(options: Namespace) -> int:
    """Take a bundle in as a finished run."""
    from transfer_core.export.bundle import import_bundle

    record = import_bundle(home(), options.bundle)
    if options.json:
        print_json(run=record.id, name=record.name, test_accuracy=record.result.accuracy)
    else:
        print(f"{record.id}  {record.name}  test accuracy {record.result.accuracy:.1%}")
    return 0


def print_networks(options: Namespace) -> int:
    """List the source networks, or add one with a person's own weights."""
    listed = list_networks()
    if options.add:
        from transfer_core.networks.own_weights import import_weights  # brings torch

        listed = (import_weights(options.add, get_network(options.of)),)
    for network in listed:
        if options.json:
            print_json(
                name=network.name,
                stages=network.stage_names,
                input_size=network.input_size,
                weights=network.weights,
            )
        else:
            print(f"{network.name}: {network.title}, weights {network.weights}")
            print(f"  {_describe_network(network)}; stages {', '.join(network.stage_names)}")
    return 0


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


def print_runs(options: Namespace) -> int:
    """List every run, newest first, or delete one, or undo that."""
    from transfer_core.runs.store.curation import delete_runs, restore_runs
    from transfer_core.runs.store.records import UnreadableRun
    from transfer_core.runs.store.store import RunStore

    store = RunStore(home())
    if options.delete:
        delete_runs(store, [store.read(options.delete).id])
    if options.undelete:
        restore_runs(store, [options.undelete])
        store.read(options.undelete)  # tells if it was gone for good, or never there
    for run in store.list_all():
        if isinstance(run, UnreadableRun):
            _print_unreadable_run(run, options)
            continue
        accuracy = run.result and run.result.accuracy
        case = run.config.strategy.case
        if options.json:
            print_json(
                run=run.id,
                name=run.name,
                state=run.state,
                case=case.value,
                data=run.config.data_id,
                created=run.created,
                test_accuracy=accuracy,
                notes=run.notes,
                tags=run.tags,
            )
        else:
            told = f"test accuracy {accuracy:.1%}" if accuracy is not None else ""
            tags = f"  [{', '.join(run.tags)}]" if run.tags else ""
            print(f"{run.id}  {run.state:11}  {case.title}  {run.name}  {told}{tags}")
    return 0


def _print_unreadable_run(run: UnreadableRun, options: Namespace) -> None:
    if options.json:
        print_json(run=run.id, name=run.name, state=run.state, problem=run.problem.problem)
    else:
        print(f"{run.id}  {run.state:11}  {run.name}  {run.problem.problem}")


def compare_runs(options: Namespace) -> int:
    """Tell whether the difference between two runs is more than chance."""
    from transfer_core.inspection.comparison import compare_runs as compare

    found = compare(home(), options.first, options.second)
    first, second = found.accuracies
    if options.json:
        print_json(
            **asdict(found),
            accuracy_first=first,
            accuracy_second=second,
            difference=found.difference,
            may_be_chance=found.may_be_chance,
            sentence=found.sentence(options.first, options.second),
        )
        return 0
    print(
        f"{options.first} is right on {first:.1%}, {options.second} on {second:.1%} of the images"
    )
    print(
        f"difference {found.difference:+.1%}, 95 % interval {found.low:+.1%} to {found.high:+.1%}"
    )
    print(found.sentence(options.first, options.second))
    if left_out := found.describe_excluded(options.first, options.second):
        print(left_out)
    return 0


def fetch_network(name: str) -> SourceNetwork:
    """The source network of this name, its weights downloaded if they are not here."""
    network = get_network(name)
    download_weights(
        network,
        progress=show_progress,
    )
    return network


def ingest(text: str, seed: int = 0) -> DataSet:
    path = sample_sets.resolve_path(text, home())
    return dataset.ingest(path, home=home(), seed=seed, progress=show_progress)


def _describe_network(network: SourceNetwork) -> str:
    card = network.card
    accuracy = f"ImageNet accuracy {card['accuracy']:.1%}, " if "accuracy" in card else ""
    return (
        f"{accuracy}{card['operations']:g} billion multiplications an image, "
        f"{card['file_size']:,.0f} MB, {network.input_size} pixels"
    )


def _describe_strategy(strategy: Strategy) -> str:
    if strategy.frozen:
        return f"keep through {strategy.keep_through}, freeze it, train a new layer"
    return f"replace the last layer, start from {strategy.initialise} weights, train everything"


def _collect_similarity(
    own_answer: str | None, verdict: Verdict, estimate: SimilarityEstimate
) -> dict:
    estimated = asdict(verdict) | asdict(estimate.evidence)
    return estimated | {
        "answer": own_answer or verdict.answer,
        "estimated_answer": verdict.answer,
        "top": asdict(estimate.top),
        "start": asdict(estimate.start),
        "evidence": estimate.reasons,
        "warnings": estimate.warnings,
        "reference_distances": estimate.reference_distances,
    }


def print_json(**values) -> None:
    print(json.dumps(values, ensure_ascii=False, allow_nan=False), flush=True)


def show_progress(what: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{what}: {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)
