"""What the estimates of a network rest on, in words: measured or carried over."""

from transfer_core.networks import SourceNetwork
from transfer_core.transferability.similarity_calibration import is_calibrated, load_calibration


def describe_basis(source: SourceNetwork) -> str:
    """Say which of a network's estimates were checked by measurement."""
    if not is_calibrated(source, "top"):
        return "Estimates for it were not checked by measurement; training tells for certain."
    sets = load_calibration(source).image_sets
    return f"Whether images are similar was checked by measurement, on {sets} image sets."
