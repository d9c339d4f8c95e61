"""A Python that has torch, torchvision and what they need, and nothing else."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement


def collect_requirements(name: str, found: set[str]) -> set[str]:
    """A distribution and all that it requires here, by name."""
    if name not in found:
        found.add(name)
        for line in distribution(name).requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                collect_requirements(requirement.name, found)
    return found


def make_bare_python(packages: Path) -> Callable[..., str]:
    """A function that runs a script in such a Python and returns what it printed.

    Args:
        packages: An empty folder for links to what it may import.
    """
    tops = {
        (distribution(name).locate_file(top), top)
        for name in collect_requirements("torch", collect_requirements("torchvision", set()))
        for top in {Path(file).parts[0] for file in distribution(name).files}
    }
    for place, top in tops:
        if top not in {"..", "__pycache__"}:
            (packages / top).symlink_to(place)

    def run(script: Path, *arguments: object) -> str:
        start = (
            f"import runpy, sys; sys.path.insert(0, {str(packages)!r}); "
            f"sys.argv = {[str(script), *map(str, arguments)]!r}; "
            f"runpy.run_path({str(script)!r}, run_name='__main__')"
        )
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", start],
            capture_output=True,
            text=True,
            cwd=script.parent,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
