"""Licences of timm's weights, in words: whether results may be used commercially."""

YES = "you may use the weights, and what you train from them, commercially too"
NO = (
    "for research and private use only: nothing trained from these weights may be used commercially"
)
READ = "special terms: read them before you use what you train from these weights"
LICENCES = {
    "apache-2.0": ("Apache-2.0", YES),
    "mit": ("MIT", YES),
    "bsd-3-clause": ("BSD 3-Clause", YES),
    "cc-by-4.0": ("CC BY 4.0", f"{YES}, if you name their makers"),
    "cc-by-nc-4.0": ("CC BY-NC 4.0", NO),
    "fair-noncommercial-research-license": ("FAIR non-commercial research licence", NO),
    "apple-amlr": ("Apple machine learning research licence", NO),
    "dinov3-license": ("DINOv3 licence", READ),
}
UNSTATED = {None, "", "unknown"}


def allows_commercial_use(licence: str | None) -> bool | None:
    """Return whether a licence allows commercial use; None if it has to be read.

    Args:
        licence: As in timm's configuration of the weights.
    """
    words = LICENCES.get(licence, ("", READ))[1]
    return None if words == READ else words.startswith(YES)


def describe_licence(licence: str | None) -> str:
    """Return the name of a licence, a colon, and whether commercial use is allowed.

    Args:
        licence: As in timm's configuration of the weights.
    """
    if licence in UNSTATED:
        return "not stated: ask the makers before you use what you train from these weights."
    name, words = LICENCES.get(licence, (licence, READ))
    return f"{name}: {words}."
