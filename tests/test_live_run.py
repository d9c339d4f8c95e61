"""A run that goes on, watched by many: how often it is drawn anew, and what a redraw sends."""

import pytest
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from test_pages import build_page, data, own_engine  # noqa: F401 - fixtures
from toy_runs import make_epoch, make_step

from pages.shared import caches, live_pace, training_figures
from pages.shared.live_pace import PATIENCE_SECONDS, REDRAWS_PER_SECOND, Watchers, find_interval
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.networks import get_network
from transfer_core.runs import RunState
from transfer_core.runs.engine.queue import RunQueue
from transfer_core.runs.launch import make_run_config
from transfer_core.training import StageChange, Started

EPOCHS, STEPS = 300, 10  # STEPS of each epoch


def test_a_few_watch_every_second_and_all_together_keep_the_share():
    assert [find_interval(n) for n in (1, 15, 16, 30, 60)] == [1, 1, 1.25, 2, 4]
    assert all(n / find_interval(n) <= REDRAWS_PER_SECOND for n in range(1, 300))


def test_redraws_grow_rarer_with_the_watchers_and_return_when_they_leave():
    now = [0.0]
    watchers = Watchers(lambda: now[0])
    assert [watchers.count_in(n) for n in range(30)][-1] == 2.0
    now[0] = 2.0
    assert {watchers.count_in(n) for n in range(30)} == {2.0}  # each counts once
    now[0] = 4.0
    assert watchers.count_in(0) == 2.0  # others may be late
    now[0] = 4.0 + 2.0 + PATIENCE_SECONDS / 2
    assert watchers.count_in(0) == 1.0  # they have closed their browsers


@pytest.fixture
def run(data, monkeypatch):  # noqa: F811
    """A long run that goes on, without a process that performs it."""
    monkeypatch.setattr(RunQueue, "claim", lambda *_: None)
    monkeypatch.setattr(live_pace, "_WATCHERS", Watchers())
    source = get_network("demonstration")
    strategy = plan_strategy(TransferCase.LARGE_DIFFERENT, source.stage_names, kind=source.kind)
    store = caches.get_engine().store
    run_id = store.create(make_run_config(data, source, strategy, 0), name="watched").id
    store.set_state(run_id, RunState.training, "")
    store.append(run_id, [Started(EPOCHS, STEPS, 100, 20, 1000, 1000, "cpu"), *list_events()])
    return run_id


def list_events():
    """Reports of many epochs, every number with as many digits as a real one."""
    changes = [
        StageChange(name, False, 0.12345, False)
        for name in get_network("demonstration").stage_names
    ]
    for step in range(1, STEPS * EPOCHS):
        yield make_step(step, epoch=step / STEPS, loss=1.23456 / step, accuracy=0.54321)
        if step % STEPS == 0:
            yield make_epoch(
                step // STEPS, step=step, validation_loss=2.34567 / step, changes=tuple(changes)
            )


def watch(run: str) -> list:
    """Open the page in a new session; returns the messages that it sends."""
    sent = []
    ForwardMsgQueue.on_before_enqueue_msg(sent.append)
    try:
        app = build_page("train", run=run).run()
    finally:
        ForwardMsgQueue.on_before_enqueue_msg(None)
    assert not app.exception
    return sent


def find_component(sent: list, name: str):
    return next(
        message
        for message in sent
        if message.delta.new_element.bidi_component.component_name.endswith(name)
    )


def test_a_redraw_sends_little_and_the_network_not_again(run):
    before = watch(run)
    caches.get_engine().store.append(run, [make_step(STEPS * EPOCHS, epoch=EPOCHS)])
    after = watch(run)
    networks = [find_component(sent, "network_drawing") for sent in (before, after)]
    # What is alike and may be kept is not sent again: the browser has it.
    assert networks[0].hash == networks[1].hash and networks[0].metadata.cacheable
    redraw = [each for each in after if each.delta.fragment_id and each is not networks[1]]
    assert find_component(after, "live_chart") in redraw
    assert sum(message.ByteSize() for message in redraw) < 13_000


def test_what_a_redraw_shows_is_computed_once_for_all_watchers(run, monkeypatch):
    built = []
    for name in ("_build_charts", "_build_drawing"):
        build = getattr(training_figures, name)
        monkeypatch.setattr(
            training_figures,
            name,
            lambda *given, build=build, name=name: built.append(name) or build(*given),
        )
    for _ in range(3):
        watch(run)
    assert sorted(built) == ["_build_charts", "_build_drawing"]


def test_a_run_that_is_over_is_drawn_no_more(run):
    assert [each.auto_rerun.interval for each in watch(run) if each.HasField("auto_rerun")] == [1]
    caches.get_engine().store.set_state(run, RunState.interrupted, "")
    assert not [each for each in watch(run) if each.HasField("auto_rerun")]
