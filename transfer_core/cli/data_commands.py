"""The commands for data sets: inspect one, decide how to transfer to it, write a sample."""

from argparse import Namespace
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from transfer_core import dataset
from transfer_core.cases import DEFAULT_LINE, Similarity
from transfer_core.cli.console import AddCommand, add_network_option, print_json, show_progress
from transfer_core.cli.network_choice import fetch_network
from transfer_core.dataset import DataSet
from transfer_core.dataset import samples as sample_sets
from transfer_core.inspection import follow_runs
from transfer_core.networks import SourceNetwork
from transfer_core.runs import RunStore
from transfer_core.settings import check_minutes
from transfer_core.system import get_home
from transfer_core.transferability import (
    DEFAULT_MINUTES,
    Option,
    Options,
    SimilarityEstimate,
    TextbookAnswer,
    apply_textbook_rule,
    check_line,
    compare_voices,
    describe_similarity,
    estimate_similarity,
    get_textbook_key,
    list_options,
    load_calibration,
)
from transfer_core.workspaces import hold_for_this_computer


def add_commands(add: AddCommand) -> None:
    """Add these commands to the parser."""
    add("inspect", inspect, "classes, images, splits and problems of a data set", data=True)
    command = add("decide", decide, "the textbook's case, and the options measured", data=True)
    add_network_option(command)
    command.add_argument("--similarity", choices=("auto", "similar", "different"), default="auto")
    line = f"the textbook's dividing line in images ({DEFAULT_LINE:,})"
    command.add_argument("--small-below", type=int, metavar="K", default=DEFAULT_LINE, help=line)
    command.add_argument(
        "--minutes",
        type=float,
        metavar="N",
        default=DEFAULT_MINUTES,
        help=f"that a run may take ({DEFAULT_MINUTES:g})",
    )
    command = add("shards", write_shards, "write very many images into shards, or go on writing")
    command.add_argument("data", metavar="FOLDER", type=Path, help="or zip")
    command.add_argument("address", metavar="ADDRESS", help="a folder, or s3://bucket/name")
    command.add_argument("--name", help="for people; else that of the folder")
    command.add_argument("--seed", type=int, metavar="S", default=0, help="of the split (0)")
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
    print(dataset.describe_import(data_set))
    print(data_set.import_summary.draw_tree())
    print(f"{len(data_set.records)} images: " + ", ".join(f"{n} {p}" for p, n in splits.items()))
    for problem in data_set.problems:
        print(f"  {problem.kind}: {problem.path}: {problem.message}")
    return 0


def decide(options: Namespace) -> int:
    """Tell the textbook's case, and every option with its accuracy and its time."""
    check_line(options.small_below)  # before anything is measured
    check_minutes(options.minutes)
    data_set = ingest(options.data)
    source = fetch_network(options.network, data_set)
    own = None if options.similarity == "auto" else options.similarity
    estimate = estimate_similarity(data_set, source, get_home(), progress=show_progress)
    textbook = apply_textbook_rule(data_set, estimate, answer=own, line=options.small_below)
    found = list_options(
        data_set, source, estimate, get_home(), minutes=options.minutes, progress=show_progress
    )
    found = follow_own_runs(found, data_set, source)
    if options.json:
        print_json(
            size=asdict(textbook.size),
            similarity=_collect_similarity(own, estimate),
            textbook={"case": textbook.case.value},
            options=[_collect_option(each) for each in found.options],
            recommended=next((i for i, o in enumerate(found.options) if o.recommended), None),
            reason=found.reason,
            minutes=found.minutes,
            network=source.name,
            basis={name: each.kind for name, each in load_calibration(source).basis.items()},
        )
    else:
        _print_textbook(textbook, estimate, own)
        _print_options(found, get_textbook_key(textbook.case, estimate.evidence))
    return 0


def follow_own_runs(options: Options, data_set: DataSet, source: SourceNetwork) -> Options:
    """Return the options with what runs in the data folder reached, as on the page."""
    with closing(RunStore(get_home())) as store:
        return follow_runs(options, store.list(), data_set.id, source)


def _print_textbook(
    textbook: TextbookAnswer, estimate: SimilarityEstimate, own_answer: Similarity | None
) -> None:
    size = textbook.size
    print(
        f"Size: {size.answer} ({size.images:,} images to learn from, the line is at {size.line:,})"
    )
    similar = f"probability of similar {estimate.probability:.0%}"
    print(f"Similarity, estimated: {describe_similarity(estimate)} ({similar})")
    if own_answer:
        print(f"Similarity, your answer: {own_answer}")
    print("".join(f"  {reason}\n" for reason in estimate.reasons), end="")
    print("".join(f"  Beware: {warning}\n" for warning in estimate.warnings), end="")
    print(f"The textbook's case: {textbook.case.title}")


def _print_options(options: Options, textbook_key: str) -> None:
    for each in options.options:
        mark = "*" if each.recommended else " "
        print(f"{mark} {each.name:40} {_format_accuracy(each):24} {_format_minutes(each)}".rstrip())
    print(" ".join([options.reason, compare_voices(options, textbook_key)]).rstrip())


def _format_accuracy(option: Option) -> str:
    if option.accuracy is None:
        return option.note or "unknown"
    kind = "measured" if option.measured else "forecast"
    if option.runs:
        kind = "measured by your runs"
    return f"{option.accuracy:.0%} ({option.low:.0%} to {option.high:.0%}, {kind})"


def _format_minutes(option: Option) -> str:
    if option.seconds_high is None:
        return ""
    return f"{option.seconds_low / 60:.1f} to {option.seconds_high / 60:.1f} minutes"


def write_shards(options: Namespace) -> int:
    """Write a folder or zip into shards, and open them."""
    dataset.write_shards(
        options.data, options.address, name=options.name, seed=options.seed, progress=show_progress
    )
    opened = dataset.ingest(options.address, home=get_home())
    hold_for_this_computer(get_home(), opened)
    shards, images = len(opened.shards.files), len(opened.records)
    if options.json:
        print_json(id=opened.id, address=opened.shards.address, images=images, shards=shards)
    else:
        print(f"{images:,} images in {shards:,} shards: {opened.shards.address}")
        print("Offer them to everyone by TRANSFER_SHARDS, or use the address as DATA.")
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


def ingest(text: str, seed: int = 0) -> DataSet:
    """Read a zip, a folder or a sample into the store.

    Args:
        text: A path, the address of shards, or "sample:NAME".
        seed: Of the split.
    """
    path = sample_sets.resolve_path(text, get_home())
    data_set = dataset.ingest(path, home=get_home(), seed=seed, progress=show_progress)
    return hold_for_this_computer(get_home(), data_set)


def _collect_similarity(own_answer: Similarity | None, estimate: SimilarityEstimate) -> dict:
    return {
        "answer": own_answer or estimate.answer,
        "estimated_answer": estimate.answer,
        "probability": estimate.probability,
        "low": estimate.low,
        "high": estimate.high,
        "evidence": estimate.evidence.summarise() | {"reasons": estimate.reasons},
        "warnings": estimate.warnings,
        "reference_distances": estimate.reference_distances,
    }


def _collect_option(option: Option) -> dict:
    strategy = option.strategy
    return {
        "key": option.key,
        "case": strategy.case.value,
        "keep_through": strategy.keep_through,
        "initialise": strategy.initialise,
        "name": option.name,
        "accuracy": option.accuracy,
        "low": option.low,
        "high": option.high,
        "seconds_low": option.seconds_low,
        "seconds_high": option.seconds_high,
        "measured": option.measured,
        "runs": option.runs,
        "recommended": option.recommended,
        "note": option.note,
    }
