"""The sections of a report: texts, tables and figures from what a run has left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from transfer_core.cases import TransferCase
from transfer_core.dataset import DataSet, describe_import, describe_test_edits
from transfer_core.figures import (
    CaseMarks,
    apply_layout,
    apply_theme,
    build_curve_traces,
    describe_class_counts,
    describe_confusion_matrix,
    describe_curves,
    describe_decision,
    describe_network,
    describe_stage_accuracy,
    plot_class_counts,
    plot_confusion_matrix,
    plot_decision_diagram,
    plot_network,
    plot_stage_accuracy,
    tabulate_epochs,
)
from transfer_core.inspection import TrainedNetwork
from transfer_core.networks import (
    get_network,
    has_weights,
    resolve_effective_strategy,
    summarise_network,
)
from transfer_core.runs import RunEvent, RunRecord, find_last_event
from transfer_core.training import Ended, list_setting_values
from transfer_core.transferability import (
    Options,
    apply_textbook_rule,
    compare_voices,
    describe_similarity,
    estimate_similarity,
    get_textbook_key,
    list_options,
)

IMAGES_MISSING = "The images are not on this computer: the run came from elsewhere, in a bundle."
NO_EPOCH = "The run was stopped before an epoch of its training had ended."
LOG_MISSING = "The run came from elsewhere, in a bundle, which holds no training log."
MAX_HISTORY_RUNS = 20  # of the history
AXIS_TITLES = {"loss": "loss (nats per image)", "accuracy": "accuracy (%)"}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it."""

    title: str
    texts: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()  # HTML, and the same in words
    table: Sequence[dict[str, Any]] = ()  # rows with the same keys


def build_data_section(home: Path, data_set: DataSet | None) -> Section:
    """Build the section on the images: their origin, their problems and the size of classes."""
    if data_set is None:
        return Section("Data", (IMAGES_MISSING,))
    texts = (
        f"{data_set.name}: {describe_import(data_set)}.",
        *describe_test_edits(home, data_set),
    )
    figure = _render_figure(plot_class_counts(data_set), describe_class_counts(data_set))
    problems = tuple(
        f"{problem.path}: {problem.message}"
        for problem in data_set.problems
        if problem.kind in {"leak", "conflict", "unbalanced", "same-recording"}
    )
    return Section("Data", texts, problems, (figure,))


def build_decision_section(
    home: Path, data_set: DataSet | None, trained: TrainedNetwork, progress
) -> Section:
    """Build the section on both voices, what was trained, and the reasons."""
    strategy = trained.record.config.strategy
    # The estimate used the network at its own input size.
    source = get_network(trained.record.config.network)
    if data_set is None or not has_weights(source):
        missing = (
            IMAGES_MISSING if data_set is None else "The source weights are not on this computer."
        )
        return Section("Decision", (f"Trained was {strategy.title}.", missing))
    estimate = estimate_similarity(data_set, source, home, progress=progress)
    textbook, size = (answer := apply_textbook_rule(data_set, estimate)).case, answer.size
    measured = list_options(data_set, source, estimate, home, may_measure=False, progress=progress)
    keys = {case: get_textbook_key(case, estimate.evidence) for case in TransferCase}
    texts = (
        f"Trained was {strategy.title}; the textbook's case is {textbook.title}.",
        f"Size: {size.answer}, {size.images:,} images to learn from; the line is at "
        f"{size.line:,}. Similarity: {describe_similarity(estimate)}, with a probability of "
        f"{estimate.probability:.0%} that higher-level features carry over.",
        f"Measured before any run: {measured.reason} {compare_voices(measured, keys[textbook])}",
    )
    best = measured.recommended
    marks = CaseMarks.collect(textbook, best and best.strategy, strategy)
    shown = size, estimate, marks, {case: measured.find(key) for case, key in keys.items()}
    figures = (
        _render_figure(plot_decision_diagram(*shown), describe_decision(*shown)),
        _render_figure(
            plot_stage_accuracy(estimate.evidence, strategy.keep_through),
            describe_stage_accuracy(estimate.evidence),
        ),
    )
    points = (*estimate.reasons, *estimate.warnings)
    return Section("Decision", texts, points, figures, _tabulate_options(measured))


def _tabulate_options(options: Options) -> list[dict[str, Any]]:
    """Return a row for each option; those with a note have no accuracy."""
    return [
        {
            "option": each.name,
            "expected test accuracy": each.note
            if each.accuracy is None
            else f"{each.accuracy:.0%} ({each.low:.0%} to {each.high:.0%})",
            "known by": "measurement" if each.measured else "forecast",
            "": "recommended" if each.recommended else "",
        }
        for each in options.options
    ]


