"""Languages: numbers and plurals, complete catalogues, and no text on a page left untranslated."""

import gettext
import json
import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import plotly.graph_objects as go
import pytest
from test_every_widget import (  # noqa: F401
    STATES,
    few_networks,
    iter_elements,
    made,
    open_state,
    own_engine,
    prepared,
    quick_layer_transfer,
)

from pages.parts.learn import library
from pages.parts.learn.chapter import Experiment
from pages.shared import glossary
from tools.languages import list_problems
from transfer_core.figures import plot_confusion_matrix
from transfer_core.figures.theme import apply_layout
from transfer_core.languages import LANGUAGES, SOURCE_LANGUAGE, _, catalogue, ngettext
from transfer_core.runs import translate_record_text

ROOT = Path(__file__).resolve().parents[1]
OTHERS = sorted({*LANGUAGES} - {SOURCE_LANGUAGE})
CASES = [(page, state) for page in STATES for state in range(len(STATES[page]))]
SHOWN_FIELDS = {
    "label",
    "body",
    "help",
    "placeholder",
    "text",
    "tooltip",
    "alt",
    "options",
    "title",
}
JSON_FIELDS = {"spec", "json", "mixed", "json_data"}
EXPLANATIONS = ("evidence.md", "options.md")  # whole files, with a copy for each language
LESSONS = ROOT / "pages" / "lessons"
NAMES = re.compile(  # what is no text: fields of figures, addresses, icons, names, units
    r"%?\{[^{}]*\}|https?://\S+|rgba?\([^()]*\)|(top|middle|bottom) (left|center|right)|y domain|"
    r":material/\w+:|[\w./-]+\.(py|zip|png|jpg|bmp)\b|&\w+;|<[^>]+>|"
    r"\b(ImageNet|EfficientNet|MobileNet|ResNet|ViT|Transfer Lab|torch\w*|timm|ONNX|min|"
    r"English|Deutsch|small|convnext nano|SqueezeNet 1.1|Demonstration network|kept|"
    r"plankton \d+|Mystery set \w\\?: [\w ]+|given|other|ant|bee|cat|run \d|cut away|"
    r"[ACDEFGHJKMNPQRTVWXY3479]{6})\b"  # code of a class
)


@pytest.fixture
def language(monkeypatch):
    """Chooses the language that texts are read in."""

    def choose(name: str) -> None:
        monkeypatch.setattr(catalogue, "_find_language", lambda: name)

    return choose


class MarkedTranslations(gettext.NullTranslations):
    """Every translated text between brackets, so that others are seen."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, one: str, many: str, n: float) -> str:
        return f"⟦{one if n == 1 else many}⟧"


@pytest.fixture
def marked(language, monkeypatch):
    """A made-up language in which every text that is translated stands in ⟦ ⟧."""
    monkeypatch.setattr(catalogue, "read_catalogue", lambda name: MarkedTranslations())
    terms = {key: mark(term) for key, term in glossary.load_glossary().items()}
    monkeypatch.setattr(glossary, "load_glossary", lambda: terms)
    for name in ("read_chapter", "read_worksheet"):
        read = getattr(library, name)
        monkeypatch.setattr(library, name, lambda *given, read=read: mark(read(*given)))


def mark(value):
    """Put the texts of the lesson's dataclasses between brackets, their keys not."""
    if isinstance(value, tuple):
        return tuple(mark(each) for each in value)
    if isinstance(value, str) and value:
        return f"⟦{value}⟧"
    if not is_dataclass(value) or isinstance(value, Experiment):
        return value
    names = {field.name for field in fields(value)} - {"id", "drawing", "names"}
    names -= {"name"} if not isinstance(value, glossary.Term) else set()
    return replace(value, **{name: mark(getattr(value, name)) for name in names})


def test_numbers_are_written_as_the_language_does(language):
    assert _("{a:,} of {b:.2f}", a=1234, b=0.5) == "1,234 of 0.50"
    language("de")
    assert _("{a:,} of {b:.2f}, {c}", a=1234, b=0.5, c="1.5") == "1.234 of 0,50, 1.5"
    assert _("{share:.1%}", share=0.933) == "93,3\xa0%"
    assert _("{braces} stay without values") == "{braces} stay without values"
    assert ngettext("{n:,} made-up", "{n:,} made-ups", 1) == "1 made-up"
    assert ngettext("{n:,} made-up", "{n:,} made-ups", 1234) == "1.234 made-ups"
    assert _("") == ""  # gettext's header stands under the empty text


