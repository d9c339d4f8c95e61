"""Write the example that goes with an exported network: a script that uses it, and a README."""

from pathlib import Path
from typing import Literal

from transfer_core.export.onnx_prediction import predict_onnx
from transfer_core.export.source_text import fill_template, format_literal, get_source
from transfer_core.features import ONNX_BATCH_SIZE, open_onnx_session
from transfer_core.inspection import TrainedNetwork
from transfer_core.networks import list_kept_stages

TEMPLATE_FOLDER = Path(__file__).parent
README_TEMPLATE = """\
# A trained network from Transfer Lab

| file | what |
|---|---|
| {file} | {what} |
| classes.txt | the names of the classes, in the order of the network's outputs |
| card.json | data, case, strategy, settings, result, versions, licence of the source weights |
| predict.py | classifies images: `python predict.py IMAGE...`; needs {needs} |

{sentence}

What goes into the network: {resize} {values}
{again}
"""
README_TEXTS = {
    "torch": {
        "file": "network.safetensors",
        "what": "the weights, by the names that predict.py gives its layers",
        "needs": "torch and torchvision",
        "values": "Red, green and blue are divided by 255; then the mean is subtracted and the "
        "result divided by the standard deviation that card.json gives.",
        "again": "\nTransfer Lab takes the whole bundle in again: on its page Take away, or with "
        "`python -m transfer_core load BUNDLE.zip`.\n",
    },
    "onnx": {
        "file": "network.onnx",
        "what": "the network: red, green and blue from 0 to 255, (B, 3, H, W), to probabilities",
        "needs": "onnxruntime and pillow",
        "values": "The network itself normalises the values, so they go in as they are, from 0 to "
        "255.",
        "again": "\ncard.json says under `onnx_check` how the answers compare with the original "
        "network's on the test images.\n",
    },
}


def write_prediction_script(
    to: Path, trained: TrainedNetwork, kind: Literal["torch", "onnx"]
) -> tuple[Path, Path]:
    """Write `predict.py` and `README.md`.

    Args:
        to: An existing folder.
        trained: The network that lies in the same folder.
        kind: The form of the network: "torch" for safetensors weights, "onnx" for an ONNX file.
    """
    source, strategy, parts = trained.source, trained.record.config.strategy, {}
    settings = {
        "CLASSES": list(trained.classes),
        "INPUT_SIZE": source.input_size,
        "RESIZE": source.resize,
        "INTERPOLATION": source.interpolation,
    }
    if kind == "torch":
        settings |= {
            "KEPT": list(list_kept_stages(source, strategy)),
            "ALL_STAGES": strategy.approach == "all stages",
            "MEAN": list(source.mean),
            "STD": list(source.std),
        }
    else:
        settings["ONNX_BATCH_SIZE"] = ONNX_BATCH_SIZE
        parts["session"] = get_source(open_onnx_session, predict_onnx)
    lines = "\n".join(f"{name} = {format_literal(value)}" for name, value in settings.items())
    template = (TEMPLATE_FOLDER / f"predict_{kind}_template.py.txt").read_text(encoding="utf-8")
    script, page = to / "predict.py", to / "README.md"
    script.write_text(fill_template(template, source, settings=lines, **parts), encoding="utf-8")
    texts = README_TEXTS[kind]
    if source.library == "timm" and kind == "torch":
        texts = texts | {"needs": f"{texts['needs']}, and timm {source.card['timm_version']}"}
    text = README_TEMPLATE.format(
        **texts,
        sentence=trained.record.result.sentence,
        resize=trained.transform.describe(),
    )
    page.write_text(text, encoding="utf-8")
    return script, page
