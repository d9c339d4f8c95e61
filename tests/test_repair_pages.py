"""The pages Repair and Try it, through Streamlit's own test driver."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from test_pages import (  # noqa: F401
    build_page,
    data,
    finished,
    list_texts,
    own_engine,
    read_query,
    write_colours,
)

from pages.shared import caches
from pages.shared.basket import PendingChange
from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.images import remote
from transfer_core.inspection.prediction import load_test_predictions
from transfer_core.networks import get_network
from transfer_core.runs.launch import make_run_config


def encode_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def make_photo(seed: int) -> np.ndarray:
    """A picture with large shapes."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC))


@pytest.fixture
def copies(transfer_home, tmp_path):
    """A data set with a near-duplicate in train and test."""
    with zipfile.ZipFile(tmp_path / "copies.zip", "w") as archive:
        for s, split in enumerate(("train", "val", "test")):
            for n in range(8):
                name = f"{split}/{'ab'[n % 2]}/{n}.png"
                archive.writestr(name, encode_png(make_photo(100 * s + n)))
        nearly = np.clip(make_photo(200).astype(int) + 3, 0, 255).astype(np.uint8)
        archive.writestr("train/a/copy.png", encode_png(nearly))
    return dataset.ingest(tmp_path / "copies.zip", home=transfer_home)


def find_button(app, label: str):
    return next(b for b in app.button if b.label == label)


def list_labels(app) -> list[str]:
    return [b.label for b in app.button]


@pytest.fixture
def mistaken(transfer_home, tmp_path):
    """A finished run whose data set has test images with wrong labels, and their paths."""
    with zipfile.ZipFile(tmp_path / "wrong.zip", "w") as archive:
        for split, start, count in (("train", 0, 12), ("val", 12, 4), ("test", 16, 4)):
            for label, name in enumerate(("red", "green")):
                for n in range(start, start + count):
                    colour = [40 + 3 * n] * 3
                    colour[label] = 200 + n
                    path = f"{split}/{name}/{n}.png"
                    archive.writestr(path, encode_png(np.full((64, 64, 3), colour, np.uint8)))
        wrong = np.full((64, 64, 3), (33, 222, 37), np.uint8)
        archive.writestr("test/red/green.png", encode_png(wrong))
    found = dataset.ingest(tmp_path / "wrong.zip", home=transfer_home)
    return train_run(found, "wrong", seed=5)


def train_run(found, name: str, seed: int = 0) -> str:
    """A finished run of case 1."""
    source = get_network("demonstration")
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind)
    run = caches.get_engine().submit(make_run_config(found, source, strategy, seed), name=name)
    caches.get_engine().wait(run, timeout=60)
    return run


def test_a_mistake_is_relabelled_into_a_new_version_and_trained_again_with_one_click(
    mistaken, transfer_home
):
    app = build_page("repair", run=mistaken).run()
    assert not app.exception
    assert "**red**, taken for **green**" in list_texts(app)
    find_button(app, "It is green").click().run()
    assert "Will be green" in list_texts(app) and "One change waits" in list_texts(app)
    before = dataset.list_data_sets(transfer_home)
    find_button(app, "Make a new version").click().run()
    assert not app.exception
    new = dataset.load(transfer_home, read_query(app, "data"))
    assert new.name == "wrong, version 2" and len(before) == 1
    changed = next(r for r in new.records if r.path == "test/red/green.png")
    assert (new.classes[changed.label], changed.split) == ("green", "test")
    assert "No mistake is left" in list_texts(app) or "No mistake is left" in app.success[0].value
    find_button(app, "Train again with the same settings").click().run()
    record = caches.get_engine().list_runs()[0]
    first = caches.get_engine().get(mistaken)
    assert record.config.data_id == new.id and record.name.startswith("wrong, version 2")
    assert (record.config.strategy, record.config.seed) == (first.config.strategy, 5)
    caches.get_engine().wait(record.id, timeout=60)
    found = load_test_predictions(transfer_home, record.id)
    assert (found.predicted == found.labels).all()


def test_a_change_that_waits_can_be_taken_back(mistaken, transfer_home):
    app = build_page("repair", run=mistaken).run()
    find_button(app, "Set aside").click().run()
    assert "Will be set aside" in list_texts(app)
    find_button(app, "Take back").click().run()
    assert "Will be set aside" not in list_texts(app)
    assert "Make a new version" not in list_labels(app)
    assert len(dataset.list_data_sets(transfer_home)) == 1


def test_near_duplicates_across_the_split_are_shown_and_one_is_kept(copies, transfer_home):
    app = build_page("repair", data=copies.id).run()
    assert not app.exception
    assert "a leak" in list_texts(app)
    find_button(app, "Keep only one (test)").click().run()
    find_button(app, "Make a new version").click().run()
    new = dataset.load(transfer_home, read_query(app, "data"))
    gone = {r.path for r in copies.records} - {r.path for r in new.records}
    assert gone == {"train/a/copy.png"}
    assert "train/a/copy.png is set aside" in list_texts(app).replace("\\", "")


def test_an_image_set_aside_is_restored(copies, transfer_home):
    change = dataset.Change("set aside", "train/a/copy.png")
    new = dataset.make_version(transfer_home, copies, [change])
    app = build_page("repair", data=new.id).run()
    app.segmented_control[0].set_value("aside").run()
    find_button(app, "Restore").click().run()
    find_button(app, "Make a new version").click().run()
    assert read_query(app, "data") == copies.id


