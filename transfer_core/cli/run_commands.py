"""The commands for finished runs: list, predict, compare, export, import."""

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from transfer_core.cli.console import AddCommand, print_json, show_progress
from transfer_core.runs import RunRecord, RunStore, UnreadableRun
from transfer_core.system import get_home

EXPORT_FORMATS = ("bundle", "weights", "onnx", "script", "script-with-images", "report", "page")


def add_commands(add: AddCommand) -> None:
    """Add these commands to the parser."""
    command = add("predict", predict, "classes of images by a trained network")
    command.add_argument("run", metavar="RUN", help="id of a finished run")
    command.add_argument("images", metavar="IMAGE", nargs="+", type=Path)
    command = add("export", export, "take a trained network away", json=False)
    command.add_argument("run", metavar="RUN", help="id of a finished run")
    command.add_argument("--format", choices=EXPORT_FORMATS, required=True)
    command.add_argument("--to", metavar="DIR", type=Path, required=True)
    command = add("load", load, "take a bundle in again, as a finished run")
    command.add_argument("bundle", metavar="BUNDLE.zip", type=Path)
    command = add("runs", print_runs, "every run, newest first")
    change = command.add_mutually_exclusive_group()
    change.add_argument("--delete", metavar="RUN", help="can be undone for a day")
    change.add_argument("--undelete", metavar="RUN", help="undo a deletion")
    change.add_argument(
        "--record", action="store_true", help="how often results lay where they were expected"
    )
    command = add("compare-runs", compare_runs, "is one run better than another, image by image?")
    command.add_argument("first", metavar="RUN")
    command.add_argument("second", metavar="RUN")


def predict(options: Namespace) -> int:
    """Print the class probabilities of images, and which of them look like nothing known."""
    from transfer_core.inspection import classify_files

    for path, answer in classify_files(get_home(), options.run, options.images, show_progress):
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

    for path in export_run(get_home(), options.run, options.format, options.to):
        print(path)
    return 0


def load(options: Namespace) -> int:
    """Take a bundle in as a finished run."""
    from transfer_core.export import import_bundle

    record = import_bundle(get_home(), options.bundle)
    if options.json:
        print_json(run=record.id, name=record.name, test_accuracy=record.result.accuracy)
    else:
        print(f"{record.id}  {record.name}  test accuracy {record.result.accuracy:.1%}")
    return 0


def print_runs(options: Namespace) -> int:
    """List every run, newest first, or delete one, or undo that, or print the track record."""
    from transfer_core.runs import delete_runs, restore_runs

    store = RunStore(get_home())
    if options.record:
        return _print_track_records(store, options.json)
    if options.delete:
        delete_runs(store, [store.read(options.delete).id])
    if options.undelete:
        restore_runs(store, [options.undelete])
        store.read(options.undelete)  # an error if it is gone for good, or never existed
    for run in store.list_all():
        if isinstance(run, UnreadableRun):
            _print_unreadable_run(run, options.json)
        else:
            _print_run(run, options.json)
    return 0


def _print_track_records(store: RunStore, as_json: bool) -> int:
    """Print for each network how often accuracies and times lay inside what was told."""
    from transfer_core.runs import load_track_records

    records = load_track_records(store)
    for record in records:
        if as_json:
            print_json(**asdict(record))
            continue
        print(f"{record.network}: {record.describe_accuracies()}")
        print(f"  {record.describe_seconds()}")
    if not records and not as_json:
        print("No finished run was started as Decide proposed it.")
    return 0


def _print_unreadable_run(run: UnreadableRun, as_json: bool) -> None:
    if as_json:
        print_json(run=run.id, name=run.name, state=run.state, problem=run.problem.problem)
    else:
        print(f"{run.id}  {run.state:11}  {run.name}  {run.problem.problem}")


def _print_run(run: RunRecord, as_json: bool) -> None:
    accuracy = run.result and run.result.accuracy
    strategy = run.config.strategy
    if as_json:
        print_json(
            run=run.id,
            name=run.name,
            state=run.state,
            case=strategy.case.value,
            option=strategy.key,
            data=run.config.data_id,
            created=run.created,
            test_accuracy=accuracy,
            notes=run.notes,
            tags=run.tags,
        )
        return
    result = f"test accuracy {accuracy:.1%}" if accuracy is not None else ""
    tags = f"  [{', '.join(run.tags)}]" if run.tags else ""
    print(f"{run.id}  {run.state:11}  {strategy.title}  {run.name}  {result}{tags}")


def compare_runs(options: Namespace) -> int:
    """Print whether the difference between two runs is more than chance."""
    from transfer_core.inspection import compare_runs as compare

    comparison = compare(get_home(), options.first, options.second)
    first, second = comparison.accuracies
    if options.json:
        print_json(
            **asdict(comparison),
            accuracy_first=first,
            accuracy_second=second,
            difference=comparison.difference,
            may_be_chance=comparison.may_be_chance,
            sentence=comparison.describe(options.first, options.second),
        )
        return 0
    print(
        f"{options.first} is right on {first:.1%}, {options.second} on {second:.1%} of the images"
    )
    print(
        f"difference {comparison.difference:+.1%}, "
        f"95 % interval {comparison.low:+.1%} to {comparison.high:+.1%}"
    )
    print(comparison.describe(options.first, options.second))
    if left_out := comparison.describe_excluded(options.first, options.second):
        print(left_out)
    return 0
