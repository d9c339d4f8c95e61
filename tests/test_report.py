"""The report: one file, every figure in it, nothing of it read as markup."""

import re
from html.parser import HTMLParser

import pytest

from transfer_core.export import export_run
from transfer_core.export.bundle import import_bundle
from transfer_core.runs.store.store import RunStore


class Page(HTMLParser):
    """Collects the elements of a page and the text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text, self._open = "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self._open):
            self.text += data


@pytest.fixture(scope="module")
def report(made, tmp_path_factory):
    home, run, _ = made
    (file,) = export_run(home, run, "report", tmp_path_factory.mktemp("report"))
    return file.read_text(encoding="utf-8"), RunStore(home).get(run)


def test_a_report_tells_all_of_a_run(report):
    text, record = report
    page = Page(text)
    titles = ["Data", "Decision", "Settings", "Training", "Epochs", "Result", "Each class"]
    titles += ["What moved, and what stayed frozen", "History", "Origin and versions"]
    assert all(title in page.text for title in titles)
    assert record.result.sentence in page.text
    assert "non-commercial research" in page.text and "this one" in page.text


def test_every_figure_has_its_words_and_the_library_is_in_the_file_once(report):
    text, _ = report
    figures = [dict(a) for tag, a in Page(text).tags if a.get("role") == "img"]
    assert len(figures) == 7 and all(len(figure["aria-label"]) > 30 for figure in figures)
    assert text.count("Plotly.newPlot(") == 7
    assert len(re.findall(r"plotly\.js v\d", text)) == 1


def test_a_report_asks_for_nothing_from_elsewhere(report):
    for _, attributes in Page(report[0]).tags:
        assert not {"src", "href", "srcset", "action"} & attributes.keys()


def test_names_are_never_markup_in_a_report(report):
    text, _ = report
    page = Page(text)
    assert "b" not in [tag for tag, _ in page.tags]  # the run and a class are called "... <b>"
    assert "colours <b>" in page.text and "blue <b>" in page.text


def test_a_report_of_an_imported_run_says_what_is_not_here(made, transfer_home, tmp_path):
    taken = import_bundle(transfer_home, made[2])
    (file,) = export_run(transfer_home, taken.id, "report", tmp_path)
    told = Page(file.read_text(encoding="utf-8")).text
    assert "The images are not on this computer" in told and "no training log" in told
    assert taken.result.sentence in told
