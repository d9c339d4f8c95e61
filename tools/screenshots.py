"""Take the pictures of the README from the running app: python -m tools.screenshots

Starts a server with a data folder of its own, trains a built-in sample in it, and writes a moving
picture of the training and one picture of each page to docs/images. Needs Chromium, Playwright
and Pillow. Takes about two minutes.
"""

import io
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

import transfer_core
from benchmarks.server import run_server
from transfer_core.cases import TransferCase, plan_strategy
from transfer_core.runs import RunStore, make_run_config

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"
SAMPLE = "plankton"
LIVE_SAMPLE = "digits"
SCREEN = {"width": 1280, "height": 860}  # pixels
BAR_HEIGHT = 60  # pixels
FIGURES = ".js-plotly-plot, canvas"
PICTURE_WIDTH = 900  # pixels
FRAMES = 14
FRAME_MILLISECONDS = 600
SETTLE_MILLISECONDS = 6_000  # until a page has drawn its figures
QUALITY = 75  # of WebP, 0 to 100
PAGES = {
    "data": "data?data={data}",
    "decide": "decide?data={data}",
    "results": "results?run={run}",
    "maps": "results?run={run}&results_view=maps",
}


def main() -> None:
    """Prepare a data folder, serve it, and take every picture."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRANSFER_HOME"] = folder
        FOLDER.mkdir(parents=True, exist_ok=True)
        data = transfer_core.load_dataset(f"sample:{SAMPLE}")
        ids = {"data": data.id, "run": transfer_core.train(data).id}
        live = queue_run(Path(folder))
        with run_server(Path(folder)) as (_, address), sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport=SCREEN, color_scheme="light")
            film_training(page, f"http://{address}/train?run={live}")
            for name, path in PAGES.items():
                page.goto(f"http://{address}/{path.format(**ids)}")
                page.wait_for_timeout(SETTLE_MILLISECONDS)
                if name == "maps":  # the others show on their first screen what they are about
                    show_first_figure(page)
                take_picture(page).save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)
            browser.close()
    for file in sorted(FOLDER.glob("*.webp")):
        print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


def queue_run(home: Path) -> str:
    """Put a run that trains everything into the queue; the server starts it."""
    data = transfer_core.load_dataset(f"sample:{LIVE_SAMPLE}")
    source = transfer_core.get_network()
    strategy = plan_strategy(TransferCase.LARGE_SIMILAR, source.stage_names, kind=source.kind)
    strategy = replace(strategy, optimiser=replace(strategy.optimiser, epochs=12, mirror=False))
    return RunStore(home).create(make_run_config(data, source, strategy, 0), name=data.name).id


def film_training(page: Page, address: str) -> None:
    """Write a moving picture of a run that trains."""
    page.goto(address)
    page.locator(FIGURES).first.wait_for(timeout=120_000)
    show_first_figure(page)
    frames = []
    for _ in range(FRAMES):
        frames.append(take_picture(page))
        page.wait_for_timeout(FRAME_MILLISECONDS)
    frames[0].save(
        FOLDER / "train.webp",
        save_all=True,
        append_images=frames[1:],
        duration=FRAME_MILLISECONDS,
        loop=0,
        quality=QUALITY,
        method=6,
    )


def show_first_figure(page: Page) -> None:
    """Scroll until the first figure is seen, and let the page come to rest."""
    figure = page.locator(FIGURES).first
    if figure.count():
        figure.scroll_into_view_if_needed()
    page.wait_for_timeout(1_000)


def take_picture(page: Page) -> Image.Image:
    """Return what the window shows below Streamlit's own bar, scaled down."""
    clip = {"x": 0, "y": BAR_HEIGHT, "width": SCREEN["width"], "height": SCREEN["height"]}
    clip["height"] -= BAR_HEIGHT
    picture = Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")
    height = round(picture.height * PICTURE_WIDTH / picture.width)
    return picture.resize((PICTURE_WIDTH, height), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
