"""The command line: `python -m transfer_core COMMAND ...`, the core without a browser."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from transfer_core import commands, training_commands
from transfer_core.errors import DownloadError, TransferError

EXPORTS = ("bundle", "weights", "onnx", "script", "script-with-images", "report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        Exit status: 0 done, 1 failed, 2 bad input.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except TransferError as error:
        print(f"{error.problem}\nFound: {error.found}\n{error.remedy}", file=sys.stderr)
        return 1 if isinstance(error, DownloadError) else 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads the output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m transfer_core", description=__doc__)
    add = parser.add_subparsers(metavar="COMMAND", required=True).add_parser

    def command(name: str, function, help: str, data: bool = False) -> argparse.ArgumentParser:
        added = add(name, help=help, description=help)
        added.set_defaults(command=function)
        if data:
            added.add_argument("data", metavar="DATA.zip", help="zip, folder or sample:NAME")
        if name not in {"export"}:
            added.add_argument("--json", action="store_true", help="print JSON")
        return added

    command("inspect", commands.inspect, "classes, images, splits and problems of a data set", True)
    decide = command("decide", commands.decide, "size, similarity, the case and its strategy", True)
    _network(decide)
    decide.add_argument("--similarity", choices=("auto", "similar", "different"), default="auto")
    decide.add_argument("--small-below", type=int, metavar="K", help="dividing line in images")
    train = command("train", training_commands.train, "train one case and test it", True)
    _network(train)
    train.add_argument("--case", choices=("auto", "1", "2", "3", "4"), default="auto")
    train.add_argument("--initialise", choices=("pretrained", "random"), help="case 4 only")
    train.add_argument("--epochs", type=int, help="at most; early stopping may end sooner")
    train.add_argument("--views", type=int, help="augmented views of each image; cases 1 and 2")
    train.add_argument("--compile", action="store_true", help="translate the network first; GPU")
    train.add_argument("--seed", type=int, default=0, help="of split, weights and order")
    compare = command("compare", training_commands.compare, "all cases side by side", True)
    _network(compare)
    compare.add_argument("--epochs", type=int, help="at most; early stopping may end sooner")
    compare.add_argument("--seeds", type=int, default=1, metavar="K", help="repeat with K seeds")
    predict = command("predict", commands.predict, "classes of images by a trained network")
    predict.add_argument("run", metavar="RUN", help="id of a finished run")
    predict.add_argument("images", metavar="IMAGE", nargs="+", type=Path)
    export = command("export", commands.export, "take a trained network away")
    export.add_argument("run", metavar="RUN", help="id of a finished run")
    export.add_argument("--format", choices=EXPORTS, required=True)
    export.add_argument("--to", metavar="DIR", type=Path, required=True)
    load = command("load", commands.load, "take a bundle in again, as a finished run")
    load.add_argument("bundle", metavar="BUNDLE.zip", type=Path)
    networks = command("networks", commands.networks, "the source networks")
    networks.add_argument("--add", metavar="FILE.safetensors", type=Path, help="your own weights")
    networks.add_argument("--of", default="demonstration", metavar="N", help="what they belong to")
    samples = command("samples", commands.samples, "the built-in sample data sets")
    samples.add_argument("name", metavar="NAME", nargs="?")
    samples.add_argument("--to", metavar="FILE.zip", type=Path)
    command("runs", commands.runs, "every run, newest first")
    return parser


def _network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--network", default="demonstration", metavar="N", help="source network")


if __name__ == "__main__":
    sys.exit(main())
