"""The Results page: every view of a run without a mouse, and what happens when parts are gone."""

import io
import shutil
from dataclasses import asdict, replace

import pytest
from answered_runs import make_data_set
from PIL import Image
from test_pages import build_page, list_texts, own_engine, read_query  # noqa: F401  (fixtures)
from toy_readings import make_evidence
from zips import make_class_files, write_zip

from pages.shared import caches
from transfer_core import dataset
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.networks import get_network
from transfer_core.runs.launch import make_run_config
from transfer_core.runs.store.directory import RunDirectory
from transfer_core.system.home import get_home
from transfer_core.training.events import Ended
from transfer_core.transferability import estimate
from transfer_core.workspaces import Belongings, open_workspaces

VIEWS = ["scores", "training", "images", "confidence", "maps", "embedding", "settings"]


def plan_run(data, case=TransferCase.SMALL_SIMILAR):
    source = get_network("demonstration")
    strategy = plan_strategy(case, source.stage_names, kind=source.kind)
    return make_run_config(data, source, strategy, 0)


def train_run(data, case=TransferCase.SMALL_SIMILAR):
    """The id of a finished run."""
    run = caches.get_engine().submit(plan_run(data, case), name="noise")
    assert caches.get_engine().wait(run, timeout=60).result
    return run


@pytest.fixture
def noise(transfer_home):
    """Pictures of noise: some are surely mistaken."""
    return make_data_set(transfer_home, test_images=20)


@pytest.fixture
def run(noise, transfer_home, train_once):
    return train_once(transfer_home, plan_run(noise), "noise")


@pytest.fixture
def fine_tuned(noise, transfer_home, train_once):
    return train_once(transfer_home, plan_run(noise, TransferCase.LARGE_SIMILAR), "noise")


def list_labels(app) -> list[str]:
    return [button.label for button in app.button]


def list_explain_buttons(app):
    return [button for button in app.button if button.label.startswith("Explain image")]


def open_views(run) -> dict:
    """Every view of a run, each in a session of its own."""
    return {view: build_page("results", run=run, results_view=view).run() for view in VIEWS}


def test_every_view_opens_from_its_address(run):
    for view, app in open_views(run).items():
        assert not app.exception and not app.error, view
        assert app.segmented_control(key="results_view").value == view
        assert app.metric[0].label == "Test accuracy"


def test_near_copies_that_decide_found_are_told_beside_the_scores(noise, run):
    assert "near-copies" not in list_texts(build_page("results", run=run).run())
    known = make_evidence(images=100, num_near_duplicates=30)
    file = estimate._get_evidence_file(noise, get_network("demonstration"), get_home())
    estimate.save_json(get_home(), file, asdict(known))
    warnings = build_page("results", run=run).run().warning
    assert sum("copies of others" in each.value for each in warnings) == 1


def test_a_view_or_image_that_does_not_exist_opens_the_first(run):
    app = build_page("results", run=run, results_view="../../nothing").run()
    assert not app.exception and app.segmented_control(key="results_view").value == "scores"
    app = build_page("results", run=run, results_view="maps", results_image="999").run()
    assert not app.exception and app.number_input(key="results_image").value == 1


def test_a_mistake_is_explained_by_its_button_and_the_address_keeps_it(run):
    app = build_page("results", run=run, results_view="images").run()
    first = list_explain_buttons(app)[0]
    number = first.label.split()[-1]
    first.click().run()
    assert not app.exception
    assert read_query(app, "results_view") == "maps" and read_query(app, "results_image") == number
    assert f"Test image {number}" in list_texts(app) and "taken for" in list_texts(app)
    again = build_page("results", run=run, results_view="maps", results_image=number).run()
    assert f"Test image {number}" in list_texts(again)


def test_a_cell_chosen_in_the_lists_shows_exactly_its_images(run):
    from transfer_core.inspection.prediction import load_test_predictions

    answers = load_test_predictions(get_home(), run)
    app = build_page("results", run=run).run()
    for actual in (0, 1):
        for predicted in (0, 1):
            app.selectbox(key="results_actual").set_value(actual)
            app.selectbox(key="results_predicted").set_value(predicted).run()
            inside = (answers.labels == actual) & (answers.predicted == predicted)
            shown = {int(button.label.split()[-1]) - 1 for button in list_explain_buttons(app)}
            assert shown <= set(inside.nonzero()[0].tolist())
            assert len(shown) == min(12, inside.sum())


def test_the_mistakes_of_one_class_are_shown_alone(run):
    app = build_page("results", run=run, results_view="images").run()
    app.selectbox(key="results_class").set_value("ant").run()
    assert not any("bee, taken for" in caption.value for caption in app.caption)


def test_the_most_uncertain_images_are_one_choice_away(run):
    app = build_page("results", run=run, results_view="images").run()
    app.segmented_control(key="results_list").set_value("uncertain").run()
    assert not app.exception and "the network wavers between the two" in list_texts(app)


def test_training_is_read_in_plain_words(run):
    app = build_page("results", run=run, results_view="training").run()
    folded = {each.label: each.markdown[0].value for each in app.expander if each.markdown}
    assert "Smaller differences" in folded["Too few test images to tell"]
    assert "right in the epoch that was kept" in list_texts(app)  # how well it fits, in sight


def test_case_1_is_trained_by_a_button_and_compared_image_by_image(noise):
    run = train_run(noise, TransferCase.SMALL_DIFFERENT)
    app = build_page("results", run=run).run()
    assert "What did cutting earlier gain?" in list_texts(app)  # it trains the new layer alone too
    app.button(key="results_case_1").click().run()
    assert not app.exception
    other = caches.get_engine().list_runs()[0]
    assert other.config.strategy.case == TransferCase.SMALL_SIMILAR
    caches.get_engine().wait(other.id, timeout=60)
    app.run()
    assert "Train case 1, to compare" not in list_labels(app)
    assert "this run" in list_texts(app).lower() and "case 1" in list_texts(app)


