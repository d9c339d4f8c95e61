"""Every way to train as a row with its accuracy and its time; a row is chosen to be trained."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pages.shared.choice import Choice, choose_option
from transfer_core.cases import TransferCase
from transfer_core.figures import (
    describe_accuracy,
    describe_expectation,
    describe_expected_source,
    describe_options,
    describe_result,
    describe_seconds,
    format_interval,
)
from transfer_core.inspection import CaseResult
from transfer_core.languages import N_, _
from transfer_core.transferability import Option

ROWS_KEY = "decide_options"
LEGEND = N_("test images right: ━ measured, ┅ forecast (80 % interval) · ▲ your run (95 %)")
CUT_PREFIX = "2-"  # of the keys of case 2
ALWAYS_SHOWN = ("1", CUT_PREFIX, "3", "4-random", "all-stages")  # the others stand behind "more"
_FILE = Path(__file__)
_COMPONENT = st.components.v2.component(
    "transfer_lab_option_rows",
    html='<div class="option-rows"></div>',
    css=_FILE.with_suffix(".css").read_text(encoding="utf-8"),
    js=_FILE.with_suffix(".js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def show_options(choice: Choice) -> None:
    """Draw a row for each option; the address keeps the one that was chosen."""
    options, marks = list_shown(choice), list_marks(choice)
    results = choice.results
    reached = {key: describe_result(result) for key, result in results.items()}
    with st.container(key=ROWS_KEY):
        _COMPONENT(
            key=f"{ROWS_KEY}_rows",
            data={
                "label": _("What to train"),
                "legend": _(LEGEND),
                "fewer": _("Fewer ways"),
                "more": _("{number} more ways"),
                "description": describe_options(options, marks, reached),
                "rows": [
                    _make_row(each, marks.get(each.key, ()), results.get(each.key), choice)
                    for each in options
                ],
            },
            on_option_change=lambda: _take_option(choice),
        )


def list_shown(choice: Choice) -> list[Option]:
    """The options that have a row: of case 2, the cut measured best and those with a mark.

    Case 4 from pre-trained weights is trained as case 3, and has no row beside it.
    """
    best = choice.options.recommended
    shown = {choice.case_keys[TransferCase.SMALL_DIFFERENT], choice.option.key, best and best.key}
    return [
        each
        for each in choice.options.options
        if each.key in {*shown, *choice.results}
        or not each.key.startswith((CUT_PREFIX, "4-pretrained"))
    ]


def list_marks(choice: Choice) -> dict[str, list[str]]:
    """The words beside the names of options."""
    best, marks = choice.options.recommended, {}
    words = [(best.key if best else None, _("★ recommended")), *_list_textbook_marks(choice)]
    for key, word in words:
        marks.setdefault(key, []).append(word)
    return marks


def _list_textbook_marks(choice: Choice) -> list[tuple[str, str]]:
    """The textbook's option, or both that it may be if similarity can't be told."""
    textbook = choice.textbook
    if textbook.alternative is None:
        return [(choice.textbook_option.key, _("textbook"))]
    words = {"similar": _("textbook if similar"), "different": _("textbook if different")}
    cases = (textbook.case, textbook.alternative)
    return [(choice.case_keys[case], words[case.similarity]) for case in cases]


def _make_row(
    option: Option, marks: Sequence[str], result: CaseResult | None, choice: Choice
) -> dict[str, object]:
    is_chosen, expected = option.key == choice.option.key, option.expectation
    return {
        "key": option.key,
        "name": option.name,
        "marks": list(marks),
        "low": expected and expected.low,
        "high": expected and expected.high,
        "accuracy": expected and expected.accuracy,
        "measured": option.measured,
        "expected": describe_expectation(option) or _("unknown"),
        "result": result and result.accuracy,
        "reached": result and describe_result(result),
        "seconds": describe_seconds(option.seconds_low, option.seconds_high),
        "description": _describe_row(option, marks, result),
        "note": option.note,
        "is_chosen": is_chosen,
        "is_shown": is_chosen or bool(marks) or option.key.startswith(ALWAYS_SHOWN),
    }


def _describe_row(option: Option, marks: Sequence[str], result: CaseResult | None) -> str:
    """The row for those who do not see it."""
    known = option.note or _("accuracy unknown")
    if option.expectation:
        known = f"{describe_expectation(option)} {describe_expected_source(option)}"
    parts = [option.name, *(mark.replace("★ ", "") for mark in marks), known]
    if result:
        parts.append(_("your run reached {accuracy}", accuracy=describe_result(result)))
    return ", ".join([*parts, describe_seconds(option.seconds_low, option.seconds_high)])


def _take_option(choice: Choice) -> None:
    key = st.session_state[f"{ROWS_KEY}_rows"].get("option")
    if key in {each.key for each in choice.options.options}:
        choose_option(key, choice.default.key)


def show_table(choice: Choice) -> None:
    """Draw all options as a table."""
    marks = list_marks(choice)
    st.dataframe(
        [
            _tabulate(each, marks.get(each.key, ()), choice)
            for each in choice.options.options
            if each.key != "4-pretrained"  # trained as case 3
        ],
        hide_index=True,
        height="content",
        placeholder="–",
        column_config={
            _("marks"): st.column_config.TextColumn(width=180),
            _("how known"): st.column_config.TextColumn(width=330),
        },
    )
    st.caption(_("Case 4 from pre-trained weights is trained as case 3."))


def _tabulate(option: Option, marks: Sequence[str], choice: Choice) -> dict[str, str | None]:
    known, result = option.expectation, choice.results.get(option.key)
    return {
        _("way"): option.name,
        _("marks"): ", ".join(marks) or None,
        _("expected"): known and format_interval(known.accuracy, known.low, known.high),
        _("how known"): describe_expected_source(option) if known else option.note,
        _("takes"): describe_seconds(option.seconds_low, option.seconds_high),
        _("your runs"): result and describe_result(result),
    }


def choose_cut(choice: Choice) -> None:
    """Let the last kept stage of case 2 be chosen, if case 2 is chosen."""
    if not choice.option.key.startswith(CUT_PREFIX):
        return
    cuts = {o.key: o for o in choice.options.options if o.key.startswith(CUT_PREFIX)}
    key = f"decide_cut_{choice.option.key}"
    st.selectbox(
        _("Where to cut"),
        list(cuts),
        index=list(cuts).index(choice.option.key),
        format_func=lambda each: f"{cuts[each].name}: {describe_accuracy(cuts[each])}",
        key=key,
        on_change=lambda: choose_option(st.session_state[key], choice.default.key),
        help=_("The textbook cuts near the beginning; measured is every cut."),
    )


def offer_default(choice: Choice) -> None:
    """Offer the way back to the recommendation, if something else was chosen."""
    if choice.option.key != choice.default.key:
        st.button(
            _("Back to the recommendation"),
            icon=":material/undo:",
            key="decide_back",
            type="tertiary",
            on_click=choose_option,
            args=(choice.default.key, choice.default.key),
        )


def has_unknown_times(choice: Choice) -> bool:
    """Whether the time of an option with a row is not known."""
    return any(each.seconds_high is None for each in list_shown(choice))
