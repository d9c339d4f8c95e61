"""An experiment: the student predicts, real runs follow, and both are put side by side."""

from dataclasses import dataclass

import streamlit as st

from pages.parts.learn import progress
from pages.parts.learn.chapter import Experiment
from pages.parts.start.live_sample import get_demonstration_network, read_sample
from pages.shared import caches
from pages.shared.glossary import show_text
from pages.shared.launching import start_run
from pages.shared.layout import escape_markdown, show_errors
from pages.shared.progress import show_progress
from transfer_core.cases import Strategy, list_strategies
from transfer_core.dataset import SAMPLES
from transfer_core.errors import RunError
from transfer_core.runs import RunRecord, find_last_event
from transfer_core.training import EpochEnded

REDRAW_SECONDS = 1.0
FIRST_GUESS = 50  # percent
CLOSE = 10  # points; a guess so near counts as close
BARS_STYLE = """<style>
.guess-bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: 0.35rem;
  align-items: center; }
.guess-bars strong { grid-column: 1 / -1; margin-top: 0.3rem; }
.guess-bars i { height: 0.9rem; min-width: 2px; border: 2px solid currentColor; }
.guess-bars .got { background: #2a78b5; border-color: #2a78b5; }
</style>"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was predicted of one option, and what its run reached."""

    title: str  # for people
    guess: int  # percent
    right: int  # test images
    images: int  # test images

    @property
    def percent(self) -> float:
        """Of the test images, those that were right."""
        return 100 * self.right / self.images


def plan_experiment(experiment: Experiment) -> list[Strategy]:
    """The strategy of each option; where more than a new layer learns, perhaps shortened."""
    source = get_demonstration_network()
    known = list_strategies(source.stage_names, source.kind)
    planned = [known[key] for key in experiment.options]
    return [
        each.with_epochs(experiment.epochs) if experiment.epochs and not each.frozen else each
        for each in planned
    ]


def describe_option(strategy: Strategy) -> str:
    """An option in a child's words: "Case 2, cut after Convolution 2"."""
    source = get_demonstration_network()
    if not strategy.textbook_case:
        return strategy.title
    words = f"Case {strategy.case.value}"
    if strategy.key.startswith("2-"):
        return f"{words}, cut after {source.format_titles((strategy.keep_through,))}"
    if strategy.case.value == 4:
        return f"{words}, {strategy.initial_weights} weights"
    return words


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
        records = [caches.get_engine().get(run) for run in runs]
    except RunError:
        return None
    lost = any(record.state.is_final and record.result is None for record in records)
    return None if lost else records


def ask_for_prediction(experiment: Experiment, key: str) -> None:
    """Draw a slider for each option, and the button that starts the runs."""
    sample = SAMPLES[experiment.sample]
    st.markdown(f"**Predict first.** Of 100 new pictures, how many will be right? ({sample.title})")
    strategies = plan_experiment(experiment)
    guesses = [
        st.slider(
            describe_option(strategy), 0, 100, FIRST_GUESS, key=f"learn_guess_{key}_{strategy.key}"
        )
        for strategy in strategies
    ]
    if st.button(
        "Keep my guess, and run it",
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


@st.fragment(run_every=REDRAW_SECONDS)
def watch(runs: list[str], key: str) -> None:
    """Draw how far the runs are, every second anew until they have ended."""
    records = find_records(runs)
    if records is None or all(record.state.is_final for record in records):
        st.rerun()
    for record in records:
        epoch = find_last_event(caches.get_run_log(record.id).events(), EpochEnded)
        epochs = record.config.strategy.optimiser.epochs
        share = 1.0 if record.state.is_final else epoch.epoch / epochs if epoch else 0.0
        title = describe_option(record.config.strategy)
        st.progress(min(1.0, share), text=f"{escape_markdown(title)}: {record.state}")
    st.caption("A real network is learning on this computer. Your guess is kept.")


def show_outcomes(records: list[RunRecord], afterwards: str, key: str) -> None:
    """Draw the predictions beside what was reached, what it means, and the ways on."""
    guesses = progress.get_progress().guesses.get(key, [])
    outcomes = [
        Outcome(
            describe_option(record.config.strategy),
            guess,
            round(record.result.accuracy * record.result.images),
            record.result.images,
        )
        for record, guess in zip(records, guesses, strict=False)
    ]
    st.html(BARS_STYLE)
    st.html(render_bars(outcomes))
    for outcome in outcomes:
        st.markdown(describe_outcome(outcome))
    show_text(afterwards, key=f"learn_after_{key}")
    with st.container(horizontal=True):
        for record, outcome in zip(records, outcomes, strict=False):
            st.page_link(
                "pages/results.py",
                label=f"Look inside: {outcome.title}",
                icon=":material/fact_check:",
                query_params={"run": record.id},
            )
        st.button(
            "Predict again",
            icon=":material/replay:",
            key=f"learn_again_{key}",
            on_click=predict_again,
            args=(key,),
        )


def predict_again(key: str) -> None:
    """Forget a prediction; the next one makes runs of its own."""
    st.session_state["lesson_clicks"] = st.session_state.get("lesson_clicks", 0) + 1
    progress.forget_runs(key)


def describe_outcome(outcome: Outcome) -> str:
    """A prediction and its result in a sentence."""
    difference = round(outcome.percent - outcome.guess)
    words = (
        "exactly as you guessed"
        if not difference
        else f"{abs(difference)} {'more' if difference > 0 else 'fewer'} than you guessed"
    )
    close = " Close!" if abs(difference) <= CLOSE else ""
    return (
        f"**{outcome.title}**: {outcome.right} of {outcome.images} test pictures right, that is "
        f"{outcome.percent:.0f} of 100, {words}.{close}"
    )


def render_bars(outcomes: list[Outcome]) -> str:
    """Bars of the predictions and the results; the sentences beside them say the same."""
    rows = "".join(
        f"<strong>{each.title}</strong>"
        f'<span>guess</span><i style="width:{each.guess}%"></i><span>{each.guess}</span>'
        f'<span>result</span><i class="got" style="width:{each.percent:.0f}%"></i>'
        f"<span>{each.percent:.0f}</span>"
        for each in outcomes
    )
    return f'<div class="guess-bars" aria-hidden="true">{rows}</div>'
