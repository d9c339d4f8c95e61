"""Texts in the language of whoever reads them, by gettext's names and files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["catalogue", "stored"],
    submod_attrs={
        "catalogue": [
            "LANGUAGES",
            "N_",
            "SOURCE_LANGUAGE",
            "_",
            "find_language_with",
            "find_number_marks",
            "get_language",
            "ngettext",
        ],
        "stored": ["translate_stored"],
    },
)
