"""Export a run as a Python script that repeats it with plain torch, and reads as a lesson."""

import csv
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import save_file

from transfer_core import cases, dataset
from transfer_core.export.notebook import convert_to_notebook
from transfer_core.export.setting_lines import render_settings
from transfer_core.export.source_text import (
    fill_template,
    get_module_source,
    get_source,
)
from transfer_core.features import augmentation, augmented_views, standardisation
from transfer_core.inspection import TrainedNetwork
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork, list_kept_stages, load_pretrained, train_mode
from transfer_core.system import Progress
from transfer_core.training import (
    RunConfig,
    class_weights,
    data_loaders,
    early_stopping,
    interpolation,
    optimiser,
    train,
)

TEMPLATE = Path(__file__).parent / "script_template.py.txt"
SCRIPT_USAGE = """\
    python train.py DATA

DATA is the zip of images, or the folder that it was unpacked to. Without it, images.zip beside
this file is read. images.csv and source.safetensors lie beside it too."""
SCRIPT_PATHS = """\
HERE = Path(__file__).parent
DATA = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "images.zip\""""
NOTEBOOK_USAGE = """\
images.csv and source.safetensors lie beside this notebook; DATA below is the zip of images, or the
folder that it was unpacked to."""
NOTEBOOK_PATHS = """\
HERE = Path()
DATA = HERE / "images.zip"  # write the name of your zip or folder of images here"""


def write_script(
    to: Path, home: Path, trained: TrainedNetwork, _progress: Progress
) -> tuple[Path, ...]:
    """Write the run as `train.py` and `train.ipynb`, with all that they need but the photos.

    The script holds the very source text of this package's functions, so it
    cannot drift from what the run did.
    """
    data_set = dataset.load(home, trained.record.config.data_id)
    script, lesson = to / "train.py", to / "train.ipynb"
    run = trained.record.config, trained.source, trained.classes
    script.write_text(render_script(*run), encoding="utf-8")
    lesson_text = convert_to_notebook(render_script(*run, NOTEBOOK_USAGE, NOTEBOOK_PATHS))
    lesson.write_text(lesson_text, encoding="utf-8")
    images, weights = to / "images.csv", to / "source.safetensors"
    with images.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "split"))
        rows.writerows((r.path, r.label, r.split) for r in data_set.records)
    if trained.record.config.strategy.initialise == "random":
        return script, lesson, images
    state = load_pretrained(trained.source).state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, weights)
    return script, lesson, images, weights


def write_script_with_images(
    to: Path, home: Path, trained: TrainedNetwork, progress: Progress
) -> tuple[Path, ...]:
    """Write the files of `write_script` with the images beside them in a zip, ready to run."""
    data_set = dataset.load(home, trained.record.config.data_id)
    files, images = write_script(to, home, trained, progress), to / "images.zip"
    with zipfile.ZipFile(images, "w") as archive:
        for number, (record, data) in enumerate(dataset.iter_clean_images(home, data_set)):
            progress(_("Adding the images"), number, len(data_set.records))
            archive.writestr(record.path, data)
    return *files, images


def collect_settings(
    config: RunConfig, source: SourceNetwork, classes: Sequence[str]
) -> dict[str, object]:
    """Return plain values of everything that steers the script, by their names there."""
    strategy = config.strategy
    return {
        "CASE": strategy.case.value,
        "CLASSES": list(classes),
        "KEPT": list(list_kept_stages(source, strategy)),
        "FROZEN": list(strategy.frozen),
        "ALL_STAGES": strategy.approach == "all stages",
        "PRECISION": config.precision,
        "DEVICE": config.device,
        "CHANNELS_LAST": config.channels_last,
        "COMPILED": config.compiled,
        "INITIALISE": strategy.initialise,
        "SEED": config.seed,
        "CLASS_WEIGHTS": strategy.class_weights,
        "OPTIMISER": asdict(strategy.optimiser),
        "HEAD_SETTINGS": asdict(cases.HEAD_SETTINGS),
        "WARM_UP_FRACTION": optimiser.WARM_UP_FRACTION,
        "MOMENTUM": optimiser.MOMENTUM,
        "MAX_STATISTICS_IMAGES": train.MAX_STATISTICS_IMAGES,
        "MIN_WEIGHTED_IMBALANCE": cases.MIN_WEIGHTED_IMBALANCE,
        "MIN_LOSS_RISE": early_stopping.MIN_LOSS_RISE,
        "SOURCE_CLASSES": len(source.card["classes"]),
        "INPUT_SIZE": source.input_size,
        "RESIZE": source.resize,
        "INTERPOLATION": source.interpolation,
        "MEAN": list(source.mean),
        "STD": list(source.std),
    }


def render_script(
    config: RunConfig,
    source: SourceNetwork,
    classes: Sequence[str],
    usage: str = SCRIPT_USAGE,
    paths: str = SCRIPT_PATHS,
) -> str:
    """Return the source of a run's script.

    Args:
        config: The configuration of the run.
        source: The network.
        classes: Names of the classes.
        usage: How to use the script, for its docstring.
        paths: Source text that defines HERE and DATA.
    """
    values = collect_settings(config, source, classes)
    lines = [render_settings(values)]
    if threads := config.versions.get("threads"):  # sums of floats depend on it
        lines.append(f"torch.set_num_threads({int(threads)})")
    return fill_template(
        TEMPLATE.read_text(encoding="utf-8"),
        source,
        usage=usage,
        place=paths,
        settings="\n".join(lines),
        augmentation=get_module_source(augmentation),
        views=get_source(augmented_views.AugmentedView),
        rates=get_source(
            cases.compute_stage_learning_rates,
            optimiser.build_parameter_groups,
            optimiser.build_optimiser,
            optimiser.build_one_cycle_schedule,
        ),
        class_weights=get_source(class_weights.compute_class_weights),
        early_stopping=get_source(early_stopping.EarlyStopping),
        batches=get_source(data_loaders.shuffle_into_batches, data_loaders.count_batches),
        standardisation=get_module_source(standardisation),
        fold=get_source(train.fold_standardisation),
        interpolation=get_source(interpolation.copy_weights, interpolation.load_interpolated),
        batch_norm=get_source(
            train_mode.find_batch_norms,
            train_mode.refresh_statistics,
            train.choose_statistics_batches,
        ),
    )
