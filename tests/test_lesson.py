"""The lesson: its files, their errors, the page, predictions against real runs, worksheets."""

import re
from pathlib import Path

import pytest
from reading_level import compute_grade, count_syllables
from streamlit.testing.v1 import AppTest
from test_pages import build_page, own_engine  # noqa: F401

from pages.parts.learn.chapter import DRAWINGS, Rules, adopt_ids
from pages.parts.learn.chapter_file import read_chapter
from pages.parts.learn.facts import list_facts
from pages.parts.learn.library import LESSONS, list_rules, load_chapters, load_worksheets
from pages.parts.learn.outcomes import Outcome, describe_outcome, describe_pair
from pages.parts.learn.progress import Progress
from pages.parts.learn.worksheet import read_worksheet, render_key, render_worksheet
from pages.shared import caches
from pages.shared.glossary import GLOSSARY, load_glossary, read_glossary, render_text
from transfer_core.errors import LessonError
from transfer_core.languages import LANGUAGES, SOURCE_LANGUAGE, catalogue
from transfer_core.networks import get_network
from transfer_core.runs import RunState
from transfer_core.runs.engine.queue import RunQueue
from transfer_core.transferability import load_calibration

RULES = Rules(("plankton",), ("1", "2-conv2"), {"line": "2,000"}, {"stage"})
GOOD = """# A chapter

## A part

Show: network

Below {line} a [[stage]] is frozen.

### Check: Which one?

- [ ] This
  No, because.
- [x] That
  Yes, because.
"""
MAX_GRADE = 9
MAX_WORDS = 80  # of a part and its check; lines of fewer than 8 words are no prose


def read(tmp_path: Path, text: str):
    (tmp_path / "chapter.md").write_text(text, encoding="utf-8")
    return read_chapter(tmp_path / "chapter.md", RULES)


def test_a_chapter_is_read_with_its_checks_and_its_measured_numbers(tmp_path):
    [part] = read(tmp_path, GOOD).parts
    assert (part.title, part.drawing) == ("A part", "network")
    assert part.text == "Below 2,000 a [[stage]] is frozen."
    [check] = part.checks
    assert check.question == "Which one?"
    assert [(a.text, a.is_right, a.explanation) for a in check.answers] == [
        ("This", False, "No, because."),
        ("That", True, "Yes, because."),
    ]


def test_an_experiment_names_a_sample_options_and_epochs(tmp_path):
    text = GOOD.replace("Show: network", "Experiment: plankton: 1, 2-conv2 (3 epochs)")
    [part] = read(tmp_path, text + "\n### Afterwards\n\nSo it is.\n").parts
    assert part.experiment.sample == "plankton"
    assert (part.experiment.options, part.experiment.epochs) == (("1", "2-conv2"), 3)
    assert part.afterwards == "So it is."


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("# A chapter", "A chapter", 1, "no title"),
        ("## A part", "Text", 3, "before the first part"),
        ("## A part\n", "", 1, "before the first part|no part"),
        ("Show: network", "Show: nothing", 5, "no drawing “nothing”"),
        ("Show: network", "", 3, "one drawing or one experiment"),
        ("Show: network", "Experiment: plankton", 5, "cannot be read"),
        ("Show: network", "Experiment: cats: 1", 5, "no sample “cats”"),
        ("Show: network", "Experiment: plankton: 9", 5, "no option “9”"),
        ("Show: network", "Experiment: plankton: 1", 5, "no text for afterwards"),
        ("{line}", "{height}", 7, "no measured number “height”"),
        ("[[stage]]", "[[stages|floor]]", 7, "no “floor”"),
        ("Below {line} a [[stage]] is frozen.", "", 3, "no text"),
        ("### Check: Which one?", "### Question", 9, "no meaning"),
        ("- [x] That", "- [ ] That", 9, "one of them right"),
        ("  No, because.\n", "", 11, "no explanation"),
        ("- [ ] This\n", "", 11, "before the first answer"),
    ],
)
def test_a_mistake_in_a_chapter_is_named_with_file_line_and_remedy(
    tmp_path, old, new, line, problem
):
    with pytest.raises(LessonError, match=problem) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert re.match(rf"chapter\.md, line {line}\b|chapter\.md, line [34]\b", caught.value.found)
    assert caught.value.remedy


