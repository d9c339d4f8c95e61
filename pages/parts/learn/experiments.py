"""An experiment: the student predicts, and real runs follow."""

import streamlit as st

from pages.parts.learn import progress
from pages.parts.learn.chapter import Experiment
from pages.parts.learn.options import describe_option, plan_experiment
from pages.parts.learn.outcomes import show_outcomes
from pages.parts.start.live_sample import get_demonstration_network, read_sample
from pages.shared import caches, session
from pages.shared.launching import start_run
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.live_pace import draw_again
from pages.shared.progress import show_progress
from pages.shared.run_states import describe_state
from transfer_core.cases import Strategy
from transfer_core.dataset import SAMPLES
from transfer_core.errors import RunError
from transfer_core.languages import _
from transfer_core.runs import ACTIVE_STATES, RunRecord, find_last_event
from transfer_core.training import EpochEnded

FIRST_GUESS = 50  # percent


def show_experiment(experiment: Experiment, afterwards: str, key: str) -> bool:
    """Draw the prediction, the runs or the comparison; returns whether the runs have ended."""
    runs = progress.get_progress().runs.get(key)
    records = find_records(runs) if runs else None
    if records is None:
        ask_for_prediction(experiment, key)
        return False
    if not all(record.state.is_final for record in records):
        watch(runs, key)
        return False
    show_outcomes(records, afterwards, key)
    return True


def find_records(runs: list[str]) -> list[RunRecord] | None:
    """The runs; None if one is no longer here, or has no result."""
    try:
        records = [session.find_run(run) for run in runs]
    except RunError:
        return None
    lost = any(record.state.is_final and record.result is None for record in records)
    return None if lost else records


def ask_for_prediction(experiment: Experiment, key: str) -> None:
    """Draw a slider for each option, and the button that starts the runs."""
    sample = SAMPLES[experiment.sample]
    st.markdown(
        _(
            "**Predict first.** Of 100 new pictures, how many will be right? ({sample})",
            sample=_(sample.title),
        )
    )
    strategies = plan_experiment(experiment)
    before = progress.get_progress().guesses.get(key, [])
    if len(before) != len(strategies):
        before = [FIRST_GUESS] * len(strategies)
    guesses = [
        st.slider(describe_option(strategy), 0, 100, guess, key=f"learn_guess_{key}_{strategy.key}")
        for strategy, guess in zip(strategies, before, strict=True)
    ]
    if guesses != before:
        progress.keep_guesses(key, guesses)
    if st.button(
        _("Keep my guess, and run it"),
        type="primary",
        icon=":material/play_arrow:",
        key=f"learn_run_{key}",
    ):
        start(experiment, strategies, guesses, key)


def start(experiment: Experiment, strategies: list[Strategy], guesses: list[int], key: str) -> None:
    """Queue the runs, and keep the prediction."""
    with show_errors(), show_progress() as report:
        data = read_sample(experiment.sample, report)
        click = st.session_state.setdefault("lesson_clicks", 0)
        runs = [
            start_run(
                data,
                get_demonstration_network(),
                strategy,
                seed=0,
                key=f"learn-{key}-{strategy.key}-{click}",
            )
            for strategy in strategies
        ]
    progress.keep_runs(key, guesses, runs)
    st.rerun()


@st.fragment
def watch(runs: list[str], key: str) -> None:
    """Draw how far the runs are, again and again until they have ended."""
    draw_again()
    records = find_records(runs)
    if records is None or all(record.state.is_final for record in records):
        st.rerun()
    for record in records:
        epoch = find_last_event(caches.read_events(record), EpochEnded)
        epochs = record.config.strategy.optimiser.epochs
        share = 1.0 if record.state.is_final else epoch.epoch / epochs if epoch else 0.0
        title = escape_markdown(describe_option(record.config.strategy))
        state = describe_state(record)[1]
        st.progress(min(1.0, share), text=_("{title}: {state}", title=title, state=state))
    if others := find_runs_before(records):
        show_wait(others)
    else:
        st.caption(_("A real network is learning on this computer. Your guess is kept."))
    if st.button(_("Stop"), icon=":material/stop:", key=f"learn_stop_{key}"):
        with show_errors():
            for record in records:
                caches.get_engine().stop(session.own_run(record.id))


def find_runs_before(records: list[RunRecord]) -> list[RunRecord]:
    """The runs of others that these runs wait for; empty once one of these has begun."""
    if any(record.state in ACTIVE_STATES for record in records):
        return []
    return list(caches.get_engine().store.list(states=ACTIVE_STATES))


def show_wait(others: list[RunRecord]) -> None:
    """Say what an experiment waits for, and where that can be stopped if it is one's own."""
    own = [run for run in others if session.is_own_run(run)]
    if not own:
        st.markdown(
            _(
                ":material/hourglass_empty: Another run is learning on this computer. Yours begins "
                "by itself when it has ended. Your guess is kept."
            )
        )
        return
    names = ", ".join(escape_markdown(run.name) for run in own)
    st.markdown(
        _(
            ":material/hourglass_empty: Another run is learning on this computer: **{names}**. "
            "Yours begins by itself when it has ended. Your guess is kept.",
            names=names,
        )
    )
    st.page_link(
        "pages/train.py",
        label=_("Look at that run, or stop it"),
        icon=":material/model_training:",
        query_params={"run": own[0].id},
    )
