"""Read a safetensors file with torch alone; exported scripts carry the text of this function."""

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
    """The tensors of a safetensors file by their names.

    Such a file is the length of its header in 8 bytes, the header as JSON (type, shape and
    place of each tensor), then the raw numbers. Nothing in it can run a program.
    """
    data = bytearray(path.read_bytes())
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    header.pop("__metadata__", None)
    weights = {}
    for name, about in header.items():
        first, last = about["data_offsets"]
        numbers = torch.frombuffer(data[begin + first : begin + last], dtype=DTYPES[about["dtype"]])
        # A copy in memory as torch lays it out, which the rounding of sums depends on.
        weights[name] = numbers.reshape(about["shape"]).clone()
    return weights
