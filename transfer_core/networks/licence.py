"""What the licence of a network's weights allows, in a word."""

from typing import Literal

from transfer_core.languages import N_
from transfer_core.networks.source_network import SourceNetwork

CommercialUse = Literal["yes", "no", "see its licence", "your own"]
WORDS = (N_("yes"), N_("no"), N_("see its licence"), N_("your own"))  # translated where shown


def describe_commercial_use(source: SourceNetwork) -> CommercialUse:
    """Return whether the weights, and what is trained from them, may be used commercially.

    "see its licence" where the publisher's words leave it open; the card has them.
    """
    if source.origin == "own":
        return "your own"
    allowed = source.card.get("commercial_use")
    return "see its licence" if allowed is None else "yes" if allowed else "no"
