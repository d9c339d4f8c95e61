"""Convert a script to a notebook: its sections become cells, with text in between."""

import ast
import re

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SECTION_PATTERN = re.compile(r"^# -{10,} (.+)\n((?:# .*\n)*)", re.MULTILINE)


def convert_to_notebook(script: str) -> str:
    """Return a script as a notebook, in JSON.

    Args:
        script: Source text. Its docstring becomes the first cell. A comment of dashes and a title
            begins a section; the comment right below it becomes the text of the section.
    """
    tree = ast.parse(script)
    lines = script.splitlines(keepends=True)
    opening = "".join(lines[tree.body[0].end_lineno :])
    first, *sections = SECTION_PATTERN.split(opening)
    cells = [new_markdown_cell(f"# {ast.get_docstring(tree)}"), _make_code_cell(first)]
    for title, text, code in zip(sections[::3], sections[1::3], sections[2::3], strict=True):
        prose = re.sub(r"^# ", "", text, flags=re.MULTILINE).strip()
        cells += [new_markdown_cell(f"## {title}\n\n{prose}".strip()), _make_code_cell(code)]
    for number, cell in enumerate(
        cells
    ):  # nbformat draws random ids: equal runs would give unequal files
        cell["id"] = f"cell-{number}"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.writes(new_notebook(cells=cells, metadata=kernel))


def _make_code_cell(text: str) -> nbformat.NotebookNode:
    return new_code_cell(text.strip())
