"""All options as a chart and a table, and the choice of one."""

from collections.abc import Mapping, Sequence

import streamlit as st

from pages.shared import session
from pages.shared.choice import Choice, choose_option
from pages.shared.layout import disable_taps, show_figure
from transfer_core.cases import TransferCase
from transfer_core.figures import (
    describe_accuracy,
    describe_options,
    describe_seconds,
    plot_options,
)
from transfer_core.runs import RunRecord
from transfer_core.transferability import Option

CHART_KEY_PREFIX = "decide_options"
CUT_PREFIX = "2-"  # of the keys of case 2


def show_options(choice: Choice, runs: Mapping[str, RunRecord]) -> None:
    """Draw every option with its accuracy and time; a click on a row chooses it."""
    options, marks = list_shown(choice), list_marks(choice)
    results = {key: run.result.accuracy for key, run in runs.items() if run.result}
    count, chosen = session.get_workspace().option_choices, choice.option.key
    key = f"{CHART_KEY_PREFIX}_{chosen}_{count}"
    show_figure(
        plot_options(options, marks, results, chosen=chosen),
        describe_options(options, marks, results),
        key=key,
        caption=False,
        on_select=lambda: _take_clicked(key, choice),
        selection_mode="points",
    )
    disable_taps(CHART_KEY_PREFIX)
    if any(each.seconds_high is None for each in options):
        st.caption(
            ":material/timer_off: Unknown times can't be measured while a run trains: look again "
            "when it has ended."
        )
    _choose_in_list(choice, options, count)
    choose_cut(choice)
    if choice.option.key != choice.default.key:
        st.button(
            "Back to the recommendation",
            icon=":material/undo:",
            key="decide_back",
            on_click=choose_option,
            args=(choice.default.key, choice.default.key),
        )
    with st.expander("As a table", icon=":material/table:"):
        st.dataframe(
            [make_row(each, marks, results) for each in choice.options.options],
            hide_index=True,
            height="content",
            placeholder="–",
        )


def list_shown(choice: Choice) -> list[Option]:
    """The options that have a row: of case 2, the cut measured best and those with a mark."""
    best = choice.options.recommended
    shown = {choice.case_keys[TransferCase.SMALL_DIFFERENT], choice.option.key, best and best.key}
    return [
        each
        for each in choice.options.options
        if not each.key.startswith(CUT_PREFIX) or each.key in shown
    ]


def list_marks(choice: Choice) -> dict[str, list[str]]:
    """The words beside the names of options."""
    best, marks = choice.options.recommended, {}
    for key, word in (
        (best.key if best else None, "★ recommended"),
        (choice.textbook_option.key, "textbook"),
        (choice.option.key, "chosen"),
    ):
        marks.setdefault(key, []).append(word)
    return marks


def _choose_in_list(choice: Choice, options: Sequence[Option], count: int) -> None:
    names = {each.key: each.name for each in options}
    key = f"decide_option_{choice.option.key}_{count}"
    st.segmented_control(
        "Choose what to train, here or by a click above",
        list(names),
        default=choice.option.key,
        required=True,
        format_func=names.get,
        key=key,
        on_change=lambda: choose_option(st.session_state[key], choice.default.key),
    )


def _take_clicked(key: str, choice: Choice) -> None:
    clicked = session.get_clicked_point(key)
    if clicked is not None:
        chosen = clicked[0] if isinstance(clicked, list) else clicked
        choose_option(chosen, choice.default.key)


def make_row(
    option: Option, marks: Mapping[str, Sequence[str]], results: Mapping[str, float]
) -> dict[str, object]:
    """A row of the table of options."""
    known = option.accuracy is not None
    return {
        "way": option.name,
        "marks": ", ".join(marks.get(option.key, ())) or None,
        "accuracy, 80% interval": describe_accuracy(option) if known else None,
        "how known": ("measured" if option.measured else "forecast") if known else option.note,
        "takes": describe_seconds(option.seconds_low, option.seconds_high),
        "measured by a run": f"{results[option.key]:.1%}" if option.key in results else None,
    }


def choose_cut(choice: Choice) -> None:
    """Let the last kept stage of case 2 be chosen, if case 2 is chosen."""
    if not choice.option.key.startswith(CUT_PREFIX):
        return
    cuts = {o.key: o for o in choice.options.options if o.key.startswith(CUT_PREFIX)}
    key = f"decide_cut_{choice.option.key}"
    st.selectbox(
        "Where to cut",
        list(cuts),
        index=list(cuts).index(choice.option.key),
        format_func=lambda each: f"{cuts[each].name}: {describe_accuracy(cuts[each])}",
        key=key,
        on_change=lambda: choose_option(st.session_state[key], choice.default.key),
        help="The textbook cuts near the beginning; measured is every cut.",
    )
