"""What the estimates of a network rest on, in words: measured, carried over or a rule of thumb."""

from transfer_core.cases import Size
from transfer_core.networks import SourceNetwork
from transfer_core.transferability.similarity_calibration import (
    Calibration,
    is_calibrated,
    load_calibration,
)


def describe_basis(source: SourceNetwork) -> str:
    """Say which of a network's estimates were checked by measurement."""
    calibration = load_calibration(source)
    if not is_calibrated(source, "top"):
        return "Estimates for it were not checked by measurement; training tells for certain."
    if is_calibrated(source, "everything"):
        return "Estimates for it were checked by measurement."
    return (
        f"Checked by measurement, on {calibration.image_sets} image sets: whether a small data set "
        f"is similar. Not checked: whether a large one is ({_describe_start(calibration)}), and "
        "where large begins (a rule of thumb). Training tells for certain."
    )


def describe_verdict_basis(source: SourceNetwork, size: Size) -> str:
    """Say that the percentage for this size was not checked, if other percentages were."""
    if size == "small" or is_calibrated(source, "start") or not is_calibrated(source, "top"):
        return ""
    return (
        "For a large data set this percentage was not checked with this network: it is "
        f"{_describe_start(load_calibration(source))}."
    )


def describe_line_basis(source: SourceNetwork, line: int) -> str:
    """Say where the estimated dividing line between small and large comes from."""
    if is_calibrated(source, "everything"):
        return (
            f"For images like yours, training everything began to win at about {line:,} images: "
            "that is the default, measured with this network on "
            f"{load_calibration(source).image_sets} image sets. Textbooks draw the line for large "
            "networks, at 2,000 to 1,000,000 images."
        )
    return (
        f"For networks pre-trained on ImageNet {line:,} images is a rule of thumb; it was not "
        "measured with this one."
    )


def _describe_start(calibration: Calibration) -> str:
    return f"carried over from {calibration.basis['start'].network}"
