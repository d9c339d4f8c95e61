"""Find what a language's catalogue lacks: `python -m tools.languages check|missing [FOLDER ...]`.

`check` lists every problem and fails if there is one. `missing` prints entries to fill in.
"""

import argparse
import io
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from babel.messages import Catalog
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po, write_po

from transfer_core.languages import LANGUAGES, SOURCE_LANGUAGE

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "transfer_core" / "languages"
SOURCES = ["app.py", "pages", "transfer_core"]
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2)}

MessageId = str | tuple[str, str]


@dataclass(frozen=True)
class Entry:
    """One translated text of a catalogue file."""

    file: str
    message: Message


def extract_texts(sources: list[str]) -> dict[MessageId, str]:
    """The texts marked in files and folders of the project, and where each stands first."""
    found: dict[MessageId, str] = {}
    for source in sources:
        path = ROOT / source
        if path.is_file():
            rows = [(source, *row) for row in extract_from_file("python", path, KEYWORDS)]
        else:
            rows = [
                (f"{source}/{name}", *row)
                for name, *row in extract_from_dir(path, [("**.py", "python")], keywords=KEYWORDS)
            ]
        for name, line, text, *_rest in rows:
            # "_" and "N_" can be called with more than the text.
            key = tuple(text[:2]) if isinstance(text, tuple) else text
            found.setdefault(key, f"{name}:{line}")
    return found


def read_entries(language: str) -> dict[MessageId, list[Entry]]:
    """All entries of a language's files, by their source text."""
    entries = defaultdict(list)
    for path in sorted((FOLDER / language).glob("*.po")):
        for message in read_po(io.BytesIO(path.read_bytes()), locale=language):
            if message.id:
                entries[message.id].append(Entry(f"{language}/{path.name}", message))
    return entries


def list_problems(language: str) -> list[str]:
    """What is wrong with a language's catalogue, a sentence each; nothing if it is complete."""
    texts, entries, problems = extract_texts(SOURCES), read_entries(language), []
    for key, place in texts.items():
        if not any(all(_list_translations(each.message)) for each in entries.get(key, [])):
            problems.append(f"{place}: no translation of {key!r}")
    for key, rows in entries.items():
        if key not in texts:
            problems.append(f"{rows[0].file}: no source has {key!r}")
        if len(rows) > 1:
            files = ", ".join(row.file for row in rows)
            problems.append(f"{files}: more than one entry for {key!r}")
        for row in rows:
            wanted = _list_fields(*_as_tuple(key))
            for text in filter(None, _list_translations(row.message)):
                if not _list_fields(text) <= wanted or (
                    isinstance(key, str) and _list_fields(text) != wanted
                ):
                    problems.append(f"{row.file}: other fields than its source in {text!r}")
    return problems


def print_missing(language: str, sources: list[str]) -> None:
    """Print the entries that no file of the language has yet."""
    entries, missing = read_entries(language), Catalog(locale=language)
    for key, place in extract_texts(sources).items():
        if key not in entries:
            name, line = place.rsplit(":", 1)
            missing.add(key, locations=[(name, int(line))])
    write_po(sys.stdout.buffer, missing, omit_header=True, width=100)


def _as_tuple(key: MessageId) -> tuple[str, ...]:
    return key if isinstance(key, tuple) else (key,)


def _list_translations(message: Message) -> tuple[str, ...]:
    return _as_tuple(message.string)


def _list_fields(*texts: str) -> set[str]:
    """Names of the fields in texts; braces of texts that are never formatted do not count."""
    fields = set()
    for text in texts:
        try:
            fields |= {name for _text, name, *_rest in Formatter().parse(text) if name}
        except ValueError:
            continue
    return fields


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["check", "missing"])
    parser.add_argument("sources", nargs="*", default=SOURCES, help="for missing; the whole app")
    parser.add_argument(
        "--language", choices=sorted({*LANGUAGES} - {SOURCE_LANGUAGE}), default="de"
    )
    given = parser.parse_args()
    if given.command == "missing":
        print_missing(given.language, given.sources)
        return 0
    problems = list_problems(given.language)
    print("\n".join([*problems, f"{len(problems)} problems"]))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
