"""The offline page: it answers as the app does, asks no server, and says what is wrong."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from browsing import ARGUMENTS, CHROMIUM
from PIL import Image
from test_browser_webcam import FAKE_CAMERA
from zips import make_picture

from transfer_core import dataset
from transfer_core.api import load_dataset, train
from transfer_core.cases import list_strategies
from transfer_core.errors import RunError
from transfer_core.export import export_run
from transfer_core.export.offline_page import write_page as pages
from transfer_core.export.offline_page.child_card import write_child_card
from transfer_core.export.offline_page.layer_list import list_layers
from transfer_core.export.offline_page.stored_weights import BinaryBlock
from transfer_core.features import normalise
from transfer_core.images import Transform, apply_transform, decode_image
from transfer_core.inspection import (
    TrainedNetwork,
    classify,
    load_or_fit_detector,
    load_trained_network,
)
from transfer_core.networks import adapt, find_batch_norms, get_network

TOLERANCE = 1e-3  # of a probability
READ_BYTES = "text => Uint8Array.from(atob(text), c => c.charCodeAt(0))"
DEMONSTRATION, LITE = "demonstration", "efficientnet_lite0"


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def save(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# Layers


def write_scripts(folder: Path, data: object = None) -> str:
    """Write a page with the functions of the worker, and data for them; returns its address."""
    parts = [f"<script>{pages._read(name)}</script>" for name in pages.WORKER_FILES[:-1]]
    data = f'<script type="application/json" id="data">{json.dumps(data)}</script>'
    (folder / "scripts.html").write_text("<meta charset=utf-8>".join(["", *parts, data]), "utf-8")
    return (folder / "scripts.html").as_uri()


@pytest.fixture(scope="module")
def scripts(browser, tmp_path_factory):
    """A page with the functions of the worker."""
    opened = browser.new_page()
    opened.goto(write_scripts(tmp_path_factory.mktemp("scripts")))
    yield opened
    opened.close()


def adapt_with_random_weights(name: str, key: str, size: int | None) -> TrainedNetwork:
    """A network as surgery leaves it, with batch norms that have an effect."""
    source = get_network(name).with_input_size(size)
    strategy = list_strategies(source.stage_names, source.kind)[key]
    network = adapt(source, replace(strategy, initialise="random"), 5, seed=0).eval()
    generator = torch.Generator().manual_seed(1)
    for norm in find_batch_norms(network):
        for values in (norm.weight.data, norm.running_var):
            values.uniform_(0.5, 1.5, generator=generator)
        for values in (norm.bias.data, norm.running_mean):
            values.normal_(0, 0.3, generator=generator)
    return TrainedNetwork(network, source, tuple("abcde"), None)


def compute_in_browser(browser, folder: Path, trained: TrainedNetwork, pixels) -> np.ndarray:  # noqa: F811
    """The logits that `network.js` computes of one image, uint8 (H, W, 3)."""
    block, source = BinaryBlock(), trained.source
    layers = [layer.store(block) for layer in list_layers(trained).layers]
    transform = {"size": source.input_size, "mean": source.mean, "std": source.std}
    data = [layers, block.encode(), encode(pixels.tobytes()), transform]
    opened = browser.new_page()
    opened.goto(write_scripts(folder, data))
    found = opened.evaluate(
        f"""() => {{
          const text = document.getElementById("data").textContent
          const [layers, weights, pixels, transform] = JSON.parse(text)
          const read = {READ_BYTES}
          const bytes = read(weights).buffer
          const prepared = layers.map(layer => prepareLayer(layer, bytes))
          return Array.from(runLayers(prepared, normalise(read(pixels), transform)).logits)
        }}"""
    )
    opened.close()
    return np.array(found)


# Cases 3 and 4, and tuned stages, have the layers of case 1; their weights are as random.
CUTS = [f"2-{name}" for name in get_network(DEMONSTRATION).stage_names[:-2]]
KEYS = ["1", *CUTS, "all-stages"]
LITE_KEYS = ["1", "2-stage1", "all-stages"]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "key", "size"),
    [(DEMONSTRATION, key, None) for key in KEYS] + [(LITE, key, 64) for key in LITE_KEYS],
)
def test_the_layers_give_the_logits_of_torch_with_every_strategy(
    browser,  # noqa: F811
    tmp_path,
    name,
    key,
    size,
):
    trained = adapt_with_random_weights(name, key, size)
    side = trained.source.input_size
    pixels = np.random.default_rng(2).integers(0, 256, (side, side, 3), dtype=np.uint8)
    with torch.inference_mode():
        rounded = pages.round_weights(trained.network)
        expected = rounded(normalise(pixels[None], trained.source))[0].numpy()
    found = compute_in_browser(browser, tmp_path, trained, pixels)
    assert expected.std() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16"])
def test_another_network_is_refused_with_its_name(name):
    trained = TrainedNetwork(torch.nn.Sequential(), get_network(name), ("a", "b"), None)
    with pytest.raises(RunError, match=r"cannot compute.*Found: (ResNet|Vision).*ONNX"):
        list_layers(trained)


# Pictures


def make_waves(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """A smooth picture of all colours with some noise."""
    small = np.random.default_rng(width).integers(0, 256, (9, 12, len(mode)), dtype=np.uint8)
    return Image.fromarray(small, mode).resize((width, height), Image.Resampling.BICUBIC)


PICTURES = {
    "wide": save(make_waves(400, 250)),
    "tall": save(make_waves(231, 700)),  # Pillow may scale its columns first
    "tall and small": save(make_waves(50, 300)),
    "transparent": save(make_waves(300, 220, "RGBA")),
    "few colours": save(make_waves(150, 130).quantize(20), transparency=3),
    "bitmap": save(make_waves(90, 80), "BMP"),
    "film": save(make_waves(90, 80).quantize(30), "GIF"),
    "lossless": save(make_waves(90, 80, "RGBA"), "WEBP", lossless=True),
    "photo": save(make_waves(411, 307), "JPEG", quality=85),
    "grey photo": save(make_waves(411, 307).convert("L"), "JPEG"),
}


def scale_in_browser(opened, data: bytes, transform: Transform) -> np.ndarray:
    """The pixels, (H, W, 3), that `picture.js` makes of a file."""
    settings = {
        "size": transform.size,
        "resize": transform.resize,
        "interpolation": transform.interpolation,
        "mayScaleColumnsFirst": pages.MAY_SCALE_COLUMNS_FIRST,
    }
    values = opened.evaluate(
        f"""async ([text, transform]) => {{
          const decoded = await decodeFile(new File([({READ_BYTES})(text)], "x"), transform)
          return Array.from(transformPicture(decoded, transform))
        }}""",
        [encode(data), settings],
    )
    return np.array(values).reshape(transform.size, transform.size, 3)


@pytest.mark.browser
@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize(
    "transform", [Transform(224, 256, "bicubic"), Transform(64, 64, "bilinear")], ids=str
)
def test_a_picture_is_scaled_to_exactly_the_pixels_of_the_app(scripts, name, transform):
    image = decode_image(PICTURES[name])  # at full size, as all but large JPEGs
    if transform.size == 64 and "photo" in name:
        pytest.skip("a large JPEG for this network; see the next test")
    expected = apply_transform(image, transform)
    np.testing.assert_array_equal(scale_in_browser(scripts, PICTURES[name], transform), expected)


@pytest.mark.browser
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:0"])
def test_a_large_photo_is_turned_upright_and_reduced_as_the_app_does(
    scripts, sampling, orientation
):
    exif, transform = Image.Exif(), Transform(64, 64, "bilinear")
    exif[0x0112] = orientation
    waves = make_waves(*((611, 407) if orientation % 2 else (299, 270)))  # a quarter, and a half
    photo = save(waves, "JPEG", quality=85, subsampling=sampling, exif=exif)
    expected = apply_transform(decode_image(photo, transform.min_decoded_side), transform)
    difference = np.abs(scale_in_browser(scripts, photo, transform) - expected.astype(int))
    assert difference.max() <= 2 and difference.mean() < 0.04


@pytest.mark.browser
def test_a_half_is_rounded_up_in_a_large_photo_as_the_app_does(scripts):
    blocks = np.random.default_rng(0).integers(0, 256, (34, 40), dtype=np.uint8)
    flat = Image.fromarray(blocks).resize((320, 272), Image.Resampling.NEAREST)
    photo = save(flat, "JPEG", quality=63)  # the means are stored in steps of 12 eighths
    transform = Transform(64, 64, "bilinear")
    expected = apply_transform(decode_image(photo, transform.min_decoded_side), transform)
    np.testing.assert_array_equal(scale_in_browser(scripts, photo, transform), expected)


# The whole page


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    """A run on a sample, its data folder and its page."""
    folder = tmp_path_factory.mktemp("offline")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFER_HOME", str(folder))
        run = train(load_dataset("sample:stripes"), DEMONSTRATION, 1)
    (file,) = export_run(folder, run.id, "page", folder / "page")
    return folder, run.id, file


@pytest.fixture(scope="module")
def offline(browser):
    """A browser without network and with a camera that shows a test picture."""
    launched = browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*ARGUMENTS, *FAKE_CAMERA]
    )
    yield launched
    launched.close()


@pytest.fixture(scope="module")
def opened(offline, stripes):
    """The page, opened from disk, and the addresses that it asked for."""
    context = offline.new_context(offline=True)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(str(error)))
    page.goto(stripes[2].as_uri())
    yield page, asked
    context.close()


def wait_for_answers(page) -> None:
    page.locator("#answers .verdict", has_text="Looking").first.wait_for(state="detached")


@pytest.mark.browser
def test_fifty_test_images_get_the_answers_of_the_app(opened, stripes):
    home, run, _ = stripes
    trained = load_trained_network(home, run)
    detector = load_or_fit_detector(home, trained)
    data_set = dataset.load(home, trained.record.config.data_id)
    chosen = data_set.indices("test")[:50]
    assert len(chosen) == 50
    files = [dataset.read_image_bytes(home, data_set, index) for index in chosen]
    answers = opened[0].evaluate(
        f"""texts => Promise.all(texts.map(
          text => ask({{ file: new File([({READ_BYTES})(text)], "x") }})))""",
        [*map(encode, files)],
    )
    expected = [classify(trained, detector, file) for file in files]
    ours = np.array([[*each.probabilities.values()] for each in expected])
    theirs = np.array([each["probabilities"] for each in answers])
    assert np.abs(ours - theirs).max() < TOLERANCE
    np.testing.assert_array_equal(theirs.argmax(1), ours.argmax(1))
    unknown = [each.is_out_of_distribution for each in expected]
    assert [each["isUnknown"] for each in answers] == unknown


@pytest.mark.browser
def test_files_get_bars_and_a_sentence_each_and_no_server_is_asked(opened, stripes):
    page, asked = opened
    home, run, _ = stripes
    data_set = dataset.load(home, load_trained_network(home, run).record.config.data_id)
    good = dataset.read_image_bytes(home, data_set, data_set.indices("test")[0])
    huge = save(Image.new("1", (20_000, 20_000)))
    files = {
        "good.png": good,
        "letter.jpg": b"Dear sir or madam, this is no picture at all.",
        "torn.png": save(make_waves(90, 80))[:3_000],
        "torn.jpg": save(make_waves(200, 200), "JPEG")[:2_000],
        "huge.png": huge,
        "dot.png": save(Image.new("RGB", (2, 2))),
        "press.jpg": save(make_waves(90, 80).convert("CMYK"), "JPEG"),
        "scan.tif": save(make_waves(90, 80), "TIFF"),
    }
    page.set_input_files(
        "#files",
        [{"name": name, "mimeType": "", "buffer": data} for name, data in files.items()],
    )
    wait_for_answers(page)
    texts = {name: page.locator("article", has_text=name).inner_text() for name in files}
    assert "I think: " in texts["good.png"] or "I am not sure" in texts["good.png"]
    assert " %" in texts["good.png"]
    for name, expected in {
        "letter.jpg": "This file is no picture",
        "torn.png": "damaged",
        "torn.jpg": "its end is missing",
        "huge.png": "too large: 20,000 × 20,000 pixels",
        "dot.png": "too small: 2 × 2 pixels",
        "press.jpg": "CMYK",
        "scan.tif": "cannot open TIFF",
    }.items():
        assert "I cannot see this one" in texts[name] and expected in texts[name]
    page.click("#forget")
    assert page.locator("article").count() == 0
    assert {url.partition(":")[0] for url in asked} <= {"file", "blob", "data"}, asked


@pytest.mark.browser
def test_the_page_cannot_ask_a_server_even_if_it_would(opened):
    blocked = opened[0].evaluate(
        """() => new Promise(resolve => {
          addEventListener("securitypolicyviolation", event => resolve(event.effectiveDirective))
          fetch("https://example.org/").catch(() => {})
        })"""
    )
    assert blocked == "connect-src"


@pytest.mark.browser
def test_the_camera_is_watched_until_it_is_stopped(opened):
    page = opened[0]
    page.click("#camera-button")
    page.wait_for_selector("#camera .bars li")
    assert page.inner_text("#camera .verdict").startswith(("I think: ", "I am not sure"))
    page.click("text=Stop the camera")
    assert page.locator("#camera").is_hidden()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})", "gives this page"),
        (
            "navigator.mediaDevices.getUserMedia = () => "
            "Promise.reject(new DOMException('', 'NotAllowedError'))",
            "The camera is not allowed here",
        ),
        (
            "navigator.mediaDevices.getUserMedia = () => "
            "Promise.reject(new DOMException('', 'NotFoundError'))",
            "I found no camera",
        ),
    ],
)
def test_without_a_camera_the_page_says_what_to_do(offline, stripes, script, sentence):
    page = offline.new_page()
    page.goto(stripes[2].as_uri())
    page.evaluate(f"() => {{ {script} }}")
    page.click("#camera-button")
    page.wait_for_selector("#problem:not([hidden])")
    assert sentence in page.inner_text("#problem") and "hoose pictures" in page.inner_text(
        "#problem"
    )
    page.close()


@pytest.mark.browser
def test_axe_finds_nothing_on_the_page_with_an_answer(offline, stripes):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for theme in ("light", "dark"):
        context = offline.new_context(
            offline=True, color_scheme=theme, viewport={"width": 390, "height": 844}
        )
        page = context.new_page()
        page.goto(stripes[2].as_uri())
        picture = {"name": "a.png", "mimeType": "", "buffer": make_picture(1, (64, 64))}
        page.set_input_files("#files", [picture, picture | {"name": "b.png", "buffer": b""}])
        wait_for_answers(page)
        assert not axe.run(page).response["violations"]
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390
        context.close()


# The export


def test_names_are_text_and_the_page_stays_small(made, tmp_path):
    home, run, _ = made
    (file,) = export_run(home, run, "page", tmp_path)
    text = file.read_text(encoding="utf-8")
    assert ">Clear all</button>" in text
    assert "<b>" not in text and "blue &lt;b&gt;" in text and r"blue \u003cb\u003e" in text
    assert file.stat().st_size < pages.MAX_PAGE_BYTES


@pytest.mark.parametrize(
    ("limit", "value", "sentence"),
    [
        ("MAX_PAGE_BYTES", 1_000, "too large: "),
        ("MAX_ROUNDING_DIFFERENCE", 0.0, "would not give the network's answers"),
    ],
)
def test_a_page_that_does_not_hold_its_promise_is_not_written(
    made, tmp_path, monkeypatch, limit, value, sentence
):
    home, run, _ = made
    monkeypatch.setattr(pages, limit, value)
    with pytest.raises(RunError, match=sentence):
        export_run(home, run, "page", tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_card_says_how_good_it_is_and_when_it_may_be_guessing(made):
    home, run, _ = made
    trained = load_trained_network(home, run)
    result = replace(trained.record.result, accuracy=0.5, low=0.2, high=0.8, majority_accuracy=0.4)
    guessing = replace(trained, record=replace(trained.record, result=result))
    card = write_child_card(home, guessing, 18)
    assert "about 50 right" in card.quality[0] and "from 20 to 80" in card.quality[0]
    assert "no better than guessing" in card.quality[1]
    assert [each.pictures for each in card.classes] == [6, 6, 6]
    assert "18 that I learned from" in card.unsure
    assert "never say it" in write_child_card(home, guessing, None).unsure
