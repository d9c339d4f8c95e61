"""Readings as a network and images might give them, for tests."""

from transfer_core.transferability.evidence import Readings, StageEvidence


def readings(early=0.6, top=0.8, spread=0.02, distance=0.05, **others) -> Readings:
    stages = tuple(
        StageEvidence(name, name.title(), accuracy, accuracy - 0.05, accuracy + 0.05, 0.3, 0.1)
        for name, accuracy in (("conv1", early - 0.1), ("conv2", early), ("fc1", top))
    )
    values = {
        "images": 400, "copies": 0, "classes": 4, "fewest": 100, "stages": stages, "early": 2,
        "gap": early - top, "gap_spread": spread, "distance": distance, "share": 0.2, "energy": 6.0,
        "pixels": 0.3, "best_cut": "conv2", "curve": None,
        "mirroring": None,
    }  # fmt: skip
    return Readings(**values | others)
