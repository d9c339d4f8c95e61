"""The program that computes embeddings: torch, or ONNX Runtime on processors where it is faster."""

from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from transfer_core.languages import N_

RuntimeName = Literal["torch", "onnxruntime"]
CANNOT_RUN = "ONNX Runtime cannot run it"  # begins the reason for torch; its error follows
DIFFERS = N_("ONNX Runtime's features differ by {difference}, allowed is {allowed}")
TORCH_FASTER = N_(
    "{torch} images/s against {onnx} with ONNX Runtime; largest difference {difference}"
)
ONNX_FASTER = N_("{onnx} images/s against {torch} with torch; largest difference {difference}")
RUNTIME_REASONS = DIFFERS, TORCH_FASTER, ONNX_FASTER


@dataclass(frozen=True, slots=True)
class EmbeddingRuntime:
    """One of the two programs, and why it was chosen."""

    name: RuntimeName
    version: str
    reason: str  # for people

    @property
    def key(self) -> str:
        """The runtime's name in caches: embeddings of two runtimes differ in their last digits."""
        return f"{self.name}-{self.version}"


def make_runtime(name: RuntimeName, reason: str = "") -> EmbeddingRuntime:
    """Return the installed version of a runtime."""
    return EmbeddingRuntime(name, import_module(name).__version__, reason)
