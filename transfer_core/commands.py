"""What each command of the command line does. Long work shows its progress on stderr."""

import json
import statistics
import sys
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from transfer_core import dataset
from transfer_core import samples as sample_sets
from transfer_core.advice import advise
from transfer_core.cases import Strategy, TransferCase, plan
from transfer_core.dataset import DataSet
from transfer_core.errors import RunError
from transfer_core.home import home
from transfer_core.networks import SourceNetwork, catalog, get
from transfer_core.similarity import SimilarityEstimate


def inspect(options: Namespace) -> int:
    """Tell what is in a data set."""
    data_set = _ingest(options.data)
    splits = {part: len(data_set.indices(part)) for part in ("train", "validation", "test")}
    if options.json:
        _print(
            classes=data_set.classes, images=len(data_set.records), splits=splits,
            counts=dict(zip(data_set.classes, data_set.counts(), strict=True)),
            problems=[asdict(problem) for problem in data_set.problems],
        )  # fmt: skip
        return 0
    print(data_set.reading.sentence())
    print(data_set.reading.tree())
    print(f"{len(data_set.records)} images: " + ", ".join(f"{n} {p}" for p, n in splits.items()))
    for problem in data_set.problems:
        print(f"  {problem.kind}: {problem.path}: {problem.message}")
    return 0


def decide(options: Namespace) -> int:
    """Answer both questions and name the case."""
    data_set, source = _ingest(options.data), get(options.network)
    advice = advise(
        data_set, source, home(), answer=options.similarity, line=options.small_below,
        progress=_progress,
    )  # fmt: skip
    if options.json:
        _print(
            size=asdict(advice.size), similarity=_similarity(advice.similarity, advice.estimate),
            case=advice.case.value, strategy=asdict(advice.strategy),
        )  # fmt: skip
        return 0
    size, found = advice.size, advice.estimate
    print(f"Size: {size.answer} ({size.images:,} images, the line is at {size.line:,})")
    if found:
        print(f"Similarity: {found.answer} (probability {found.probability:.0%})")
        print("".join(f"  {reason}\n" for reason in found.reasons), end="")
    else:
        print(f"Similarity: {advice.similarity} (your answer)")
    print(f"{advice.case.title}: {_in_words(advice.strategy)}")
    return 0


def train(options: Namespace) -> int:
    """Train one case, printing its events; the last says how it ended."""
    data_set, source = _ingest(options.data, options.seed), get(options.network)
    if options.case == "auto":
        advice = advise(data_set, source, home(), progress=_progress)
        strategy = advice.strategy
        if options.initialise:
            strategy = plan(advice.case, source.stage_names, initialise=options.initialise)
    else:
        case = TransferCase(int(options.case))
        strategy = plan(case, source.stage_names, initialise=options.initialise)
        if case == TransferCase.SMALL_DIFFERENT:
            strategy = _measured_cut(data_set, source)
    result = _run(data_set, source, _limited(strategy, options.epochs), options)
    _tell(options, {"event": "finished"} | result)
    if not options.json:
        print(result["sentence"])
    return 0


def compare(options: Namespace) -> int:
    """Train every case with every seed, and print their accuracies side by side."""
    source, rows = get(options.network), []
    for seed in range(options.seeds):
        data_set = _ingest(options.data, seed)
        strategies = [
            plan(TransferCase.SMALL_SIMILAR, source.stage_names),
            _measured_cut(data_set, source),
            plan(TransferCase.LARGE_SIMILAR, source.stage_names),
            plan(TransferCase.LARGE_DIFFERENT, source.stage_names, initialise="random"),
            plan(TransferCase.LARGE_DIFFERENT, source.stage_names, initialise="pretrained"),
        ]
        for strategy in strategies:
            options.seed = seed
            result = _run(data_set, source, _limited(strategy, options.epochs), options)
            rows.append(result | {"seed": seed})
            _tell(options, {"event": "compared"} | rows[-1])
            if not options.json:
                print(f"seed {seed}  {_label(rows[-1]):40}  {result['test_accuracy']:.1%}")
    table = _summary(rows)
    _tell(options, {"event": "finished", "cases": table, "runs": rows})
    if not options.json:
        for row in table:
            print(f"{row['label']:48}  mean {row['mean']:.1%}  spread {row['spread']:.1%}")
    return 0


def predict(options: Namespace) -> int:
    """Print the class probabilities of images."""
    from transfer_core.prediction import predict_files

    for path, probabilities in predict_files(home(), options.run, options.images):
        if options.json:
            _print(image=str(path), probabilities=probabilities)
        else:
            best = sorted(probabilities.items(), key=lambda item: -item[1])[:5]
            print(f"{path}: " + ", ".join(f"{name} {share:.1%}" for name, share in best))
    return 0


def export(options: Namespace) -> int:
    """Write a trained network in a format that others read."""
    from transfer_core.export import export_run

    for path in export_run(home(), options.run, options.format, options.to):
        print(path)
    return 0


def networks(options: Namespace) -> int:
    """List the source networks."""
    for network in catalog():
        if options.json:
            _print(
                name=network.name, stages=network.stage_names, input_size=network.input_size,
                weights=network.weights,
            )  # fmt: skip
        else:
            print(f"{network.name}: {network.title}, weights {network.weights}")
            print(f"  stages {', '.join(network.stage_names)}; {network.input_size} pixels")
    return 0