def build_settings_section(trained: TrainedNetwork) -> Section:
    """Build the table of all settings."""
    config, source = trained.record.config, trained.source
    strategy = config.strategy
    plain = {
        "Source network": source.title,
        "Kept through": source.format_titles((strategy.keep_through,)),
        "Frozen": source.format_titles(strategy.frozen),
        "Initial weights": strategy.initialise,
        "Input size": f"{source.input_size} pixels a side",
        "Precision": config.precision,
    }
    rows = [{"setting": name, "value": value, "in PyTorch": ""} for name, value in plain.items()]
    rows += [
        {
            "setting": field.setting.label,
            "value": field.format(value),
            "in PyTorch": field.render_code(value),
        }
        for field, value in list_setting_values(config)
        if field.name != "input_size"  # in a row above already
    ]
    return Section("Settings", table=rows)


def build_training_sections(
    trained: TrainedNetwork, events: Sequence[RunEvent]
) -> tuple[Section, ...]:
    """Build the sections on the curves, the epochs, and the change of each stage."""
    table = tabulate_epochs(events)
    if not table:
        return (Section("Training", (LOG_MISSING if trained.record.is_imported else NO_EPOCH,)),)
    words = describe_curves(events)
    curves = tuple(
        _render_figure(_plot_curve(traces, what), words)
        for what, traces in build_curve_traces(events).items()
    )
    ended = find_last_event(events, Ended)
    sections = [Section("Training", figures=curves), Section("Epochs", table=table)]
    if ended:
        strategy = resolve_effective_strategy(
            trained.source, trained.record.config.strategy, ended.best_epoch
        )
        parts = summarise_network(trained.source, strategy, len(trained.classes))
        figure = _render_figure(
            plot_network(parts, ended.changes), describe_network(parts, ended.changes)
        )
        sections.append(Section("What moved, and what stayed frozen", figures=(figure,)))
    return tuple(sections)


def _plot_curve(traces: list[dict[str, Any]], what: str) -> go.Figure:
    figure = go.Figure(traces)
    figure.update_xaxes(title="epoch").update_yaxes(title=AXIS_TITLES[what])
    return apply_layout(figure, what.capitalize())


def build_result_sections(record: RunRecord) -> tuple[Section, ...]:
    """Build the sections on the accuracy on the test images."""
    result = record.result
    names = [each.name for each in result.per_class]
    validation = result.validation_accuracy
    texts = [result.sentence, f"Macro F1 is {result.macro_f1:.2f}."]
    if validation is not None:
        texts.append(f"Validation accuracy of the same weights: {validation:.1%}.")
    figure = _render_figure(
        plot_confusion_matrix(result.confusion, names),
        describe_confusion_matrix(result.confusion, names),
    )
    rows = [
        {
            "class": each.name,
            "precision": f"{each.precision:.1%}",
            "recall": f"{each.recall:.1%}",
            "test images": each.support,
        }
        for each in result.per_class
    ]
    return Section("Result", tuple(texts), figures=(figure,)), Section("Each class", table=rows)


def build_history_section(record: RunRecord, runs: Sequence[RunRecord]) -> Section:
    """Build the table of the runs on the same images, newest first."""
    same = [run for run in runs if run.config.data_id == record.config.data_id]
    rows = [
        {
            "run": run.name + (" (this one)" if run.id == record.id else ""),
            "case": run.config.strategy.title,
            "seed": run.config.seed,
            "test accuracy": _format_accuracy(run),
        }
        for run in same[:MAX_HISTORY_RUNS]
    ]
    scope = "Every run on these images that this computer knows."
    if len(same) > MAX_HISTORY_RUNS:
        scope = f"The newest {MAX_HISTORY_RUNS} of {len(same)} runs on these images."
    note = "If two intervals overlap widely, the difference may be chance."
    return Section("History", (f"{scope} {note}",), table=rows)


def _format_accuracy(run: RunRecord) -> str:
    if not run.result:
        return run.state.value
    return f"{run.result.accuracy:.1%} ({run.result.low:.0%} to {run.result.high:.0%})"


def build_origin_section(card: dict[str, Any]) -> Section:
    """Build the table of the origin of data and weights, and of the versions used."""
    source, versions = card["source"], card["config"]["versions"]
    values = {
        "run": card["run"],
        "data set": card["config"]["data_id"],
        "source network": source["title"],
        "learned from": source["data"],
        "licence of its weights": source["licence"],
        "SHA-256 of its weights": source["weights_sha256"],
        "preprocessing": card["preprocessing"]["resize"],
        **{f"version of {name}": value for name, value in versions.items() if name != "weights"},
    }
    rows = [{"what": name, "which": value} for name, value in values.items() if value]
    return Section("Origin and versions", table=rows)


def _render_figure(figure: go.Figure, description: str) -> tuple[str, str]:
    """Render a figure as HTML without the library; the page has it once, at its top."""
    options = {"displayModeBar": False, "responsive": True}
    html = apply_theme(figure, dark=False).to_html(
        full_html=False, include_plotlyjs=False, config=options
    )
    return html, description
