"""Transfer Lab for notebooks and scripts: `from transfer_core import load_dataset, train`.

Every function works on the data folder that the app uses (`TRANSFER_HOME`), so a run trained
here appears in the app, and the other way round. Long work shows its progress on stderr.
"""

import sys
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from transfer_core import dataset, export, networks
from transfer_core.cases import DEFAULT_LINE, Similarity, Strategy, TransferCase
from transfer_core.dataset import DataSet
from transfer_core.dataset import samples as sample_sets
from transfer_core.errors import SettingsError
from transfer_core.export import bundle
from transfer_core.inspection import Prediction, classify_files, follow_runs
from transfer_core.networks import (
    DEFAULT_NETWORK,
    SourceNetwork,
    choose_starting_network,
    download_weights,
    find_strategy,
)
from transfer_core.runs import RunRecord, RunStore, launch_run, run_to_end, start_engine
from transfer_core.system import get_home
from transfer_core.training import EpochEnded, Event
from transfer_core.transferability import (
    DEFAULT_MINUTES,
    Option,
    Options,
    SimilarityEstimate,
    TextbookAnswer,
    apply_textbook_rule,
    choose_strategy,
    compare_voices,
    estimate_similarity,
    get_textbook_key,
    list_options,
)
from transfer_core.workspaces import hold_for_this_computer

PROGRESS_INTERVAL = 0.2  # seconds between two updates of the line of progress


class _ProgressLine:
    """Writes "what: done of total" over the last line of stderr."""

    shown = 0.0  # seconds of the monotonic clock

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - self.shown >= PROGRESS_INTERVAL:
            self.shown = now
            end = "\n" if done >= total else ""
            print(f"\r{what}: {done:,} of {total:,} ", end=end, file=sys.stderr, flush=True)


_show_progress = _ProgressLine()


@dataclass(frozen=True, slots=True)
class Decision:
    """Both voices: the textbook's case and the measured options, with what lies behind them."""

    textbook: TextbookAnswer
    options: Options
    estimate: SimilarityEstimate

    @property
    def case(self) -> TransferCase:
        """The textbook's case."""
        return self.textbook.case

    @property
    def option(self) -> Option:
        """The option that `train` trains: the recommended one, else the textbook's case."""
        key = get_textbook_key(self.case, self.estimate.evidence)
        return self.options.recommended or self.options.find(key)

    def __str__(self) -> str:
        size, similarity = self.textbook.size, self.textbook.similarity
        key = get_textbook_key(self.case, self.estimate.evidence)
        lines = [
            f"Textbook: {self.case.title} ({size.images:,} images, {similarity})",
            f"Measured: {self.options.reason} {compare_voices(self.options, key)}",
            *self.estimate.reasons,
            *self.estimate.warnings,
        ]
        return "\n".join(lines)


def load_dataset(path: str | Path, *, seed: int = 0) -> DataSet:
    """Read images, one folder per class, and split them into three parts.

    Args:
        path: A zip, a folder, shards, or "sample:NAME" for a built-in sample, as "sample:digits".
        seed: Draws the split, if the images come without one.

    Raises:
        ArchiveError: If the zip cannot be read safely.
        DataSetError: If the images do not make a data set.
    """
    source = sample_sets.resolve_path(str(path), get_home())
    read = dataset.ingest(source, home=get_home(), seed=seed, progress=_show_progress)
    return hold_for_this_computer(get_home(), read)


def list_networks() -> tuple[SourceNetwork, ...]:
    """Return all source networks."""
    return networks.list_networks()


def get_network(name: str = DEFAULT_NETWORK) -> SourceNetwork:
    """Return a source network; print the licence of missing weights, and download them.

    Raises:
        NetworkError: If no network has this name.
        DownloadError: If the weights cannot be downloaded.
    """
    network = networks.get_network(name)
    if not networks.has_weights(network):
        print(f"The weights of {network.title}: {network.card['licence']}", file=sys.stderr)
    download_weights(network, progress=_show_progress)
    return networks.get_network(name)  # with the hash of what came


def decide(
    data_set: DataSet,
    network: SourceNetwork | str | None = None,
    *,
    similarity: Similarity | None = None,
    small_below: int = DEFAULT_LINE,
    minutes: float = DEFAULT_MINUTES,
) -> Decision:
    """Answer both questions by the textbook, and tell what is really best on these images.

    Args:
        data_set: The images.
        network: The source network, or its name. None takes the best one for photos on this
            computer, and for a built-in sample the demonstration network.
        similarity: Your answer to the second question; None takes the estimate.
        small_below: The textbook's dividing line in images.
        minutes: That a run may take; the recommended option fits into them.
    """
    source = _fetch(data_set, network)
    estimate = estimate_similarity(data_set, source, get_home(), progress=_show_progress)
    textbook = apply_textbook_rule(data_set, estimate, answer=similarity, line=small_below)
    options = list_options(
        data_set, source, estimate, get_home(), minutes=minutes, progress=_show_progress
    )
    return Decision(textbook, follow_runs(options, list_runs(), data_set.id, source), estimate)


