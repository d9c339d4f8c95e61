"""The command line of Transfer Lab; without a command it starts the app."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from transfer_core.cli import commands, training_commands
from transfer_core.cli.serve import LOCAL_HOSTS, serve
from transfer_core.errors import DownloadError, TransferError
from transfer_core.networks import DEFAULT_NETWORK

EXPORT_FORMATS = ("bundle", "weights", "onnx", "script", "script-with-images", "report")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        Exit status: 0 done, 1 failed, 2 bad input.
    """
    given = sys.argv[1:] if arguments is None else arguments
    options = _build_parser().parse_args(given or ["serve"])
    try:
        return options.command(options)
    except TransferError as error:
        print(f"{error.problem}\nFound: {error.found}\n{error.remedy}", file=sys.stderr)
        if not isinstance(error, DownloadError):
            return 2
        print(f"Take it by --network {DEFAULT_NETWORK}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads the output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("transfer-lab", description=__doc__)
    add = parser.add_subparsers(metavar="COMMAND", required=True).add_parser

    def add_command(name: str, function, help: str, data: bool = False) -> argparse.ArgumentParser:
        added = add(name, help=help, description=help)
        added.set_defaults(command=function)
        if data:
            added.add_argument("data", metavar="DATA.zip", help="zip, folder or sample:NAME")
        if name not in {"export", "serve"}:
            added.add_argument("--json", action="store_true", help="print JSON")
        return added

    app = add_command("serve", serve, "start the app in the browser; also without a command")
    app.add_argument("--address", default=LOCAL_HOSTS[0], help="0.0.0.0: for other computers too")
    app.add_argument("--port", type=int, metavar="P", help="else the first free one from 8501")
    add_command(
        "inspect", commands.inspect, "classes, images, splits and problems of a data set", True
    )
    decide = add_command(
        "decide", commands.decide, "size, similarity, the case and its strategy", True
    )
    _add_network_option(decide)
    decide.add_argument("--similarity", choices=("auto", "similar", "different"), default="auto")
    decide.add_argument("--small-below", type=int, metavar="K", help="dividing line in images")
    decide.add_argument("--minutes", action="store_true", help="how long each case would take")
    train = add_command("train", training_commands.train, "train one case and test it", True)
    _add_network_option(train, default=None)
    train.add_argument("--case", choices=("auto", "1", "2", "3", "4"), default="auto")
    train.add_argument("--initialise", choices=("pretrained", "random"), help="case 4 only")
    train.add_argument("--epochs", type=int, help="at most; early stopping may end sooner")
    train.add_argument("--views", type=int, help="augmented views of each image; cases 1 and 2")
    train.add_argument("--compile", action="store_true", help="translate the network first; GPU")
    size = train.add_mutually_exclusive_group()
    size.add_argument("--input-size", type=int, metavar="P", help="pixels; fewer are less work")
    size.add_argument(
        "--minutes",
        type=float,
        metavar="N",
        help="finish within N: picks network (unless one is named), input size and epochs",
    )
    train.add_argument("--seed", type=int, default=0, help="of split, weights and order")
    compare = add_command("compare", training_commands.compare, "all cases side by side", True)
    _add_network_option(compare)
    compare.add_argument("--epochs", type=int, help="at most; early stopping may end sooner")
    compare.add_argument("--seeds", type=int, default=1, metavar="K", help="repeat with K seeds")
    predict = add_command("predict", commands.predict, "classes of images by a trained network")
    predict.add_argument("run", metavar="RUN", help="id of a finished run")
    predict.add_argument("images", metavar="IMAGE", nargs="+", type=Path)
    export = add_command("export", commands.export, "take a trained network away")
    export.add_argument("run", metavar="RUN", help="id of a finished run")
    export.add_argument("--format", choices=EXPORT_FORMATS, required=True)
    export.add_argument("--to", metavar="DIR", type=Path, required=True)
    load = add_command("load", commands.load, "take a bundle in again, as a finished run")
    load.add_argument("bundle", metavar="BUNDLE.zip", type=Path)
    networks = add_command("networks", commands.print_networks, "the source networks")
    networks.add_argument("--add", metavar="FILE.safetensors", type=Path, help="your own weights")
    networks.add_argument("--of", default="demonstration", metavar="N", help="what they belong to")
    samples = add_command("samples", commands.print_samples, "the built-in sample data sets")
    samples.add_argument("name", metavar="NAME", nargs="?")
    samples.add_argument("--to", metavar="FILE.zip", type=Path)
    runs = add_command("runs", commands.print_runs, "every run, newest first")
    change = runs.add_mutually_exclusive_group()
    change.add_argument("--delete", metavar="RUN", help="can be undone for a day")
    change.add_argument("--undelete", metavar="RUN", help="undo a deletion")
    compared = add_command(
        "compare-runs", commands.compare_runs, "is one run better than another, image by image?"
    )
    compared.add_argument("first", metavar="RUN")
    compared.add_argument("second", metavar="RUN")
    return parser


def _add_network_option(
    parser: argparse.ArgumentParser, default: str | None = DEFAULT_NETWORK
) -> None:
    parser.add_argument("--network", default=default, metavar="N", help="source network")