def test_case_1_itself_is_compared_with_always_the_same_answer_alone(run):
    app = build_page("results", run=run).run()
    assert "Train case 1, to compare" not in list_labels(app)
    assert "This run is case 1 itself" in list_texts(app)


def test_an_image_of_ones_own_is_explained_and_a_bad_one_is_answered(run):
    app = build_page("results", run=run, results_view="maps").run()
    picture = io.BytesIO()
    Image.new("RGB", (70, 50), "red").save(picture, "PNG")
    app.file_uploader(key="results_own").set_value(("my.png", picture.getvalue(), "image/png"))
    app.run()
    assert not app.exception and "Your image" in list_texts(app)
    app.file_uploader(key="results_own").set_value(("bad.png", b"no image", "image/png")).run()
    assert not app.exception and app.error
    assert any("What to do" in element.value for element in app.markdown)


def test_the_method_of_the_maps_is_checked_on_this_network(run):
    app = build_page("results", run=run, results_view="maps").run()
    app.button(key="results_sanity").click().run()
    assert not app.exception
    assert "weights randomised from the output down" in list_texts(app).replace("\\", "")


def test_the_embedding_is_laid_out_by_both_ways_and_an_image_chosen_by_its_number(run):
    app = build_page("results", run=run, results_view="embedding").run()
    app.segmented_control(key="results_way").set_value("neighbours").run(timeout=120)
    app.number_input(key="results_image").set_value(7).run()
    assert not app.exception and "Image 7" in list_texts(app)
    app.button(key="results_explain").click().run()
    assert read_query(app, "results_view") == "maps" and "Test image 7" in list_texts(app)


def test_names_that_people_gave_are_never_read_as_markup(transfer_home):
    names = ("<img src=x onerror=alert(1)>", "[x](javascript:alert(1))")
    files = make_class_files(dict.fromkeys(names, 12))
    data = dataset.ingest(write_zip(transfer_home / "odd.zip", files), home=transfer_home)
    for view, app in open_views(train_run(data)).items():
        assert not app.exception, view
        shown = list_texts(app)
        assert "<img" not in shown.replace("\\<img", "") and "[x](" not in shown, view


def test_a_run_whose_answers_are_gone_still_shows_its_scores(run):
    (RunDirectory.locate(get_home(), run).path / "test_logits.npy").unlink()
    for view, app in open_views(run).items():
        assert not app.exception and app.metric[0].value.endswith("%"), view
        assert bool(app.error) == (view not in {"training", "settings"}), view


def test_a_run_whose_data_set_is_gone_still_shows_its_scores(noise, run):
    shutil.rmtree(get_home() / "data" / noise.id)
    for view, app in open_views(run).items():
        assert not app.exception and app.metric[0].value.endswith("%"), view


@pytest.mark.parametrize("best_epoch", [0, 3])
def test_a_run_of_an_older_version_says_if_it_kept_the_new_layer(
    best_epoch, fine_tuned, monkeypatch
):
    log = caches.get_run_log(fine_tuned)
    ended = next(entry for entry in log.events() if isinstance(entry.event, Ended))
    changed = replace(ended, event=replace(ended.event, best_epoch=best_epoch))
    others = [event for event in log.events() if event is not ended]
    monkeypatch.setattr(log, "events", lambda max_age=0.0: [*others, changed])
    told = [info.value for info in build_page("results", run=fine_tuned).run().info]
    assert any("the new layer trained alone" in text for text in told) == (best_epoch == 0)


def change_result(monkeypatch, run: str, **values) -> None:
    """Give a run another result in what the store returns."""
    home = get_home()
    store = Belongings(home, open_workspaces(home).this_computer).runs
    real = store.read
    changed = replace(real(run), result=replace(real(run).result, **values))
    monkeypatch.setattr(store, "read", lambda asked: changed if asked == run else real(asked))


@pytest.mark.parametrize("page", ["results", "train"])
def test_a_result_below_the_new_layer_alone_says_so_and_offers_case_1(
    page, noise, fine_tuned, monkeypatch
):
    numbers = {"validation_accuracy": 0.7, "accuracy": 0.6}
    better = {"baseline_validation_accuracy": 0.8, "baseline_accuracy": 0.65}
    change_result(monkeypatch, fine_tuned, **numbers, **better)
    app = build_page(page, run=fine_tuned).run()
    (told,) = [each.value for each in app.warning if "trained alone" in each.value]
    assert "80.0% of the validation images against 70.0%" in told
    assert "65.0% of the test images against 60.0%" in told
    assert "is about as good, and simpler" in told  # five points on few images may be chance
    app.button(key="case_1_below").click().run()
    assert not app.exception and not app.error
    (other,) = [each for each in caches.get_engine().list_runs() if each.id != fine_tuned]
    assert other.config.strategy.case == TransferCase.SMALL_SIMILAR
    assert (other.config.data_id, other.config.seed) == (noise.id, 0)
    caches.get_engine().wait(other.id, timeout=60)


@pytest.mark.parametrize("baseline", [None, 0.3])
def test_a_result_above_the_new_layer_alone_offers_nothing(baseline, noise, run, monkeypatch):
    values = {"validation_accuracy": 0.7, "accuracy": 0.6, "baseline_accuracy": baseline}
    change_result(monkeypatch, run, **values, baseline_validation_accuracy=baseline)
    app = build_page("results", run=run).run()
    assert not app.exception
    assert not [each for each in app.warning if "trained alone" in each.value]
