"""The command line of Transfer Lab; without a command it starts the app."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from transfer_core.cli import (
    backup_command,
    data_commands,
    network_commands,
    run_commands,
    training_commands,
)
from transfer_core.cli.serve import serve
from transfer_core.errors import DownloadError, TransferError
from transfer_core.networks import DEFAULT_NETWORK
from transfer_core.system import let_threads_sleep, translate_disk_errors


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        Exit status: 0 done, 1 failed, 2 bad input, 130 ended by Ctrl-C or SIGTERM.
    """
    let_threads_sleep()
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    with suppress(ValueError):  # only the main thread hears signals
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        with translate_disk_errors():
            return options.command(options)
    except TransferError as error:
        print(f"{error.problem}\nFound: {error.found}\n{error.remedy}", file=sys.stderr)
        if not isinstance(error, DownloadError):
            return 2
        print(f"Take it by --network {DEFAULT_NETWORK}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interruption:
        print(str(interruption) or "Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads the output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command and its options; without a command it is `serve`.

    Raises:
        SystemExit: If there is no such command or option, or help was asked for.
    """
    if all(each.startswith("-") and each not in ("-h", "--help") for each in arguments[:1]):
        arguments = ["serve", *arguments]  # so that `transfer-lab --share` works
    return _build_parser().parse_args(arguments)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("transfer-lab", description=__doc__)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name, function, help, *, data=False, json=True) -> argparse.ArgumentParser:
        command = subparsers.add_parser(name, help=help, description=help)
        command.set_defaults(command=function)
        if data:
            command.add_argument(
                "data", metavar="DATA.zip", help="zip, folder, shards or sample:NAME"
            )
        if json:
            command.add_argument("--json", action="store_true", help="print JSON")
        return command

    app = add("serve", serve, "start the app in the browser; also without a command", json=False)
    app.add_argument("--share", action="store_true", help="for the computers of the network too")
    app.add_argument("--no-browser", action="store_true", help="do not open it in a browser")
    app.add_argument("--https", action="store_true", help="by a certificate that is made here")
    app.add_argument("--address", help="to listen on one address of this computer only")
    app.add_argument("--port", type=int, metavar="P", help="else the first free one from 8501")
    for commands in (
        data_commands,
        training_commands,
        run_commands,
        network_commands,
        backup_command,
    ):
        commands.add_commands(add)
    return parser