def test_charts_write_numbers_as_the_language_does(language):
    axis = {"xaxis": {"tickformat": ".0%"}}
    english = apply_layout(go.Figure(layout=axis), "title").layout
    assert english.separators == ".," and english.xaxis.labelalias is None
    language("de")
    german = apply_layout(go.Figure(layout=axis), "title").layout
    assert german.separators == ",." and german.xaxis.labelalias["50%"] == "50\xa0%"
    cells = plot_confusion_matrix([[3, 1], [0, 4]], ["a", "b"]).data[0]
    assert cells.text[0][1] == "1<br>25\xa0%" and cells.colorbar.labelalias["50%"] == "50\xa0%"


def test_a_translation_comes_from_the_files_of_its_language(language, tmp_path, monkeypatch):
    folder = tmp_path / "de"
    folder.mkdir()
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    one = (
        'msgid "{n} image"\nmsgid_plural "{n} images"\nmsgstr[0] "{n} Bild"\nmsgstr[1] "{n} Bilder"'
    )
    (folder / "a.po").write_text(header + 'msgid "Layer"\nmsgstr "Schicht"\n', "utf-8")
    (folder / "b.po").write_text(header + one, "utf-8")
    monkeypatch.setattr(catalogue, "CATALOGUES", tmp_path)
    catalogue.read_catalogue.cache_clear()
    language("de")
    try:
        assert _("Layer") == "Schicht"
        shown = [ngettext("{n} image", "{n} images", n) for n in (0, 1, 2)]
        assert shown == ["0 Bilder", "1 Bild", "2 Bilder"]
        language(SOURCE_LANGUAGE)
        assert _("Layer") == "Layer"
    finally:
        catalogue.read_catalogue.cache_clear()


def test_a_stored_sentence_is_read_in_the_language_of_its_reader(language):
    stored = [
        "Resume it: it continues after epoch 3.",
        "Decoding images (only 1,200 fit into the cache, the others are decoded each time)",
        "Start it again with the same settings.",
        "No space left on device",
    ]
    assert [translate_record_text(each) for each in stored] == stored
    language("de")
    assert [translate_record_text(each) for each in stored] == [
        "Setze ihn fort: Er geht nach Epoche 3 weiter.",
        "Bilder werden gelesen (nur 1,200 passen in den Zwischenspeicher, die anderen werden jedes "
        "Mal gelesen)",
        "Starte ihn mit denselben Einstellungen noch einmal.",
        "No space left on device",
    ]


@pytest.mark.parametrize("name", OTHERS)
def test_every_text_is_translated_once_and_with_its_fields(name):
    assert list_problems(name) == []


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("file", EXPLANATIONS)
def test_an_explanation_has_the_same_paragraphs_in_every_language(name, file):
    own, source = ((place / file).read_text("utf-8") for place in (LESSONS / name, LESSONS))
    assert own.count("\n\n**") == source.count("\n\n**")


def read_strings(value) -> list[str]:
    """The strings of at least two words anywhere in what JSON gave."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in read_strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in read_strings(each)]
    return [value] if isinstance(value, str) and " " in value.strip() else []


def read_shown_texts(message) -> list[str]:
    """What a page's message to the browser shows as text, in any of its parts."""
    texts = []
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        if field.type == field.TYPE_MESSAGE and not field.message_type.GetOptions().map_entry:
            texts += [text for each in values for text in read_shown_texts(each)]
        elif field.name in JSON_FIELDS:  # of figures and components
            texts += read_strings(json.loads(value))
        elif field.name in SHOWN_FIELDS and field.type == field.TYPE_STRING:
            texts += values
    return texts


def find_untranslated(texts: list[str]) -> list[str]:
    """The texts with a word of at least three letters outside of ⟦ ⟧, names left out."""
    found, files = set(), {(LESSONS / name).read_text("utf-8").strip() for name in EXPLANATIONS}
    for text in texts:
        if text in files:
            continue
        rest, before = text, None
        while rest != before:  # brackets stand in brackets
            rest, before = re.sub(r"⟦[^⟦⟧]*⟧", "", rest), rest
        if not text.lstrip().startswith(("<style", '{"')) and re.search(
            "[A-Za-z]{3}", NAMES.sub("", rest)
        ):
            found.add(text)
    return sorted(found)


@pytest.mark.slow
@pytest.mark.parametrize(("page", "state"), CASES, ids=lambda each: str(each))
def test_no_text_of_a_page_is_left_untranslated(page, state, made, marked):
    asked_for, before = STATES[page][state]
    app = open_state(page, tuple(made.get(part, part) for part in asked_for), before)
    texts = [text for each in iter_elements(app._tree) for text in read_shown_texts(each.proto)]
    assert texts and find_untranslated(texts) == []
