"""Readings as a network and images might give them, for tests."""

from transfer_core.transferability.evidence import StageEvidence, TransferabilityEvidence


def make_evidence(
    early=0.6, top=0.8, spread=0.02, distance=0.05, **others
) -> TransferabilityEvidence:
    stages = tuple(
        StageEvidence(name, name.title(), accuracy, accuracy - 0.05, accuracy + 0.05, 0.3, 0.1)
        for name, accuracy in (("conv1", early - 0.1), ("conv2", early), ("fc1", top))
    )
    values = {
        "images": 400,
        "num_near_duplicates": 0,
        "classes": 4,
        "min_images_per_class": 100,
        "stages": stages,
        "early": 2,
        "gap": early - top,
        "gap_standard_deviation": spread,
        "distance": distance,
        "leep": 0.2,
        "energy": 6.0,
        "pixels": 0.3,
        "best_cut": "conv2",
        "learning_curve": None,
        "flip_invariance": None,
    }
    return TransferabilityEvidence(**values | others)
