"""Parsers, JSON lines and progress of the commands."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Protocol

from transfer_core.networks import DEFAULT_NETWORK


class AddCommand(Protocol):
    """Adds a command to the parser; `data` gives it the argument DATA, `json` the option."""

    def __call__(
        self,
        name: str,
        function: Callable[[Namespace], int],
        help: str,
        *,
        data: bool = False,
        json: bool = True,
    ) -> ArgumentParser: ...


def add_network_option(parser: ArgumentParser) -> None:
    """Add `--network`."""
    text = (
        "source network; else the best one for photos on this computer, for a sample the "
        f"{DEFAULT_NETWORK} network"
    )
    parser.add_argument("--network", metavar="N", help=text)


def print_json(**values) -> None:
    """Print one JSON object on a line of its own."""
    print(json.dumps(values, ensure_ascii=False, allow_nan=False), flush=True)


def show_progress(what: str, done: int, total: int) -> None:
    """Show how far long work is, on stderr, if a person looks at it."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{what}: {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)
