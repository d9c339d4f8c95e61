"""(h) How long the Results page's script runs, with few and with many test images.

    python -m benchmarks.results_page [--images 60 2000] [--rounds 5]

Makes data sets by code, trains case 1 on each, and opens every view of the result in Streamlit's
own test driver, in a session of its own each time: what the server does until the page is drawn,
without the browser. The first opening, which fills what is kept, does not count.
"""

import logging
import os
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.indexing import make_zip
from benchmarks.report import (
    ROOT,
    Claim,
    build_parser,
    describe_load,
    draw_comparison,
    summarise_sides,
    write_report,
)
from benchmarks.sides import compare, stopwatch

TEST_SHARE = 0.2  # share of the images that are test images
VIEWS = ("scores", "training", "images", "confidence", "maps", "embedding", "settings")


def train_run(home: Path, test_images: int) -> str:
    """Train case 1 for a moment; returns the run's id."""
    from pages.shared import caches
    from transfer_core import dataset, networks
    from transfer_core.cases import TransferCase, plan_strategy
    from transfer_core.runs import make_run_config

    make_zip(home / "images.zip", round(test_images / TEST_SHARE))
    data, source = (
        dataset.ingest(home / "images.zip", home=home),
        networks.get_network("demonstration"),
    )
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind)
    strategy = replace(strategy, optimiser=replace(strategy.optimiser, epochs=10))
    run = caches.get_engine().submit(make_run_config(data, source, strategy, 0))
    result = caches.get_engine().wait(run).result
    if not result or result.images != test_images:
        raise SystemExit(f"The run did not test {test_images:,} images.")
    return run


def measure_opening(run: str, view: str) -> float:
    """Seconds that the page's script runs in a fresh session."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=600)
    app.switch_page("pages/results.py")
    app.query_params["run"], app.query_params["results_view"] = run, view
    with stopwatch() as seconds:
        app.run()
        duration = seconds()
    if app.exception or app.error:
        raise SystemExit(f"The view {view} cannot be opened.")
    return duration


def main() -> None:
    """Open every view of a run with few and one with many test images, in turn."""
    parser = build_parser(__doc__, "results_page")
    parser.add_argument("--images", type=int, nargs="+", default=[60, 2_000])
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)  # Streamlit's, of running without a browser
    with tempfile.TemporaryDirectory() as home:
        os.environ["TRANSFER_HOME"] = home
        from pages.shared import caches
        from pages.shared.session import belongings

        belongings.read_cookie = lambda workspaces: workspaces.read_own_secret()
        runs = {count: train_run(Path(home), count) for count in chosen.images}
        sides = {
            f"{view}, {count:,} test images": partial(measure_opening, run, view)
            for count, run in runs.items()
            for view in VIEWS
        }
        comparison = compare("Opening a view of a result", "s", sides, chosen.rounds)
        caches.get_engine().close()
    claims = [
        Claim(f"{side}: median seconds", comparison.median(side), at_most=1) for side in sides
    ]
    rows = summarise_sides(comparison, next(iter(sides)))
    write_report(
        "The Results page",
        rows,
        claims,
        [draw_comparison(comparison)],
        [describe_load(comparison)],
        chosen.page,
    )


if __name__ == "__main__":
    main()