def test_the_lesson_teaches_what_it_should():
    chapters = load_chapters()
    shown = {part.drawing for chapter in chapters for part in chapter.parts}
    assert shown >= set(DRAWINGS)
    texts = " ".join(part.text for chapter in chapters for part in chapter.parts)
    assert "Yosinski" in texts and "Esteva" in texts
    assert sum(part.experiment is not None for chapter in chapters for part in chapter.parts) >= 4
    assert all(part.checks for chapter in chapters for part in chapter.parts)


@pytest.mark.parametrize("chapter", load_chapters(), ids=lambda each: each.name)
def test_the_text_of_a_part_fits_on_the_first_screen(chapter):
    for part in chapter.parts:
        asked = [
            text
            for check in part.checks
            for text in (check.question, *(answer.text for answer in check.answers))
        ]
        prose = [part.text, *(text for text in asked if len(text.split()) >= 8)]
        assert len(" ".join(prose).split()) <= MAX_WORDS, part.title


def test_measured_numbers_are_those_of_the_calibration_files():
    facts, calibration = list_facts(), load_calibration(get_network("demonstration"))
    assert facts["crossover"] == f"{calibration.crossover:.0f}"
    wins = [m for m in calibration.measured if m.tuned > max(m.top, m.cut)]
    assert facts["small_wins"] == str(len([m for m in wins if m.images < 2_000]))
    best = max(calibration.measured, key=lambda m: m.tuned - max(m.top, m.cut))
    assert (facts["win_set"], facts["win_tuned"]) == (best.name, f"{100 * best.tuned:.0f}")


def test_no_chapter_writes_down_a_number_that_is_measured():
    facts = list_facts()
    raw = " ".join(path.read_text(encoding="utf-8") for path in (LESSONS / "chapters").glob("*"))
    for name in ("small_line", "large_line", "source_images"):
        assert facts[name] not in raw, name


# ------------------------------------------------------------------ Reading level


@pytest.mark.parametrize(
    ("word", "syllables"),
    [("cat", 1), ("network", 2), ("picture", 2), ("trained", 1), ("table", 2), ("different", 3)],
)
def test_syllables_are_counted_as_a_dictionary_does(word, syllables):
    assert count_syllables(word) == syllables


def test_the_grade_of_a_sentence_is_that_of_the_formula_done_by_hand():
    text = "The Australian platypus is seemingly a hybrid of a mammal and reptilian creature."
    # 13 words; by a dictionary 24 syllables, of which vowel runs miss the second of "reptilian"
    assert compute_grade(text) == pytest.approx(0.39 * 13 + 11.8 * 24 / 13 - 15.59, abs=1)


def list_texts() -> dict[str, str]:
    """All that students read, by where it is; a "Yes." or "No." alone is no sentence."""
    texts = {}
    for chapter in load_chapters():
        for part in chapter.parts:
            texts[f"{chapter.name}: {part.title}"] = f"{part.text}\n\n{part.afterwards}"
            for check in part.checks:
                texts[f"{chapter.name}: {check.question}"] = "\n\n".join(
                    [check.question, *(a.explanation for a in check.answers)]
                )
    for sheet in load_worksheets():
        texts[sheet.name] = f"{sheet.worksheet}\n\n{sheet.exit_ticket}"
    texts["glossary"] = "\n\n".join({term.meaning for term in load_glossary().values()})
    return {
        name: re.sub(r"\[\[([^\]|]+)[^\]]*\]\]|\b(?:Yes|No)\.", r"\1", text)
        for name, text in texts.items()
    }


def test_what_students_read_is_written_for_grade_nine_or_lower():
    grades = {name: compute_grade(text) for name, text in list_texts().items()}
    assert {name: round(g, 1) for name, g in grades.items() if g > MAX_GRADE} == {}


# ------------------------------------------------------------------ Glossary


def test_a_marked_word_is_a_button_that_opens_its_meaning():
    page = render_text("A [[layers|stage]] & a <b>.", load_glossary(), "key")
    target = re.search(r'<button type="button" class="word" popovertarget="([^"]+)">layers<', page)
    assert f'<div popover id="{target[1]}" class="word-card"><strong>layer</strong>' in page


