"""The run store: records, logs, settings, versions, forged ids, many readers."""

import dataclasses
import sqlite3
import threading
from contextlib import closing
from math import isnan
from statistics import median
from time import perf_counter

import pytest
from toy_runs import list_kinds, make_config, make_epoch, make_log, make_step, make_test_result

from transfer_core.errors import RunError, SettingsError
from transfer_core.features import CANNOT_RUN
from transfer_core.runs.engine.queue import order_round_robin
from transfer_core.runs.store.config_json import from_json, to_json
from transfer_core.runs.store.events import EVENT_TYPES, decode_event, encode_event, select_events
from transfer_core.runs.store.records import Failed, RunState, StateChanged
from transfer_core.runs.store.schema import SCHEMA_VERSION
from transfer_core.runs.store.store import RunStore
from transfer_core.training.events import (
    Ended,
    EpochEnded,
    MemoryShort,
    Preparing,
    RuntimeChosen,
    StageChange,
    Started,
    Stepped,
)


@pytest.fixture
def store(tmp_path):
    """A store of the test's own."""
    store = RunStore(tmp_path)
    yield store
    store.close()


def make_config_with_optimiser(**changes):
    """A configuration with these optimiser settings."""
    good = make_config()
    optimiser = dataclasses.replace(good.strategy.optimiser, **changes)
    strategy = dataclasses.replace(good.strategy, optimiser=optimiser)
    return dataclasses.replace(good, strategy=strategy)


def test_record_comes_back_as_it_was_created(store):
    created = store.create(make_config(seed=7), "Pets, first try", "desk 4")
    assert store.get(created.id) == created
    assert created.config == make_config(seed=7)
    assert (created.state, created.name, created.owner) == (
        RunState.queued,
        "Pets, first try",
        "desk 4",
    )


def test_configuration_survives_the_way_through_json():
    assert from_json(to_json(make_config(seed=3))) == make_config(seed=3)


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("learning_rate", float("nan"), "more than 0 and at most 10"),
        ("learning_rate", float("inf"), "more than 0 and at most 10"),
        ("learning_rate", -0.1, "more than 0 and at most 10"),
        ("learning_rate", 1e9, "more than 0 and at most 10"),
        ("batch_size", 0, "at least 2 and at most 4,096"),
        ("batch_size", "64", "at least 2 and at most 4,096"),
        ("epochs", 10**9, "at least 1 and at most 1,000"),
        ("epochs", True, "at least 1 and at most 1,000"),
    ],
)
def test_setting_out_of_range_is_refused_with_its_name_value_and_range(
    store, field, value, allowed
):
    with pytest.raises(SettingsError) as refused:
        store.create(make_config_with_optimiser(**{field: value}))
    assert field.replace("_", " ") in refused.value.problem
    assert f"strategy.optimiser.{field} = {value}" == refused.value.found
    assert allowed in refused.value.remedy
    assert store.list() == ()


def test_forged_choice_is_refused_with_the_choices(store):
    forged = dataclasses.replace(make_config().strategy, initialise="../weights")
    with pytest.raises(SettingsError, match="one of pretrained, random"):
        store.create(dataclasses.replace(make_config(), strategy=forged))


def test_same_key_of_the_same_owner_makes_one_run(store):
    first = store.create(make_config(), owner="ann", idempotency_key="form-1")
    assert store.create(make_config(), owner="ann", idempotency_key="form-1") == first
    assert store.create(make_config(), owner="bob", idempotency_key="form-1").id != first.id


def test_submitting_from_ten_threads_at_once_with_one_key_makes_one_run(store):
    ids = []
    submit = [
        threading.Thread(
            target=lambda: ids.append(store.create(make_config(), idempotency_key="once").id)
        )
        for _ in range(10)
    ]
    for thread in submit:
        thread.start()
    for thread in submit:
        thread.join()
    assert len(ids) == 10
    assert len(set(ids)) == 1


