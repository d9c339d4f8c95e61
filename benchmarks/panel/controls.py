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
    estimates = {name: [] for name in CONTROLS}
    for key, row in read_rows(results / "signals.jsonl").items():
        if row["pool"] in CONTROLS and key[0] == source.weights_hash:
            evidence = read_evidence(row["evidence"])
            estimates[row["pool"]].append(estimate_from_evidence(evidence, source, calibration))
    noise = estimates["noise"]
    references = dict(noise[0].reference_distances) if noise else {}
    right = {
        "source photos": [
            log_distance(e.evidence.distance) < log_distance(references["grey source photos"])
            and e.top.probability >= 0.5
            for e in estimates["source photos"]
        ],
        "shuffled labels": [
            e.top.answer == "can't tell" and bool(e.warnings) for e in estimates["shuffled labels"]
        ],
        "noise": [
            e.evidence.distance > references["blurred source photos"]
            and e.top.answer == "can't tell"
            for e in estimates["noise"]
        ],
    }
    criteria = {
        "source photos": "7. held-out source photos are near and lean to similar, at least 95 %",
        "shuffled labels": "7. shuffled labels: no answer and a warning, at least 95 %",
        "noise": "7. noise images are far and get no answer, all",
    }
    return [(criteria[name], "", f"{sum(each)} of {len(each)}") for name, each in right.items()]
