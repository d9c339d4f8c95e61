"""What the estimates of a network rest on, in words: measured, carried over or a rule of thumb."""

from transfer_core.languages import N_, _
from transfer_core.networks import SourceNetwork
from transfer_core.transferability.similarity_calibration import is_calibrated, load_calibration

UNCHECKED = {  # what forecasts rest on, by the kind of their basis
    "carried over": N_(
        "Forecasts of training more than a new layer are carried over from {network}."
    ),
    "rule of thumb": N_("Forecasts of training more than a new layer are a rule of thumb."),
}


def describe_basis(source: SourceNetwork) -> str:
    """Say which of a network's estimates were checked by measurement."""
    calibration = load_calibration(source)
    if not is_calibrated(source, "similarity"):
        return _("Estimates for it were not checked by measurement; training tells for certain.")
    if is_calibrated(source, "forecasts"):
        return _("Estimates for it were checked by measurement.")
    basis = calibration.basis["forecasts"]
    network = {} if basis.kind == "rule of thumb" else {"network": _(basis.network)}
    checked = _(
        "Whether images are similar was checked by measurement, on {sets} image sets.",
        sets=calibration.image_sets,
    )
    return f"{checked} {_(UNCHECKED[basis.kind], **network)}"