@pytest.mark.parametrize(
    "forged", ["../x", "..%2fx", "", "0" * 15, "0" * 16 + "\n", "A" * 16, "ab/../" * 20, None, 7]
)
def test_forged_id_is_answered_like_an_unknown_one(store, forged):
    with pytest.raises(RunError) as unknown:
        store.get("0123456789abcdef")
    for ask in (store.get, store.events, lambda i: store.append(i, [make_step(1)])):
        with pytest.raises(RunError) as answer:
            ask(forged)
        assert answer.value.problem == unknown.value.problem
        assert answer.value.remedy == unknown.value.remedy
        assert len(answer.value.found) < 80


def test_two_readers_and_a_late_one_see_the_same_numbered_log(store):
    run = store.create(make_config())
    for step in range(1, 6):
        store.append(run.id, [make_step(step)])
    everything = store.events(run.id)
    assert [event.sequence for event in everything] == [1, 2, 3, 4, 5, 6]
    assert store.events(run.id) == everything
    assert store.events(run.id, after=4) == everything[4:]
    assert store.events(run.id, after=6) == ()


def test_number_that_is_not_finite_is_none_in_json_and_nan_in_the_program(store):
    run = store.create(make_config())
    change = StageChange("fc1", False, float("inf"), False)
    store.append(run.id, [make_epoch(1, train_loss=float("nan"), changes=(change,))])
    event = store.events(run.id)[-1].event
    assert event.train_loss is None  # None is allowed there
    assert isnan(event.changes[0].relative_change)
    kind, values = encode_event(event)
    assert (kind, values["changes"][0]["relative_change"]) == ("epoch_ended", None)


def test_run_that_is_over_takes_no_more_events_and_no_other_state(store):
    run = store.create(make_config())
    assert store.set_state(run.id, RunState.stopped)
    assert not store.set_state(run.id, RunState.finished)
    with pytest.raises(RunError, match="over"):
        store.append(run.id, [make_step(1)])
    assert store.get(run.id).state is RunState.stopped


def test_engine_that_lost_a_run_cannot_write_to_it(store):
    run = store.create(make_config(), engine="old")
    store.set_state(run.id, RunState.queued, engine="new")
    with pytest.raises(RunError):
        store.append(run.id, [make_step(1)], engine="old")
    assert not store.set_state(run.id, RunState.failed, expected_engine="old")


def test_control_characters_in_a_name_do_not_reach_a_page(store):
    assert store.create(make_config(), "a\nb\x1b[31m\u202ec").name == "a b [31m c"
    assert len(store.create(make_config(), "x" * 50_000).name) == 120


def test_newer_database_is_refused_and_left_unchanged(tmp_path):
    RunStore(tmp_path).close()
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = (tmp_path / "runs.db").read_bytes()
    with pytest.raises(RunError, match=f"newer version.*version {SCHEMA_VERSION + 1}"):
        RunStore(tmp_path)
    assert (tmp_path / "runs.db").read_bytes() == before