def train(
    data_set: DataSet,
    network: SourceNetwork | str | None = None,
    case: TransferCase | int | None = None,
    *,
    option: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
) -> RunRecord:
    """Transfer a network to the images, and test it once on images that it has not seen.

    Args:
        data_set: The images.
        network: The source network, or its name. None takes the best one for photos on this
            computer, and for a built-in sample the demonstration network.
        case: 1 to 4; None takes the recommended option.
        option: In place of a case a key of `cases.list_strategies`, such as "all-stages".
        epochs: Passes over the training images, at most; None takes the case's own number.
        seed: Draws the weights of the head and the order of the images.

    Returns:
        The finished run; `result` holds its test accuracy and more.

    Raises:
        SettingsError: If the network has no such option; it names those that it has.
        RunError: If the run fails.
    """
    source = _fetch(data_set, network)
    chosen = _find_option(source, option, case)
    if chosen is None and case is None:
        strategy = decide(data_set, source).option.strategy
    else:
        estimate = estimate_similarity(data_set, source, get_home(), progress=_show_progress)
        strategy = (
            chosen.with_mirror(estimate.evidence.is_flip_invariant)
            if chosen
            else choose_strategy(TransferCase(case), source, estimate)
        )
    if epochs is not None:
        strategy = strategy.with_epochs(epochs)
    return _run_to_end(data_set, source, strategy, seed)


def compare(
    data_set: DataSet,
    network: SourceNetwork | str | None = None,
    *,
    epochs: int | None = None,
    seed: int = 0,
) -> dict[TransferCase, RunRecord]:
    """Train all four cases, case 4 from random weights; see `train`."""
    source, done = _fetch(data_set, network), {}
    estimate = estimate_similarity(data_set, source, get_home(), progress=_show_progress)
    for case in TransferCase:
        strategy = choose_strategy(case, source, estimate)
        if epochs is not None:
            strategy = strategy.with_epochs(epochs)
        done[case] = _run_to_end(data_set, source, strategy, seed)
    return done


def predict(run: RunRecord | str, images: Iterable[str | Path]) -> list[Prediction]:
    """Classify image files with a trained network, and mark those unlike its training images.

    Args:
        run: A run with a result, or its id.
        images: The files.

    Raises:
        RunError: If the run has no trained network.
        ImageError: If a file cannot be read as an image.
    """
    paths = [Path(image) for image in images]
    answers = classify_files(get_home(), _get_id(run), paths, _show_progress)
    return [prediction for _, prediction in answers]


def export_run(run: RunRecord | str, format: str = "bundle", to: str | Path = ".") -> list[Path]:
    """Write a trained network to files that others read; returns their paths.

    Args:
        run: A run with a result, or its id.
        format: "bundle", "weights", "onnx", "script", "script-with-images", "report" or
            "page".
        to: The folder to write to.

    Raises:
        RunError: If the run has no trained network, or a file would not agree with it.
    """
    return [*export.export_run(get_home(), _get_id(run), format, Path(to), _show_progress)]


def import_bundle(path: str | Path) -> RunRecord:
    """Load a bundle that `export_run` wrote, as a finished run.

    Raises:
        BundleError: If the file is no bundle of Transfer Lab.
    """
    return bundle.import_bundle(get_home(), Path(path))


def list_runs() -> list[RunRecord]:
    """Return every run in the data folder, newest first."""
    with closing(RunStore(get_home())) as store:
        return [*store.list()]


def _fetch(data_set: DataSet, network: SourceNetwork | str | None) -> SourceNetwork:
    network = network or choose_starting_network(get_home(), data_set.id)
    return get_network(network if isinstance(network, str) else network.name)


def _find_option(
    source: SourceNetwork, option: str | None, case: TransferCase | int | None
) -> Strategy | None:
    if option is None:
        return None
    if case is not None:
        raise SettingsError(
            "A run trains a case or an option, not both.",
            found=f"case {int(case)} and option {option}",
            remedy="Leave one of them out.",
        )
    return find_strategy(source, option)


def _get_id(run: RunRecord | str) -> str:
    return run if isinstance(run, str) else run.id


def _run_to_end(
    data_set: DataSet, source: SourceNetwork, strategy: Strategy, seed: int
) -> RunRecord:
    def show_epoch(event: Event) -> None:
        if isinstance(event, EpochEnded):
            what = f"{strategy.title}, epoch"
            _show_progress(what, event.epoch, strategy.optimiser.epochs)

    with start_engine(get_home(), resume=False) as engine:
        run = launch_run(
            engine, data_set, source, strategy, seed, name=data_set.name, owner="notebook"
        )
        return run_to_end(engine, run, show_epoch)