def samples(options: Namespace) -> int:
    """List the built-in samples, or write one as a zip."""
    if options.name:
        target = options.to or Path(f"{options.name}.zip")
        sample_sets.sample_zip(options.name, target)
        _print(name=options.name, file=str(target)) if options.json else print(target)
        return 0
    for sample in sample_sets.SAMPLES.values():
        if options.json:
            _print(name=sample.name, title=sample.title, story=sample.story)
        else:
            print(f"{sample.name}: {sample.title}\n  {sample.story}")
    return 0


def runs(options: Namespace) -> int:
    """List every run, newest first."""
    from transfer_core.runs.store import RunStore

    for run in RunStore(home()).list():
        accuracy = run.result and run.result["accuracy"]
        case = run.config.strategy.case
        if options.json:
            _print(
                run=run.id, name=run.name, state=run.state, case=case.value,
                data=run.config.data_id, created=run.created, test_accuracy=accuracy,
            )  # fmt: skip
        else:
            told = f"test accuracy {accuracy:.1%}" if accuracy is not None else ""
            print(f"{run.id}  {run.state:11}  {case.title}  {run.name}  {told}")
    return 0


def _ingest(text: str, seed: int = 0) -> DataSet:
    path = sample_sets.resolve(text, home())
    return dataset.ingest(
        path, home=home(), seed=seed, progress=lambda *n: _progress("Reading images", *n)
    )


def _measured_cut(data_set: DataSet, source: SourceNetwork) -> Strategy:
    """Case 2 with its cut where the probes put it."""
    found = advise(data_set, source, home(), progress=_progress).estimate
    return plan(TransferCase.SMALL_DIFFERENT, source.stage_names, cut=found.best_cut)


def _limited(strategy: Strategy, epochs: int | None) -> Strategy:
    if epochs is None:
        return strategy
    return replace(strategy, optimiser=replace(strategy.optimiser, epochs=epochs))


def _run(data_set: DataSet, source: SourceNetwork, strategy: Strategy, options) -> dict:
    """Perform one run to its end; returns its figures."""
    from transfer_core.runs.performing import new_engine, run_config

    config = run_config(data_set, source, strategy, options.seed)
    with new_engine(home()) as engine:
        run = engine.submit(config, name=data_set.name, owner="command line")
        ended, last = {}, 0
        try:
            while not engine.wait(run, timeout=0.2) or engine.events(run, last):
                for event in engine.events(run, last):
                    last = event.sequence
                    ended = event.values if event.kind == "ended" else ended
                    _tell(options, {"event": event.kind, "run": run} | event.values)
        except KeyboardInterrupt:
            engine.stop(run)
            engine.wait(run, timeout=60)
            raise
        record = engine.get(run)
    if record.result is None:
        error = record.error or {"problem": f"The run is {record.state}.", "found": run}
        raise RunError(
            error["problem"], found=error["found"], remedy=error.get("remedy", "Run it again.")
        )
    return {
        "run": run, "case": strategy.case.value, "keep_through": strategy.keep_through,
        "initialise": strategy.initialise,
        "validation_accuracy": record.result["validation_accuracy"],
        "test_accuracy": record.result["accuracy"],
        "low": record.result["low"], "high": record.result["high"],
        "majority_accuracy": record.result["majority_accuracy"],
        "epochs": ended["epochs"], "reason": ended["reason"], "seconds": ended["seconds"],
        "images_per_second": ended["images_per_second"], "sentence": record.result["sentence"],
    }  # fmt: skip


def _summary(rows: Iterable[dict]) -> list[dict]:
    """Mean and spread over the seeds of each case."""
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(_label(row), []).append(row)
    return [
        {
            "label": label,
            "case": group[0]["case"],
            "initialise": group[0]["initialise"],
            "test_accuracies": [row["test_accuracy"] for row in group],
            "mean": statistics.mean(row["test_accuracy"] for row in group),
            "spread": statistics.stdev([row["test_accuracy"] for row in group])
            if len(group) > 1
            else 0.0,
        }
        for label, group in groups.items()
    ]


def _label(row: dict) -> str:
    start = f", {row['initialise']} weights" if row["case"] == TransferCase.LARGE_DIFFERENT else ""
    return TransferCase(row["case"]).title + start


def _in_words(strategy: Strategy) -> str:
    if strategy.frozen:
        return f"keep through {strategy.keep_through}, freeze it, train a new layer"
    return f"replace the last layer, start from {strategy.initialise} weights, train everything"


def _similarity(answer: str, found: SimilarityEstimate | None) -> dict:
    if found is None:
        return {"answer": answer, "probability": None, "evidence": []}
    return asdict(found)


def _tell(options: Namespace, values: dict) -> None:
    if options.json:
        _print(**values)
    elif values["event"] == "epoch_ended":
        print(
            f"  epoch {values['epoch']}: validation loss {values['validation_loss']:.3f}, "
            f"accuracy {values['validation_accuracy']:.1%}",
            file=sys.stderr,
        )


def _print(**values) -> None:
    print(json.dumps(values, ensure_ascii=False, allow_nan=False), flush=True)


def _progress(what: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{what}: {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)