def test_database_opened_by_many_at_once_for_the_first_time_is_made_once(tmp_path):
    together, made = threading.Barrier(8), []

    def open_one():
        together.wait()
        store = RunStore(tmp_path)
        made.append(store.create(make_config()).id)
        store.close()

    threads = [threading.Thread(target=open_one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(RunStore(tmp_path)) as store:
        assert {run.id for run in store.list()} == set(made)
    assert len(made) == 8


def test_locked_database_is_waited_for(store, tmp_path):
    run = store.create(make_config())
    with closing(sqlite3.connect(tmp_path / "runs.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer = threading.Thread(target=lambda: store.append(run.id, [make_step(1)]))
        writer.start()
        writer.join(timeout=1)
        assert writer.is_alive()
        assert store.get(run.id) == run  # readers do not wait
        other.execute("COMMIT")
        writer.join(timeout=10)
    assert store.events(run.id)[-1].event == make_step(1)


def test_file_that_is_no_database_is_refused_and_left_unchanged(tmp_path):
    (tmp_path / "runs.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(RunError, match="cannot be read"):
        RunStore(tmp_path)
    assert (tmp_path / "runs.db").read_bytes() == b"no database at all" * 100


def test_owners_take_turns_whoever_asked_more():
    waiting = [("a1", "ann"), ("a2", "ann"), ("a3", "ann"), ("b1", "bob"), ("c1", "cem")]
    assert order_round_robin(waiting, {}) == ("a1", "b1", "c1", "a2", "a3")


def test_owner_whose_turn_is_longest_ago_comes_first():
    assert order_round_robin([("a1", "ann"), ("b1", "bob")], {"ann": 5, "bob": 2}) == ("b1", "a1")


def test_polling_a_long_log_from_thirty_sessions_is_cheap(store):
    run = store.create(make_config())
    store.append(run.id, [make_step(n) for n in range(1, 5_001)])
    times = []

    def session():
        for _ in range(10):
            began = perf_counter()
            assert len(store.events(run.id, after=4_991)) == 10
            store.get(run.id)
            times.append(perf_counter() - began)

    sessions = [threading.Thread(target=session) for _ in range(30)]
    for thread in sessions:
        thread.start()
    for thread in sessions:
        thread.join()
    assert len(times) == 300
    # Three hundred polls at once; a second holds thirty. Generous, for machines that are busy.
    assert median(times) < 0.25


EVERY_EVENT = [
    StateChanged(RunState.training, "It runs."),
    Failed("A", "b", "C"),
    make_test_result(),
    Preparing("Decoding images", 3, 8),
    RuntimeChosen("onnxruntime", "1.32.0", "197 images/s against 38"),
    Started(3, 1, 6, 2, 10, 100, "cpu"),
    make_step(1),
    MemoryShort(4),
    make_epoch(1, changes=(StageChange("fc1", False, 0.5, True),)),
    Ended("all epochs", 3, 2, 1.0, 100.0, (StageChange("fc1", False, 0.5, True),)),
]


def test_a_program_that_cannot_run_a_network_is_told_without_its_error():
    told = RuntimeChosen("torch", "2.9", f"{CANNOT_RUN} (Fail: [ONNXRuntimeError] : 1)").describe()
    assert "cannot run this network" in told and "Fail" not in told
    assert "197 images/s" in RuntimeChosen("onnxruntime", "1", "197 images/s").describe()


def test_every_event_comes_back_from_the_store_as_it_went_in(store):
    assert {type(event) for event in EVERY_EVENT} <= set(EVENT_TYPES.values())
    run = store.create(make_config())
    store.append(run.id, EVERY_EVENT)
    assert [entry.event for entry in store.events(run.id)[1:]] == EVERY_EVENT


def test_events_keep_their_stored_kinds():
    """Other versions and users of `--json` read these words."""
    kinds = [encode_event(event)[0] for event in EVERY_EVENT]
    assert kinds[:4] == ["state", "failed", "tested", "preparing"]
    assert kinds[4:] == [
        "runtime_chosen",
        "started",
        "stepped",
        "memory_short",
        "epoch_ended",
        "ended",
    ]


def test_events_of_other_versions_are_read_as_far_as_they_can_be(store):
    _, values = encode_event(make_test_result())
    del values["baseline_accuracy"]  # written before it was there
    assert decode_event("tested", values | {"of_a_newer_version": 1}) == make_test_result()
    assert decode_event("of_a_newer_version", {}) is None
    assert decode_event("stepped", {"step": 1}) is None
    run = store.create(make_config())
    with store.begin_write() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO events VALUES ('{run.id}', 2, 0, 'dreamt', '{{}}')"
        )
    store.append(run.id, [make_step(1)])
    assert list_kinds(store.events(run.id)) == ["StateChanged", "Stepped"]


def test_steps_and_epochs_that_a_resumed_run_repeats_are_counted_once():
    before = [make_step(1), make_epoch(1), make_step(2), make_epoch(2), make_step(3)]
    again = [make_step(2, loss=9.0), make_epoch(2, train_loss=9.0)]
    log = make_log(*before, *again)
    assert select_events(log, Stepped) == [before[0], again[0]]
    assert select_events(log, EpochEnded) == [before[1], again[1]]
