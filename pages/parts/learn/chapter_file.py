"""Chapters of the lesson as Markdown files; `pages/lessons/README.md` describes the format."""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from pages.parts.learn.chapter import Answer, Chapter, Check, Experiment, Part, Rules, make_id
from pages.parts.learn.text_lines import Line, number_lines, split_at_headings
from pages.shared.glossary import TERM
from transfer_core.languages import N_, _

EXPERIMENT = re.compile(r"(?P<sample>[\w-]+): (?P<options>[^()]+?)(?: \((?P<epochs>\d+) epochs\))?")
ANSWER = re.compile(r"- \[(?P<mark>[ xX])\] (?P<text>.+)")
FACT = re.compile(r"\{(\w+)\}")


def read_chapter(path: Path, rules: Rules) -> Chapter:
    """Read and check one file.

    Raises:
        LessonError: If it breaks a rule; names the file, the line and what to do.
    """
    lines = [_fill_in(line, rules) for line in number_lines(path)]
    (title, first), *rest = split_at_headings(lines, "# ")
    if rest:
        raise rest[0][0].refuse(
            _("A chapter has one title."), _("Begin parts with two number signs: “## Title”.")
        )
    head, *parts = split_at_headings(first, "## ", has_head=True)
    for line in head[1]:
        if line.text.strip():
            raise line.refuse(
                _("Text stands before the first part."),
                _("Put a line “## Title of the part” above it."),
            )
    if not parts:
        raise title.refuse(_("The chapter has no part."), _("Add a line “## Title of the part”."))
    read = tuple(_read_part(path.stem, *part, rules) for part in parts)
    return Chapter(path.stem, title.text[2:].strip(), read)


def check_terms(line: Line, terms: Collection[str]) -> None:
    """Check that the glossary has every term that a line marks with [[ ]].

    Raises:
        LessonError: If one is missing.
    """
    for shown, term in TERM.findall(line.text):
        if (term or shown).strip().lower() not in terms:
            raise line.refuse(
                _("The glossary has no “{term}”.", term=term or shown),
                _("Add it to glossary.md, or take away the double brackets."),
            )


def _fill_in(line: Line, rules: Rules) -> Line:
    """Put measured numbers into a line, and check its terms."""
    check_terms(line, rules.terms)
    for name in FACT.findall(line.text):
        if name not in rules.facts:
            raise line.refuse(
                _("There is no measured number “{name}”.", name=name),
                _("Use one of: {names}.", names=", ".join(sorted(rules.facts))),
            )
    return replace(line, text=FACT.sub(lambda match: rules.facts[match[1]], line.text))


def _read_part(chapter: str, title: Line, lines: list[Line], rules: Rules) -> Part:
    body, *sections = split_at_headings(lines, "### ", has_head=True)
    keys, text = _take_keys(body[1])
    if len(keys) != 1:
        raise title.refuse(
            _("A part needs one drawing or one experiment; this one has {count}.", count=len(keys)),
            _("Write one line “Show: network” or “Experiment: plankton: 1” below its title."),
        )
    if not text:
        raise title.refuse(_("The part has no text."), _("Write a few sentences below its title."))
    name = title.text[3:].strip()
    part = Part(make_id(chapter, name), name, text)
    [(kind, line)] = keys.items()
    if kind == "Show":
        part = replace(part, drawing=_read_drawing(line, rules))
    else:
        part = replace(part, experiment=_read_experiment(line, rules))
    for heading, below in sections:
        part = _add_section(part, heading, below)
    if part.experiment and not part.afterwards:
        raise line.refuse(
            _("The experiment has no text for afterwards."),
            _("Write it below a line “### Afterwards”."),
        )
    return part


def _take_keys(lines: list[Line]) -> tuple[dict[str, Line], str]:
    """Lines such as "Show: network" by their key, and the text without them."""
    keys, text = {}, []
    for line in lines:
        key, colon, __ = line.text.partition(":")
        if colon and key in {"Show", "Experiment"}:
            if key in keys:
                raise line.refuse(
                    _("A part has one line “{key}:”.", key=key), _("Take one of them away.")
                )
            keys[key] = line
        else:
            text.append(line.text)
    return keys, "\n".join(text).strip()


def _get_value(line: Line) -> str:
    return line.text.partition(":")[2].strip()


def _read_drawing(line: Line, rules: Rules) -> str:
    if (value := _get_value(line)) not in rules.drawings:
        raise line.refuse(
            _("There is no drawing “{name}”.", name=value),
            _("Use one of: {names}.", names=", ".join(rules.drawings)),
        )
    return value


def _read_experiment(line: Line, rules: Rules) -> Experiment:
    found = EXPERIMENT.fullmatch(_get_value(line))
    if not found:
        raise line.refuse(
            _("The experiment cannot be read."),
            _("Write it so: “Experiment: plankton: 1, 4-random”."),
        )
    options = tuple(option.strip() for option in found["options"].split(","))
    for problem, names, known in (
        (N_("There is no sample “{name}”."), (found["sample"],), rules.samples),
        (N_("There is no option “{name}”."), options, rules.options),
    ):
        for name in names:
            if name not in known:
                remedy = _("Use one of: {names}.", names=", ".join(known))
                raise line.refuse(_(problem, name=name), remedy)
    return Experiment(found["sample"], options, int(found["epochs"]) if found["epochs"] else None)


def _add_section(part: Part, heading: Line, below: list[Line]) -> Part:
    name, __, rest = heading.text[4:].partition(":")
    if name.strip() == "Afterwards" and part.experiment:
        return replace(part, afterwards="\n".join(line.text for line in below).strip())
    if name.strip() == "Check" and rest.strip():
        check = _read_check(part.id, heading, rest.strip(), below)
        return replace(part, checks=(*part.checks, check))
    raise heading.refuse(
        _("This heading has no meaning here."),
        _("Write “### Check: a question”, or below an experiment “### Afterwards”."),
    )


def _read_check(part: str, heading: Line, question: str, lines: Iterable[Line]) -> Check:
    answers: list[tuple[Line, list[str]]] = []
    for line in lines:
        if ANSWER.fullmatch(line.text.rstrip()):
            answers.append((line, []))
        elif line.text.strip() and answers:
            answers[-1][1].append(line.text.strip())
        elif line.text.strip():
            raise line.refuse(
                _("Text stands before the first answer."),
                _("Write answers as “- [ ] wrong” or “- [x] right”."),
            )
    read = tuple(_read_answer(*answer) for answer in answers)
    if len(read) < 2 or sum(answer.is_right for answer in read) != 1:
        raise heading.refuse(
            _("A check needs at least two answers, one of them right."),
            _("Mark the right one with “- [x]” and the others with “- [ ]”."),
        )
    return Check(make_id(part, question), question, read)


def _read_answer(line: Line, explanation: list[str]) -> Answer:
    found = ANSWER.fullmatch(line.text.rstrip())
    if not explanation:
        raise line.refuse(
            _("The answer has no explanation."),
            _("Write one in the line below it, two spaces in."),
        )
    return Answer(found["text"].strip(), found["mark"] != " ", " ".join(explanation))