def test_a_term_without_a_meaning_or_used_twice_is_named(tmp_path):
    file = tmp_path / "glossary.md"
    for text, line in (
        ("# G\n\n## a\n\n## b\n\nIs b.\n", 3),
        ("# G\n\n## a\n\nx\n\n## a\n\ny\n", 7),
    ):
        file.write_text(text)
        with pytest.raises(LessonError) as caught:
            read_glossary(file)
        assert caught.value.found.startswith(f"glossary.md, line {line}:")


def test_every_term_is_explained_without_brackets_left_over():
    assert len(read_glossary(LESSONS / GLOSSARY)) > 20
    assert not [t.name for t in load_glossary().values() if "[[" in t.meaning]


# ------------------------------------------------------------------ Worksheets


def test_three_lessons_are_made_into_pages_to_print():
    sheets = load_worksheets()
    assert len(sheets) == 3
    for sheet in sheets:
        page, key = render_worksheet(sheet), render_key(sheet)
        assert "Exit ticket" in page and 'class="write"' in page
        assert "Exit ticket</h2>" not in key and "common mistake" in key
        assert "common mistake" not in page  # the key stays with the teacher
        assert not re.search(r"https?://|<script", page + key)  # it prints without a network


def test_a_plan_that_does_not_fill_the_lesson_is_refused(tmp_path):
    sheet = (LESSONS / "worksheets" / "lesson_1.md").read_text(encoding="utf-8")
    (tmp_path / "sheet.md").write_text(sheet.replace("| 5 | Entry", "| 6 | Entry"))
    with pytest.raises(LessonError, match="46 minutes, not 45"):
        read_worksheet(tmp_path / "sheet.md")


# ------------------------------------------------------------------ The page


def press(app: AppTest, key: str) -> AppTest:
    return app.button(key=key).click().run()


def test_the_lesson_begins_with_the_first_part_and_goes_on(transfer_home):
    app = build_page("learn").run()
    assert not app.exception
    assert app.subheader[0].value == load_chapters()[0].parts[0].title
    press(app, "learn_next")
    assert app.subheader[0].value == load_chapters()[0].parts[1].title
    assert app.query_params["part"] == "1.2"


@pytest.mark.parametrize("part", ["2.2", "3.2", "3.3", "5.1"])
def test_an_address_opens_a_part(part, transfer_home):
    app = build_page("learn", part=part).run()
    assert not app.exception
    chapter, number = map(int, part.split("."))
    assert app.subheader[0].value == load_chapters()[chapter - 1].parts[number - 1].title


def test_an_answer_is_explained_and_counted(transfer_home):
    app = build_page("learn").run()
    app.radio[0].set_value(0).run()
    assert "Not quite" in " ".join(each.value for each in app.markdown)
    app.radio[0].set_value(1).run()
    assert "Right." in " ".join(each.value for each in app.markdown)
    assert len(app.session_state["lesson"].right) == 1


def test_a_prediction_is_kept_and_compared_with_a_real_run(transfer_home):
    app = build_page("learn", part="1.2").run()
    app.slider[0].set_value(30).run()
    run_button = next(each for each in app.button if each.label.startswith("Keep my guess"))
    run_button.click().run()
    [[run]] = app.session_state["lesson"].runs.values()
    assert caches.get_engine().wait(run, timeout=120)
    app.run()
    assert not app.exception
    result = caches.get_engine().get(run).result
    right = round(result.accuracy * result.images)
    said = next(each.value for each in app.markdown if each.value.startswith("**Case 1**"))
    assert f"{right} of {result.images} test pictures right" in said
    assert f"{round(100 * result.accuracy - 30)} more than you guessed" in said
    assert any("blind guessing gets 10 of 100, you said 30" in each.value for each in app.markdown)


def test_a_guess_that_was_close_is_called_so():
    assert describe_outcome(Outcome("Case 1", 90, 19, 20)).endswith(
        "5 more than you guessed. Close!"
    )
    assert describe_outcome(Outcome("Case 1", 95, 19, 20)).endswith("as you guessed. Close!")
    assert describe_outcome(Outcome("Case 1", 99, 1, 20)).endswith("94 fewer than you guessed.")


def test_what_two_runs_have_shown_names_the_winner_the_luck_and_the_guess():
    first, second = Outcome("A", 40, 18, 20), Outcome("B", 60, 16, 20)
    assert describe_pair(first, second, may_be_chance=True) == (
        "“A” got 10 of 100 more than “B”. That can be luck. You had guessed 20 fewer."
    )
    assert describe_pair(first, first, may_be_chance=True).startswith("both got the same.")


