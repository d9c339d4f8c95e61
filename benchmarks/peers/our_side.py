"""This package, end to end: python -m benchmarks.peers.our_side DATA.zip NETWORK EPOCHS

Everything is imported before the clock starts. Then case 1 is trained, as from the command line.
"""

import contextlib
import importlib
import io
import json
import pkgutil
import sys
import time

import onnxruntime  # noqa: F401
import torch  # noqa: F401

import transfer_core


def import_everything() -> None:
    """Import every module of the package; those that need an optional library are left out."""
    for module in pkgutil.walk_packages(transfer_core.__path__, "transfer_core."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):
                importlib.import_module(module.name)


def run(data: str, network: str, epochs: str) -> None:
    """Train, test once, and print what came of it."""
    main = importlib.import_module("transfer_core.cli.main").main
    began, printed = time.perf_counter(), io.StringIO()
    options = ["--network", network, "--case", "1", "--epochs", epochs, "--json"]
    with contextlib.redirect_stdout(printed):
        status = main(["train", data, *options])
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(status)
    result = json.loads(printed.getvalue().splitlines()[-1])
    print(json.dumps({"seconds": seconds, "test_accuracy": result["test_accuracy"]}))


if __name__ == "__main__":
    import_everything()
    run(*sys.argv[1:])
