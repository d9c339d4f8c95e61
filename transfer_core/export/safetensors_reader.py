"""Read a safetensors file with torch alone. Exported scripts carry the text of this module."""

import json
from pathlib import Path

import torch

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file by name.

    The file holds the length of its header (8 bytes, little endian), the header as JSON (type,
    shape and offsets of each tensor), then the raw numbers. Nothing in it is executed.
    """
    data = bytearray(path.read_bytes())
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    header.pop("__metadata__", None)
    weights = {}
    for name, about in header.items():
        first, last = about["data_offsets"]
        numbers = torch.frombuffer(data[begin + first : begin + last], dtype=DTYPES[about["dtype"]])
        # Copy into memory that torch aligned: sums are rounded according to the alignment.
        weights[name] = numbers.reshape(about["shape"]).clone()
    return weights