def test_an_experiment_says_which_run_it_waits_for_and_can_be_stopped(transfer_home, monkeypatch):
    app = build_page("learn", part="1.2").run()
    app.slider[0].set_value(30).run()
    engine = caches.get_engine()
    monkeypatch.setattr(RunQueue, "claim", lambda *_: None)  # the one place is taken
    next(each for each in app.button if each.label.startswith("Keep my guess")).click().run()
    [[run]] = app.session_state["lesson"].runs.values()
    record = engine.get(run)
    other = engine.store.create(record.config, name="another", engine=record.engine)
    engine.store.set_state(other.id, RunState.training, "")
    app.run()
    assert not app.exception
    assert any("**another**" in each.value for each in app.markdown)
    next(each for each in app.button if each.label == "Stop").click().run()
    assert engine.get(run).state is RunState.stopped
    assert app.run().slider[0].value == 30  # it can be predicted again, from the same guess


def test_what_the_browser_kept_is_read_again_and_nonsense_is_not():
    kept = Progress("2.1", {"a": 1}, ("a",), {"e": [50]}, {"e": ["0123"]})
    assert Progress.from_json(kept.to_json()) == kept
    later = Progress("1.1", {"a": 2, "b": 0}, ("b",), {"e": [60]})
    joined = Progress("2.1", {"a": 2, "b": 0}, ("a", "b"), {"e": [60]}, {"e": ["0123"]})
    assert kept.join(later) == joined
    for nonsense in ("", "{}", "[1]", '{"place": 1, "answers": []}'):
        assert Progress.from_json(nonsense) == Progress()


def test_a_mistake_in_a_file_is_shown_with_its_line_and_no_traceback(
    transfer_home, tmp_path, monkeypatch
):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "1.md").write_text(
        GOOD.replace("network", "nothing").replace("{line}", "ten")
    )
    monkeypatch.setattr("pages.parts.learn.library.LESSONS", tmp_path)
    app = build_page("learn").run()
    assert not app.exception
    assert "no drawing “nothing”" in app.error[0].value
    assert any("1.md, line 5" in each.value for each in app.markdown)


def test_the_rules_know_all_samples_and_options_that_the_readme_names():
    readme = (LESSONS / "README.md").read_text(encoding="utf-8")
    rules = list_rules()
    for name in (*rules.samples, *rules.options, *rules.drawings):
        assert f"`{name}`" in readme or name.startswith("case "), name
    assert {name for name in rules.facts if f"{{{name}}}" in readme} >= {
        name for name in rules.facts if not name.startswith("loss_")
    }


# ------------------------------------------------------------------ Other languages


@pytest.mark.parametrize("language", sorted({*LANGUAGES} - {SOURCE_LANGUAGE}))
def test_a_translated_lesson_has_the_parts_of_the_english_one(language, monkeypatch):
    english, sheets, terms = load_chapters(), load_worksheets(), len(set(load_glossary().values()))
    monkeypatch.setattr(catalogue, "_find_language", lambda: language)
    assert len(set(load_glossary().values())) == terms
    for own, original in zip(load_chapters(), english, strict=True):
        assert own.title != original.title
        for part, other in zip(own.parts, original.parts, strict=True):  # same drawings: adopt_ids
            assert part.title != other.title and part.text != other.text
            assert (part.id, [c.id for c in part.checks]) == (
                other.id,
                [c.id for c in other.checks],
            )
            assert len(part.text.split()) <= MAX_WORDS, part.title
            assert part.text.count("[[") == other.text.count("[["), part.title
    for own, original in zip(load_worksheets(), sheets, strict=True):
        assert own.title != original.title
        for section in ("worksheet", "exit_ticket", "key"):
            rows = [getattr(sheet, section).count("\n|") for sheet in (own, original)]
            lines = [re.findall(r"Lines: \d", getattr(each, section)) for each in (own, original)]
            assert rows[0] == rows[1] and lines[0] == lines[1], own.title


def test_a_translation_with_other_parts_is_refused(tmp_path):
    english = read(tmp_path, GOOD)
    other = read(
        tmp_path, GOOD.replace("Show: network", "Show: filters").replace("A part", "Ein Teil")
    )
    with pytest.raises(LessonError, match="differs from the English"):
        adopt_ids(other, english)
