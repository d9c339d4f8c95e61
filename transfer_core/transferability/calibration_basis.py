"""What the estimates of a network rest on, in words: measured, carried over or a rule of thumb."""

from transfer_core.networks import SourceNetwork
from transfer_core.transferability.similarity_calibration import is_calibrated, load_calibration

UNCHECKED = {  # what forecasts rest on, by the kind of their basis
    "carried over": "Forecasts of training more than a new layer are carried over from {}.",
    "rule of thumb": "Forecasts of training more than a new layer are a rule of thumb.",
}


def describe_basis(source: SourceNetwork) -> str:
    """Say which of a network's estimates were checked by measurement."""
    calibration = load_calibration(source)
    if not is_calibrated(source, "similarity"):
        return "Estimates for it were not checked by measurement; training tells for certain."
    if is_calibrated(source, "forecasts"):
        return "Estimates for it were checked by measurement."
    basis = calibration.basis["forecasts"]
    return (
        f"Whether images are similar was checked by measurement, on {calibration.image_sets} "
        f"image sets. {UNCHECKED[basis.kind].format(basis.network)}"
    )
