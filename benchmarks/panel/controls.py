"""Control image sets, for which the right estimate is known beforehand."""

from pathlib import Path

from benchmarks.panel.outcomes import read_evidence, read_rows
from benchmarks.panel.pools import CONTROLS
from transfer_core.networks import SourceNetwork
from transfer_core.transferability import Calibration, estimate_from_evidence, log_distance


def measure_controls(
    results: Path, source: SourceNetwork, calibration: Calibration
) -> list[tuple[str, str, str]]:
    """Return the seventh criterion: near, no claim, far."""
    rows = [
        row
        for key, row in read_rows(results / "signals.jsonl").items()
        if key[0] == source.weights_hash
    ]
    estimates = {name: [] for name in CONTROLS}
    for row in rows:
        if row["pool"] in CONTROLS:
            evidence = read_evidence(row["evidence"])
            estimates[row["pool"]].append(estimate_from_evidence(evidence, source, calibration))
    near, far = _find_limits(source, rows)
    right = {
        "source photos": [
            log_distance(e.evidence.distance) < near and e.top.probability >= 0.5
            for e in estimates["source photos"]
        ],
        "shuffled labels": [
            e.top.answer == "can't tell" and bool(e.warnings) for e in estimates["shuffled labels"]
        ],
        "noise": [
            log_distance(e.evidence.distance) > far and e.top.answer == "can't tell"
            for e in estimates["noise"]
        ],
    }
    criteria = {
        "source photos": "7. held-out source photos are near and lean to similar, at least 95 %",
        "shuffled labels": "7. shuffled labels: no answer and a warning, at least 95 %",
        "noise": "7. noise images are far and get no answer, all",
    }
    return [(criteria[name], "", f"{sum(each)} of {len(each)}") for name, each in right.items()]


def _find_limits(source: SourceNetwork, rows: list[dict]) -> tuple[float, float]:
    """Return the logarithms of the distances of grey and of blurred photos.

    They are on the network's card, or else those of the panel's own pools.
    """
    known = {each["name"]: each["distance"] for each in source.card.get("reference_distances", ())}
    limits = []
    for kind in ("grey", "blurred"):
        pool = [r["evidence"]["distance"] for r in rows if r["pool"] == f"{kind} photos"]
        limits.append(log_distance(known.get(f"{kind} source photos") or min(pool)))
    return limits[0], limits[1]
