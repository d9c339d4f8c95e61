"""A script as a notebook: its sections become cells, their comments the text between them."""

import ast
import re

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SECTION_PATTERN = re.compile(r"^# -{10,} (.+)\n((?:# .*\n)*)", re.MULTILINE)


def convert_to_notebook(script: str) -> str:
    """The notebook of a script, as JSON.

    Args:
        script: Its source. The docstring becomes the first cell; a comment of dashes and a
            title begins a section, and the comment right below it is the section's text.
    """
    tree = ast.parse(script)
    lines = script.splitlines(keepends=True)
    opening = "".join(lines[tree.body[0].end_lineno :])
    first, *sections = SECTION_PATTERN.split(opening)
    cells = [new_markdown_cell(f"# {ast.get_docstring(tree)}"), _make_code_cell(first)]
    for title, text, code in zip(sections[::3], sections[1::3], sections[2::3], strict=True):
        prose = re.sub(r"^# ", "", text, flags=re.MULTILINE).strip()
        cells += [new_markdown_cell(f"## {title}\n\n{prose}".strip()), _make_code_cell(code)]
    for number, cell in enumerate(cells):  # else random, and equal runs gave unequal files
        cell["id"] = f"cell-{number}"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.writes(new_notebook(cells=cells, metadata=kernel))


def _make_code_cell(text: str) -> nbformat.NotebookNode:
    return new_code_cell(text.strip())
