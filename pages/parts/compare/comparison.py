"""Several runs side by side: what came out, whether it is chance, curves, settings."""

from collections.abc import Mapping
from string import ascii_uppercase

import streamlit as st

from pages.parts.runs.runs_table import make_row
from pages.shared import caches, session
from pages.shared.layout import escape_markdown, show_figure
from transfer_core.errors import RunError
from transfer_core.figures import (
    describe_differences,
    describe_run_curves,
    plot_differences,
    plot_run_curves,
)
from transfer_core.languages import N_, _
from transfer_core.runs import RunRecord
from transfer_core.training import compare_settings

RUN_LETTERS = ascii_uppercase[:12]  # four cases with three seeds
SIGNIFICANCE_HELP = N_("""\
Both networks saw the same test images, so only those images count on which one network is right
and the other wrong. If both were equally good, each such image would fall to either side like a
coin: p is how often coins would be at least as uneven (McNemar's exact test). From 5 % on the
difference may be chance. The interval comes from drawing the test images anew, with replacement,
10,000 times (paired bootstrap).

It is these two trained networks that are compared: another seed trains another one.""")
SHARED_COLUMNS = ("state", "case", "data set", "network", "took")


def show_outcomes(runs: Mapping[str, RunRecord], names: Mapping[str, str]) -> None:
    """Draw the outcome of each run, by its letter.

    Args:
        runs: The runs by letter.
        names: Names of the data sets by their ids, titles of the networks by their names.
    """
    rows = []
    for letter, record in runs.items():
        row = make_row(record, names)
        validation = record.result and record.result.validation_accuracy
        rows.append(
            {"": letter, "run": row["run"], "test accuracy (%)": row["test accuracy (%)"]}
            | {"95 % interval": row["95 % interval"]}
            | {"validation accuracy (%)": None if validation is None else 100 * validation}
            | {name: row[name] for name in SHARED_COLUMNS}
            | {"state": _(row["state"])}
        )
    st.dataframe(
        rows,
        hide_index=True,
        width="stretch",
        key="compare_outcomes",
        placeholder="–",
        column_config={
            "run": _("run"),
            "test accuracy (%)": label_numbers(_("test accuracy (%)")),
            "95 % interval": _("95 % interval"),
            "validation accuracy (%)": label_numbers(_("validation accuracy (%)")),
            "state": _("state"),
            "case": _("case"),
            "data set": _("data set"),
            "network": _("network"),
            "took": _("took"),
        },
    )


def label_numbers(label: str):
    """A column of numbers with one decimal."""
    return st.column_config.NumberColumn(label, format="%.1f")


def show_significance(runs: Mapping[str, RunRecord]) -> None:
    """Compare each run with the first, image by image."""
    (first, one), *others = runs.items()
    pairs, refused = {}, []
    for letter, other in others:
        try:
            pairs[letter] = caches.compare_pair(one.id, other.id)
        except RunError as error:
            told = {"first": first, "second": letter, "problem": error.problem}
            refused.append(
                _("{first} and {second}: {problem} Found: {found}.", **told, found=error.found)
            )
    for letter, pair in pairs.items():
        st.markdown(f"- {escape_markdown(pair.describe(first, letter))}")
        if left_out := pair.describe_excluded(first, letter):
            st.caption(escape_markdown(left_out))
    for reason in refused:
        st.markdown(f"- {escape_markdown(reason)}")
    if not pairs:
        return
    titled = {
        _("{first} minus {second}", first=first, second=letter): pair
        for letter, pair in pairs.items()
    }
    show_figure(plot_differences(titled), describe_differences(titled), key="compare_differences")
    with st.expander(_("How this is judged"), icon=":material/help:"):
        st.markdown(_(SIGNIFICANCE_HELP) + _describe_correction(len(pairs)))


def _describe_correction(comparisons: int) -> str:
    if comparisons < 2:
        return ""
    return " " + _(
        "Of many comparisons some differ by chance: with {comparisons} of them, take only a p "
        "below {level:.2g} for more than chance (Bonferroni).",
        comparisons=comparisons,
        level=0.05 / comparisons,
    )


def show_overlaid_curves(runs: Mapping[str, RunRecord]) -> None:
    """Draw loss and accuracy over epochs, all runs in one figure each."""
    session.keep_in_url("compare_part", "validation", ("validation", "training"))
    part = st.segmented_control(
        _("Images"),
        [N_("validation"), N_("training")],
        format_func=_,
        required=True,
        key="compare_part",
        persist_state="session",
    )
    logs = {letter: caches.get_run_log(record.id).events() for letter, record in runs.items()}
    for place, measure in zip(st.columns(2), ("loss", "accuracy"), strict=True):
        with place:
            show_figure(
                plot_run_curves(logs, measure, part),
                describe_run_curves(logs, measure, part),
                key=f"compare_{measure}",
            )


def show_settings_table(runs: Mapping[str, RunRecord], names: Mapping[str, str]) -> None:
    """Draw every setting of each run; settings that differ come first and are marked."""
    rows = compare_settings([record.config for record in runs.values()], names)
    differing = [each for each in rows if each.differs]
    same = [each for each in rows if not each.differs]
    names_differing = ", ".join(_(each.label) for each in differing) or _("nothing")
    st.markdown(
        _(
            "**{differing} of {all} settings differ:** {names}.",
            differing=len(differing),
            all=len(rows),
            names=escape_markdown(names_differing),
        )
    )
    session.keep_in_url("compare_only", False, (False, True))
    only = st.toggle(_("Only what differs"), key="compare_only", persist_state="session")
    st.dataframe(
        [
            {_("setting"): _(each.label), "": _("≠ differs") if each.differs else _("same")}
            | dict(zip(runs, each.values, strict=True))
            for each in differing + ([] if only else same)
        ],
        hide_index=True,
        width="stretch",
        height="content",
        key="compare_settings",
    )
