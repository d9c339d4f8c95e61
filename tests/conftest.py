"""Fixtures that every test may use."""

import functools
import gc
import io
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from browsing import browser, open_page, server  # noqa: F401 - fixtures
from PIL import Image

from transfer_core.system import let_threads_sleep

let_threads_sleep()  # tests run beside each other
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_addoption(parser):
    parser.addoption(
        "--thorough",
        action="store_true",
        help="test what takes minutes more: all networks, whole runs of several ranks, more kills",
    )
    parser.addoption(
        "--slurm",
        action="store_true",
        help="test the executors on a SLURM of this computer too, with -n 0; needs root",
    )
    parser.addoption(
        "--ray",
        action="store_true",
        help="test the executors on a Ray of this computer too, with -n 0; needs ray[default]",
    )


def pytest_collection_modifyitems(config, items):
    """Leave out the tests marked `thorough`, `slurm` or `ray`, unless they are asked for.

    A browser test that fails is run once more: Chromium may be slow where others use the machine.
    The summary names what was run again. Browser tests come first, for they take long, and
    processes that share the tests end together if what is left over is quick.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
    for marker in ("thorough", "slurm", "ray"):
        left_out = [item for item in items if item.get_closest_marker(marker)]
        if left_out and not config.getoption(marker):
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish():
    """Keep what was imported out of the garbage collections of the tests, which it slows down."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def machine_folder(tmp_path_factory):
    """An empty folder for what is measured of this machine, also in processes of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("machine")
        patch.setenv("TRANSFER_MACHINE_FOLDER", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def runs_in_threads():
    """Let the app perform its runs in threads, which is quicker, unless the environment says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFER_EXECUTOR", os.environ.get("TRANSFER_EXECUTOR", "thread"))
        yield


@pytest.fixture(scope="session", autouse=True)
def packages_read_once():
    """Let Streamlit look for components among the installed packages once, not in every AppTest.

    It reads the metadata of all of them, which takes longer than most pages.
    """
    from streamlit.components.v2 import manifest_scanner

    with pytest.MonkeyPatch.context() as patch:
        found = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", found)
        yield


@pytest.fixture(autouse=True)
def this_computer(request, monkeypatch):
    """Let pages without a browser, and so without a cookie, be those of this computer's workspace.

    The ids of its data sets in addresses are then those in the store. Not in tests marked
    `real_workspaces`, nor in processes that a test starts.
    """
    if request.node.get_closest_marker("real_workspaces"):
        return
    from pages.shared.session import belongings
    from transfer_core.system import get_home
    from transfer_core.workspaces import adopt_strays, store

    def read_cookie(workspaces):
        adopt_strays(get_home())
        return workspaces.read_own_secret()

    monkeypatch.setattr(belongings, "read_cookie", read_cookie)
    monkeypatch.setattr(store, "make_public_id", lambda data_id: data_id)


@pytest.fixture
def shared_data() -> Path:
    """The folder of real image sets beside the checkout; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real image sets: {SHARED_DATA} does not exist")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def quick_network(request, monkeypatch):
    """Let every data set start with the demonstration network, which is quick.

    Not in tests marked `photo_network`, nor in processes that a test starts.
    """
    if not request.node.get_closest_marker("photo_network"):
        from transfer_core.networks import get_network, starting_network

        monkeypatch.setattr(
            starting_network, "choose_network_for_photos", lambda: get_network("demonstration")
        )


def invent_network_costs(source):
    """Costs of a forward pass as they might be measured: an image takes as long as it is large."""
    from transfer_core.timing.step_costs import NetworkCosts

    stages, image = source.stage_names[:-1], 1e-7 * source.input_size**2  # seconds
    return NetworkCosts(
        build=0.1,
        exact=image,
        embed=image,
        shares=dict.fromkeys(stages, 1 / len(stages)),
        checks=dict.fromkeys(stages, 1e-4),
        features=dict.fromkeys(stages, 512),
    )


@pytest.fixture(autouse=True)
def costs_not_measured(request, monkeypatch):
    """Let pages and commands tell times from invented costs, at once.

    Not in tests marked `measures`, which are about the measurement, nor in processes that a test
    starts.
    """
    if request.node.get_closest_marker("measures"):
        return
    from transfer_core.timing import cost_cache
    from transfer_core.timing.step_costs import TrainingCosts

    training = TrainingCosts(step=0.002, image=0.002, epoch=0.001, validation=0.001)
    monkeypatch.setattr(cost_cache, "measure_network_costs", invent_network_costs)
    monkeypatch.setattr(cost_cache, "measure_head_training", lambda *_: training)
    monkeypatch.setattr(cost_cache, "measure_whole_training", lambda *_: training)
    monkeypatch.setattr(cost_cache, "measure_decoding_cost", lambda *_: 1e-7)


@pytest.fixture
def transfer_home(tmp_path, monkeypatch) -> Path:
    """An empty data folder of the test's own."""
    monkeypatch.setenv("TRANSFER_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture(scope="session")
def train_once(tmp_path_factory) -> Callable[..., str]:
    """What brings a finished run into a home that has its data set alone; returns the run's id.

    Each is trained once for all tests of a process, and copied.
    """
    from transfer_core.runs.launch import start_engine

    trained = {}

    def bring(home: Path, config, name: str) -> str:
        key = repr(config), name
        if key not in trained:
            copy = tmp_path_factory.mktemp("trained") / "home"
            shutil.copytree(home, copy)
            with start_engine(copy) as engine:
                run = engine.submit(config, name=name)
                assert engine.wait(run, timeout=120).result
            trained[key] = copy, run
        copy, run = trained[key]
        shutil.copytree(copy, home, dirs_exist_ok=True)
        return run

    return bring


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A data folder with a finished run, the run's id, and its bundle; names look like markup."""
    from transfer_core import dataset
    from transfer_core.cases import TransferCase, plan_strategy
    from transfer_core.export import export_run
    from transfer_core.networks import get_network
    from transfer_core.runs.launch import make_run_config, start_engine

    folder = tmp_path_factory.mktemp("made")
    noise, home = np.random.default_rng(0), folder / "home"
    home.mkdir()
    with zipfile.ZipFile(folder / "colours.zip", "w") as archive:
        for label, name in enumerate(("blue <b>", "green", "red")):
            for number in range(10):
                pixels = noise.integers(0, 150, (64, 64, 3), dtype=np.uint8)
                pixels[..., 2 - label] += 60
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "PNG")
                archive.writestr(f"{name}/{number}.png", buffer.getvalue())
    data_set, source = (
        dataset.ingest(folder / "colours.zip", home=home),
        get_network("demonstration"),
    )
    strategy = plan_strategy(TransferCase.SMALL_SIMILAR, source.stage_names, kind=source.kind)
    with start_engine(home) as engine:
        run = engine.submit(make_run_config(data_set, source, strategy, 3), name="colours <b>")
        engine.wait(run, timeout=120)
    (bundle,) = export_run(home, run, "bundle", folder)
    return home, run, bundle
