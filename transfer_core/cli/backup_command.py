"""The command that backs up the data folder."""

import sys
from argparse import ArgumentTypeError, Namespace
from dataclasses import asdict
from pathlib import Path

from transfer_core.cli.console import AddCommand, print_json
from transfer_core.system import get_home


def add_commands(add: AddCommand) -> None:
    """Add this command to the parser."""
    command = add("backup", backup, "copy the data folder, also while the app uses it")
    command.add_argument("folder", metavar="FOLDER", type=Path, help="of all backups")
    command.add_argument(
        "--keep", type=_parse_count, metavar="N", help="remove all but the N newest backups"
    )


def backup(options: Namespace) -> int:
    """Make a backup; return 1 if something in it is damaged."""
    from transfer_core.export import back_up

    made = back_up(get_home(), options.folder, options.keep)
    if options.json:
        print_json(**asdict(made) | {"folder": str(made.folder)})
    else:
        megabytes = made.copied_bytes / 1e6
        print(made.folder)
        print(f"databases and {made.files:,} files, {made.copied:,} copied ({megabytes:,.1f} MB)")
    for each in made.damaged:
        print(
            f"{each} is damaged in the data folder. An older backup may be whole", file=sys.stderr
        )
    return 1 if made.damaged else 0


def _parse_count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("a whole number, at least 1")
    return int(text)
