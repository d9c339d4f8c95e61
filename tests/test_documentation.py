"""README and docs: links that lead somewhere, and lists that are complete."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from test_layering import ROOMS

from transfer_core.cli.main import main, parse_arguments

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"```.*?```", re.DOTALL)
MAX_PICTURE_BYTES = 600_000  # of all pictures together


def find_links(page: Path) -> list[str]:
    """Targets of a page's links and pictures that lie in this repository."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def list_anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page):
    for target in find_links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists() and file.is_relative_to(ROOT), target
        assert not anchor or anchor in list_anchors(file), target


def test_every_page_of_the_docs_is_linked_from_the_readme():
    linked = {target.partition("#")[0] for target in find_links(ROOT / "README.md")}
    assert {f"docs/{page.name}" for page in PAGES[1:]} <= linked


def test_the_readme_stays_short_and_its_pictures_small():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 100
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert sum(picture.stat().st_size for picture in pictures) < MAX_PICTURE_BYTES
    used = {Path(target).name for page in PAGES for target in find_links(page)}
    assert {picture.name for picture in pictures} <= used


def test_every_environment_variable_is_documented():
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.toml", "*.sh", ".ci/run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    used: set[str] = set()
    for name in listed.stdout.split():
        text = (ROOT / name).read_text(encoding="utf-8")
        used |= set(re.findall(r"\bTRANSFER_[A-Z_]+[A-Z]\b", text))
    documented = set(re.findall(r"`(TRANSFER_\w+)`", (ROOT / "docs/environment.md").read_text()))
    assert used == documented


def test_every_command_is_documented(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = re.findall(r"^    ([a-z-]+)(?= )", capsys.readouterr().out, flags=re.MULTILINE)
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert len(commands) > 10
    assert [name for name in commands if f"`transfer-lab {name}" not in text] == []


def list_shown_commands(page: Path) -> list[str]:
    """What follows `transfer-lab` in the blocks of a page, each as one line."""
    blocks = FENCE.findall(page.read_text(encoding="utf-8").replace("\\\n", ""))
    start = r"(?:^ *(?:\w+=\S+ +)*|/bin/|exec lab )"
    call = re.compile(rf"{start}transfer-lab( .*)?$", flags=re.MULTILINE)
    return [found for block in blocks for found in call.findall(block)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_shown_command_has_the_options_that_are_shown(page):
    for shown in list_shown_commands(page):
        parse_arguments(shlex.split(shown, comments=True))  # or it ends the program


def test_the_picture_of_the_rooms_shows_them_in_their_order():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (drawing,) = re.findall(r"<!-- rooms -->\n```mermaid\nflowchart LR\n(.*?)```", text, re.DOTALL)
    arrows = [re.split(r"\s*-->\s*", line.strip()) for line in drawing.splitlines()]
    steps = [arrows[0][0], *(room for line in arrows for room in line[1:])]
    assert steps == [room for room in ROOMS if room != "__main__"]
    described = re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)
    assert described == steps
