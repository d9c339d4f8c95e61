"""Several runs side by side: what came out, whether it is chance, curves, settings."""

from collections.abc import Mapping
from string import ascii_uppercase

import streamlit as st

from pages.parts.runs.runs_table import make_row
from pages.shared import caches
from pages.shared.layout import escape_markdown, show_figure
from transfer_core.errors import RunError
from transfer_core.figures.comparison import (
    describe_differences,
    describe_run_curves,
    plot_differences,
    plot_run_curves,
)
from transfer_core.runs.store.records import RunRecord
from transfer_core.training.settings_table import compare_settings

RUN_LETTERS = ascii_uppercase[:8]  # as many runs as curves can be told apart
SHARED_COLUMNS = ("state", "case", "data set", "network", "took")


def show_outcomes(runs: Mapping[str, RunRecord], names: Mapping[str, str]) -> None:
    """What came out of each run, under its letter.

    Args:
        runs: By letter.
        names: Of the data sets, by their ids.
    """
    rows = []
    for letter, record in runs.items():
        told = make_row(record, names)
        validation = record.result and record.result.validation_accuracy
        rows.append(
            {"": letter, "run": told["run"], "test accuracy (%)": told["test accuracy (%)"]}
            | {"95 % interval": told["95 % interval"]}
            | {"validation accuracy (%)": None if validation is None else 100 * validation}
            | {name: told[name] for name in SHARED_COLUMNS}
        )
    decimal = st.column_config.NumberColumn(format="%.1f")
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        key="compare_outcomes",
        placeholder="–",
        column_config={"test accuracy (%)": decimal, "validation accuracy (%)": decimal},
    )


def show_significance(runs: Mapping[str, RunRecord]) -> None:
    """The paired comparison of each run with the first."""
    (first, one), *others = runs.items()
    pairs, refused = {}, []
    for letter, other in others:
        try:
            pairs[letter] = caches.compare_pair(one.id, other.id)
        except RunError as error:
            refused.append(f"{first} and {letter}: {error.problem} Found: {error.found}.")
    for letter, pair in pairs.items():
        st.markdown(f"- {escape_markdown(pair.sentence(first, letter))}")
        if left_out := pair.describe_excluded(first, letter):
            st.caption(escape_markdown(left_out))
    for told in refused:
        st.markdown(f"- {escape_markdown(told)}")
    if not pairs:
        return
    titled = {f"{first} minus {letter}": pair for letter, pair in pairs.items()}
    show_figure(plot_differences(titled), describe_differences(titled), key="compare_differences")
    with st.expander("How this is judged", icon=":material/help:"):
        st.markdown(
            "Both networks saw the same test images, so only those count on which one is right "
            "and the other wrong. If both were equally good, each such image would fall to either "
            "side like a coin: p is how often coins would be at least as uneven (McNemar's exact "
            "test). From 5 % on the difference may be chance. The interval comes from drawing the "
            "test images anew, with replacement, 10,000 times (paired bootstrap).\n\n"
            "It is these two trained networks that are compared: another seed trains another one. "
            + (
                f"Of many comparisons some differ by chance: with {len(pairs)} of them, take only "
                f"a p below {0.05 / len(pairs):.2g} for more than chance (Bonferroni)."
                if len(pairs) > 1
                else ""
            )
        )


def show_overlaid_curves(runs: Mapping[str, RunRecord]) -> None:
    """Loss and accuracy over epochs, all runs in one figure each."""
    part = st.segmented_control(
        "Images",
        ["validation", "training"],
        default="validation",
        required=True,
        key="compare_part",
        persist_state="session",
    )
    logs = {letter: caches.run_log(record.id).events() for letter, record in runs.items()}
    for place, measure in zip(st.columns(2), ("loss", "accuracy"), strict=True):
        with place:
            show_figure(
                plot_run_curves(logs, measure, part),
                describe_run_curves(logs, measure, part),
                key=f"compare_{measure}",
            )


def show_settings_table(runs: Mapping[str, RunRecord], names: Mapping[str, str]) -> None:
    """Every setting under the run's letter; what differs comes first and is marked."""
    rows = compare_settings([record.config for record in runs.values()], names)
    differing = [each for each in rows if each.differs]
    same = [each for each in rows if not each.differs]
    told = ", ".join(each.name for each in differing) or "nothing"
    st.markdown(f"**{len(differing)} of {len(rows)} settings differ:** {escape_markdown(told)}.")
    only = st.toggle("Only what differs", key="compare_only", persist_state="session")
    st.dataframe(
        [
            {"setting": each.name, "": "≠ differs" if each.differs else "same"}
            | dict(zip(runs, each.values, strict=True))
            for each in differing + ([] if only else same)
        ],
        hide_index=True,
        width="stretch",
        height="content",
        key="compare_settings",
    )
