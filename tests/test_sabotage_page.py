"""The Sabotage lab and the suspects on Repair, through Streamlit's own test driver."""

import pytest
from test_pages import build_page, data, list_texts, own_engine, read_query  # noqa: F401
from test_repair_pages import find_button, list_labels

from pages.shared import caches
from pages.shared.guesses import read_guesses, write_guesses
from transfer_core import dataset
from transfer_core.dataset import Guess, find_flaw, make_mystery_set, make_version, plan_repair


def share_session(app, page, **query):
    """Another page in the same session."""
    other = build_page(page, **query)
    for key in ("journey", "baskets", "guesses"):
        if key in app.session_state:
            other.session_state[key] = app.session_state[key]
    return other.run()


def guess(app, kind: str, classes: tuple[str, ...] = ()):
    app.radio(key="sabotage_guess").set_value(kind).run()
    if classes:
        app.multiselect(key="sabotage_classes").set_value(list(classes)).run()
    find_button(app, "Guess, and open the key").click().run()
    assert not app.exception
    return app


def test_a_guess_is_read_again_from_what_the_browser_kept_and_nonsense_is_not():
    guesses = {"0123": Guess("leak", frozenset({"ant"}), frozenset({"a/1.png"}))}
    assert read_guesses(write_guesses(guesses)) == guesses
    assert not any(map(read_guesses, ("", "[]", '{"a": 1}', '{"a": ["cats", [], []]}')))


def list_all_texts(app) -> str:
    return list_texts(app).replace("\\", "")


def test_a_mystery_set_is_opened_with_one_click_and_does_not_tell_its_flaw(transfer_home):
    app = build_page("sabotage").run()
    find_button(app, "Open set D").click().run()
    assert not app.exception
    data_id = read_query(app, "data")
    flaw = find_flaw(transfer_home, data_id)
    assert flaw.key.kind == "imbalance" and find_button(app, "Guess, and open the key").disabled
    repair = share_session(app, "repair", data=data_id)
    repair.segmented_control[0].set_value("aside").run()
    assert "No image was set aside" in list_texts(repair)
    assert "Sealed" in list_texts(repair)
    assert not any(image.path in list_all_texts(repair) for image in flaw.key.images)


def test_a_guess_tells_how_many_images_were_found_and_opens_the_key(transfer_home):
    spoiled = make_mystery_set(transfer_home, "A")
    flaw = find_flaw(transfer_home, spoiled.id)
    first, second, *_ = plan_repair(spoiled, flaw.key)
    harmless = next(r.path for r in spoiled.records if r.split == "test")
    changes = [first, second, dataset.Change("set aside", harmless)]
    better = make_version(transfer_home, spoiled, changes)
    app = build_page("sabotage", data=better.id).run()
    assert "Changed on Repair so far: 3 images" in list_texts(app) and not app.expander
    guess(app, "labels")
    assert "Right: Wrong labels" in app.success[0].value
    assert f"Found: 2 of {len(flaw.key.images)} images" in list_texts(app)
    assert "1 image changed that nothing was done to" in list_texts(app)
    assert app.expander[0].label == f"All {len(flaw.key.images)} images of the key"
    repair = share_session(app, "repair", data=better.id)
    assert f"{first.path} is now of the class" in list_all_texts(repair)


def test_a_wrong_guess_is_told_what_it_was_and_can_repair_what_is_left(transfer_home):
    spoiled = make_mystery_set(transfer_home, "B")
    flaw = find_flaw(transfer_home, spoiled.id)
    app = guess(build_page("sabotage", data=spoiled.id).run(), "leak")
    assert "It was: Shortcut background" in app.error[0].value
    find_button(app, "Repair what is left, and open it").click().run()
    assert not app.exception and find_button(app, "Go on: decide how to transfer")
    assert read_query(app, "data") == flaw.parent


def test_naming_the_classes_of_a_shortcut_finds_their_images(transfer_home):
    spoiled = make_mystery_set(transfer_home, "B")
    images = find_flaw(transfer_home, spoiled.id).key.images
    one = images[0].class_name
    count = sum(image.class_name == one for image in images)
    app = guess(build_page("sabotage", data=spoiled.id).run(), "shortcut", (one,))
    assert f"Found: {count} of {len(images)} images" in list_texts(app)


def test_a_flaw_goes_into_a_copy_of_the_images_that_are_open_and_out_again(
    data,  # noqa: F811
    transfer_home,
):
    app = build_page("sabotage", data=data.id).run()
    app.selectbox(key="sabotage_kind").set_value("leak").run()
    find_button(app, "Spoil a copy").click().run()
    assert not app.exception
    spoiled = caches.load_data_set(read_query(app, "data"))
    assert spoiled.name == "colours, spoiled"
    assert find_flaw(transfer_home, spoiled.id).key.kind == "leak"
    assert dataset.load(transfer_home, data.id) == data
    find_button(app, "Undo: open the images without the flaw").click().run()
    assert read_query(app, "data") == data.id and "Spoil a copy" in list_labels(app)


def test_images_too_few_for_a_flaw_are_refused_with_advice(data, transfer_home):  # noqa: F811
    few = [r.path for r in data.records if r.split == "train"]
    keep = {data.records[i].label: data.records[i].path for i in data.indices("train")}
    aside = [dataset.Change("set aside", path) for path in few if path not in keep.values()]
    small = make_version(transfer_home, data, aside)
    app = build_page("sabotage", data=small.id).run()
    app.selectbox(key="sabotage_kind").set_value("labels").run()
    find_button(app, "Spoil a copy").click().run()
    assert "too small" in app.error[0].value


@pytest.fixture
def mislabelled(transfer_home):
    return make_mystery_set(transfer_home, "A")


def test_suspect_training_images_are_relabelled_one_by_one_or_a_page_at_a_time(
    mislabelled, transfer_home
):
    app = build_page("repair", data=mislabelled.id).run()
    app.segmented_control[0].set_value("suspects").run()
    assert not app.exception
    assert "training images that a new layer on" in list_texts(app)
    find_button(app, "Take all 12 suggestions of this page").click().run()
    assert "12 changes wait" in list_texts(app)
    find_button(app, "Make a new version").click().run()
    better = dataset.load(transfer_home, read_query(app, "data"))
    true = {i.path: i.class_name for i in find_flaw(transfer_home, better.id).key.images}
    now = {r.path: better.classes[r.label] for r in better.records}
    assert sum(now[path] == name for path, name in true.items()) >= 8


def test_of_classes_that_are_easy_to_tell_apart_none_is_suspected(data):  # noqa: F811
    app = build_page("repair", data=data.id).run()
    app.segmented_control[0].set_value("suspects").run()
    assert not app.exception
    assert "No training image looks like another class" in app.success[0].value


def test_what_was_taken_away_is_restored_at_once_after_the_guess(transfer_home):
    spoiled = make_mystery_set(transfer_home, "D")
    flaw = find_flaw(transfer_home, spoiled.id)
    app = guess(build_page("sabotage", data=spoiled.id).run(), "imbalance")
    repair = share_session(app, "repair", data=spoiled.id)
    repair.segmented_control[0].set_value("aside").run()
    find_button(repair, f"Restore all {len(flaw.key.images)}").click().run()
    find_button(repair, "Make a new version").click().run()
    assert read_query(repair, "data") == flaw.parent
