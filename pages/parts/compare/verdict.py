"""The verdict on the four cases: was the rule right here, and what was recommended?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts.compare.prediction import show_prediction
from pages.shared import caches
from pages.shared.choice import list_runs_of
from pages.shared.layout import escape_markdown, show_errors
from transfer_core.inspection import follow_runs, judge_rule
from transfer_core.languages import N_, _

if TYPE_CHECKING:
    from pages.parts.compare.case_grid import CaseRuns
    from transfer_core.inspection import RuleVerdict

P_MEANING = N_("p: how often equally good networks differ so much by chance.")


def show_verdict(group: CaseRuns) -> None:
    """Say whether the rule was right here, and whether the recommendation was."""
    textbook = group.choice.textbook
    with show_errors():
        # Before all runs are over there is nothing to judge.
        shown = group.results if group.is_complete else {}
        cells = {key: shown[key] for key in group.cell_keys.values() if key in shown}
        verdict = judge_rule(
            cells,
            textbook.case,
            caches.compare_pair,
            alternative=textbook.alternative,
            is_running=bool(group.unfinished),
        )
    with st.container(border=True, gap="xxsmall", key="compare_verdict"):
        first, *others = verdict.sentences
        others = [*others, _describe_recommendation(group, verdict)]
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.subheader(_("Was the rule right here?"), anchor=False, width="content")
            if any(others):
                with st.popover(_("More"), type="tertiary"):
                    st.markdown("\n".join(f"- {escape_markdown(e)}" for e in others if e))
        st.markdown(f"**{escape_markdown(first)}**")
        meaning = _(P_MEANING) if verdict.p_value is not None else ""
        asides = [verdict.caveat, meaning, _describe_new_recommendation(group)]
        if told := " ".join(filter(None, asides)):
            st.caption(escape_markdown(told))
        show_prediction(group.guess_key, group.results, verdict.best if cells else None)


def _describe_recommendation(group: CaseRuns, verdict: RuleVerdict) -> str:
    recommended = group.choice.options.recommended
    result = group.results.get(recommended.key) if recommended else None
    if verdict.p_value is None or result is None:
        return ""
    if result.key == verdict.best:
        case = result.case.value
        return _("What was recommended before the runs, case {case}, was the best.", case=case)
    return _(
        "What was recommended before the runs, case {case}, was {points:.1f} points behind.",
        case=result.case.value,
        points=100 * (group.results[verdict.best].accuracy - result.accuracy),
    )


def _describe_new_recommendation(group: CaseRuns) -> str:
    """Say why Decide has its star elsewhere than the cells here; "" if it has not."""
    before, runs = group.choice.options, list_runs_of(group.data, group.source)
    now = follow_runs(before, runs, group.data.id, group.source).recommended
    if before.recommended is None or now is None or now.key == before.recommended.key:
        return ""
    return _(
        "★ Before any run, Decide recommended “{before}”; with the results so far it recommends "
        "“{now}”.",
        before=before.recommended.name,
        now=now.name,
    )
