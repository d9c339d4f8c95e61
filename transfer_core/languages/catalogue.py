"""Look texts up in a language's catalogue, and write numbers as that language does.

The texts in the source are English and are the keys. A language is a folder beside this file; all
of its `.po` files together are one catalogue. A text that it lacks stays English.
"""

import gettext
import io
from collections.abc import Callable
from functools import cache
from numbers import Real
from pathlib import Path
from string import Formatter

SOURCE_LANGUAGE = "en"
LANGUAGES = {"en": "English", "de": "Deutsch"}  # by code of ISO 639; each in its own words
CATALOGUES = Path(__file__).parent


def _find_source_language() -> str:
    return SOURCE_LANGUAGE


_find_language: Callable[[], str] = _find_source_language


def find_language_with(find: Callable[[], str]) -> None:
    """Let `find` say, at every text, in which language it is read.

    A front end asks its session. Where nobody reads, as in a background thread, the answer is
    the source language.

    Args:
        find: Gives a key of `LANGUAGES`.
    """
    global _find_language
    _find_language = find


def get_language() -> str:
    """The key in `LANGUAGES` of the language that whoever asks now reads."""
    return _find_language()


def _(text: str, /, **values: object) -> str:
    """A text in the reader's language.

    Args:
        text: As in the source, with named fields such as `{images:,}`; a literal, so that tools
            find it.
        values: What stands in the fields. Without any, the text is not formatted.
    """
    language = get_language()
    translated = read_catalogue(language).gettext(text) if text else text
    return _NumberFormatter(language).vformat(translated, (), values) if values else translated


def ngettext(singular: str, plural: str, n: float, /, **values: object) -> str:
    """A text in the reader's language and in the form for `n`, which is the field `{n}` in it.

    Args:
        singular: The text for one.
        plural: The text for any other number.
        n: How many.
        values: What stands in the other fields.
    """
    language = get_language()
    translated = read_catalogue(language).ngettext(singular, plural, n)
    return _NumberFormatter(language).vformat(translated, (), values | {"n": n})


def N_(text: str) -> str:  # noqa: N802 - gettext's name
    """Mark a constant as a text to translate, with `_`, where it is shown."""
    return text


@cache
def read_catalogue(language: str) -> gettext.NullTranslations:
    """The translations of a language; those of the source language change nothing.

    Args:
        language: A key of `LANGUAGES`.
    """
    if language == SOURCE_LANGUAGE:
        return gettext.NullTranslations()
    from babel.messages import Catalog  # takes a tenth of a second, for other languages only
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    whole, compiled = Catalog(locale=language), io.BytesIO()
    for path in sorted((CATALOGUES / language).glob("*.po")):
        for message in read_po(io.BytesIO(path.read_bytes()), locale=language):
            if message.id:
                whole[message.id] = message
    write_mo(compiled, whole)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class _NumberFormatter(Formatter):
    """Formats as `str.format`, with the language's own marks in numbers."""

    def __init__(self, language: str) -> None:
        self.marks = str.maketrans(dict(zip(".,%", find_number_marks(language), strict=True)))

    def format_field(self, value: object, spec: str) -> str:
        text = super().format_field(value, spec)
        return text.translate(self.marks) if isinstance(value, Real) else text


@cache
def find_number_marks(language: str) -> tuple[str, str, str]:
    """The decimal mark, the mark between thousands, and the percent sign with its space.

    Args:
        language: A key of `LANGUAGES`.
    """
    if language == SOURCE_LANGUAGE:
        return ".", ",", "%"
    from babel import Locale
    from babel.numbers import get_decimal_symbol, get_group_symbol

    percent = Locale(language).percent_formats[None].pattern.lstrip("#,0")
    return get_decimal_symbol(language), get_group_symbol(language), percent