def test_emptying_a_class_is_refused_with_advice_and_loses_no_change(mistaken, transfer_home):
    app = build_page("repair", run=mistaken).run()
    record = caches.get_engine().get(mistaken)
    changes = [
        dataset.Change("set aside", r.path)
        for r in dataset.load(transfer_home, record.config.data_id).records
        if r.split == "test" and r.path.startswith("test/red")
    ]
    app.session_state["baskets"] = {
        record.config.data_id: {c.path: PendingChange(c) for c in changes}
    }
    app.run()
    find_button(app, "Make a new version").click().run()
    assert "no image left" in app.error[0].value and "red in test" in list_texts(app)
    assert len(app.session_state["baskets"][record.config.data_id]) == len(changes)
    assert len(dataset.list_data_sets(transfer_home)) == 1


def try_images(app, *files):
    app.file_uploader[0].set_value([(name, content, "image/png") for name, content in files])
    return app.run()


def test_several_images_are_tried_and_a_bad_one_is_told_beside_the_others(finished):  # noqa: F811
    red = encode_png(np.full((80, 64, 3), (205, 50, 50), np.uint8))
    green = encode_png(np.full((80, 64, 3), (50, 205, 50), np.uint8))
    app = try_images(
        build_page("try_it", run=finished).run(),
        ("r.png", red),
        ("notes.png", b"no image"),
        ("g.png", green),
        ("cut.png", red[:60]),
    )
    assert not app.exception
    shown = list_texts(app)
    assert "**1. r\\.png**: red" in shown or "**1. r.png**: red" in shown
    assert ": green" in shown
    assert len(app.error) == 2 and "What to do" in shown
    assert shown.count("Answered in") == 2


def test_what_the_network_looks_at_is_shown_on_demand_for_two_classes(finished):  # noqa: F811
    red = encode_png(np.full((80, 64, 3), (205, 50, 50), np.uint8))
    app = try_images(build_page("try_it", run=finished).run(), ("r.png", red))
    charts = len(app.get("plotly_chart"))
    app.toggle[-1].set_value(True).run()
    assert not app.exception and not app.error
    assert len(app.get("plotly_chart")) == charts + 2
    assert "Each map has its own scale" in list_texts(app)


def test_an_image_of_the_data_set_is_not_kept_again(finished, data, transfer_home):  # noqa: F811
    known = dataset.read_image_bytes(transfer_home, data, 0)
    app = try_images(build_page("try_it", run=finished).run(), ("known.png", known))
    assert "in the data set already" in list_texts(app)
    assert "Keep as a training image" not in [each.label for each in app.button]


def test_a_try_is_kept_as_a_training_image_of_a_new_version(finished, data, transfer_home):  # noqa: F811
    odd = encode_png(make_photo(3))
    app = try_images(build_page("try_it", run=finished).run(), ("odd.png", odd))
    app.selectbox[1].set_value("blue").run()
    find_button(app, "Keep as a training image").click().run()
    assert "Waits as a training image of **blue**" in list_texts(app)
    journey = app.session_state["journey"], app.session_state["baskets"]
    repair = build_page("repair", run=finished, data=data.id)
    repair.session_state["journey"], repair.session_state["baskets"] = journey
    repair.run()
    find_button(repair, "Make a new version").click().run()
    new = dataset.load(transfer_home, read_query(repair, "data"))
    (added,) = [i for i, r in enumerate(new.records) if r.added]
    assert dataset.read_image_bytes(transfer_home, new, added) == odd
    assert new.classes[new.records[added].label] == "blue"


def test_what_a_tester_judges_comes_back_to_the_owner_and_can_be_learned_from(finished):  # noqa: F811
    red = encode_png(np.full((80, 64, 3), (205, 50, 50), np.uint8))
    tester = try_images(build_page("try_it", run=finished, test="1").run(), ("r.png", red))
    assert "Keep as a training image" not in [each.label for each in tester.button]
    find_button(tester, "That is right").click().run()
    assert "Kept for its owner: **red**" in list_texts(tester)
    find_button(tester, "Take back").click().run()
    assert not build_page("try_it", run=finished).run().subheader[1:]
    tester.selectbox[1].set_value(0).run()  # the first of the other classes
    find_button(tester, "Send").click().run()
    owner = build_page("try_it", run=finished).run()
    assert owner.subheader[1].value == "Tries of others: 0 of 1 right"
    find_button(owner, "Keep as a training image").click().run()
    assert not owner.exception and "Waits as a training image" in list_texts(owner)
    find_button(owner, "Remove").click().run()
    assert not owner.exception and not owner.subheader[1:]


def test_addresses_are_asked_for_only_where_the_server_allows_it(finished, monkeypatch):  # noqa: F811
    assert not build_page("try_it", run=finished).run().text_input
    monkeypatch.setenv(remote.SETTING, "1")
    app = build_page("try_it", run=finished).run()
    app.text_input[0].set_value("http://127.0.0.1/x.png").run()
    assert not app.exception
    assert "public internet" in app.error[0].value


@pytest.mark.parametrize("name", ["repair", "try_it"])
def test_names_of_classes_and_files_are_never_read_as_markup(name, transfer_home, tmp_path):
    odd = ("<img src=x onerror=alert(1)>", "[x](javascript:alert(1))")
    (tmp_path / "odd.zip").write_bytes(write_colours(names=odd))
    found = dataset.ingest(tmp_path / "odd.zip", home=transfer_home)
    app = build_page(name, run=train_run(found, odd[0])).run()
    if name == "try_it":
        app = try_images(app, ("[x](javascript:alert(1)).png", encode_png(make_photo(1))))
    assert not app.exception
    assert "[x](" not in list_texts(app) and "<img" not in list_texts(app).replace("\\<img", "")
