"""What a student has answered, guessed and run; kept in the session and in their browser."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

import streamlit as st

KEY = "lesson"
_COMPONENT = st.components.v2.component(
    "transfer_lab_lesson_progress",
    html="<span></span>",
    js=(Path(__file__).parent / "progress.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of one student, by the ids of checks, experiments and parts."""

    place: str = "1.1"  # chapter and part that were shown last
    answers: dict[str, int] = field(default_factory=dict)  # place of the answer given last
    right: tuple[str, ...] = ()  # checks that were answered right
    guesses: dict[str, list[int]] = field(default_factory=dict)  # percent, of each option
    runs: dict[str, list[str]] = field(default_factory=dict)  # ids, of each option

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what a browser kept; what cannot be read counts as nothing."""
        try:
            values = json.loads(text)
            kept = cls(
                place=str(values["place"]),
                answers={str(k): int(v) for k, v in values["answers"].items()},
                right=tuple(map(str, values["right"])),
                guesses={str(k): [int(n) for n in v] for k, v in values["guesses"].items()},
                runs={str(k): [str(n) for n in v] for k, v in values["runs"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()
        return kept

    def to_json(self) -> str:
        """Write it for the browser."""
        return json.dumps(asdict(self))


def get_progress() -> Progress:
    """This session's progress."""
    return st.session_state.setdefault(KEY, Progress())


def change_progress(**values) -> None:
    """Change this session's progress."""
    st.session_state[KEY] = replace(get_progress(), **values)


def answer(check: str, place: int, is_right: bool) -> None:
    """Keep an answer."""
    now = get_progress()
    right = dict.fromkeys((*now.right, check)) if is_right else now.right
    change_progress(answers=now.answers | {check: place}, right=tuple(right))


def keep_runs(experiment: str, guesses: list[int], runs: list[str]) -> None:
    """Keep a prediction and the runs that will tell whether it is right."""
    now = get_progress()
    change_progress(guesses=now.guesses | {experiment: guesses}, runs=now.runs | {experiment: runs})


def forget_runs(experiment: str) -> None:
    """Let a student predict again."""
    now = get_progress()
    guesses, runs = dict(now.guesses), dict(now.runs)
    guesses.pop(experiment, None)
    runs.pop(experiment, None)
    change_progress(guesses=guesses, runs=runs)


def start_over() -> None:
    """Forget everything, here and in the browser."""
    st.session_state[KEY] = Progress()
    st.session_state[f"{KEY}_restored"] = True
    for key in [key for key in st.session_state if str(key).startswith("learn_")]:
        del st.session_state[key]


def synchronise() -> None:
    """Once a session take over what the browser kept; afterwards let it keep what is new."""
    now, restored = get_progress(), st.session_state.get(f"{KEY}_restored", False)
    given = now.to_json() if restored or now != Progress() else None
    result = _COMPONENT(
        key="lesson_keeper", data={"progress": given}, on_kept_change=_do_nothing, height=1
    )
    kept = result.get("kept")
    if given is None and kept is not None:
        st.session_state[f"{KEY}_restored"] = True
        if (before := Progress.from_json(kept)) != now:
            st.session_state[KEY] = before
            st.rerun()


def _do_nothing() -> None:
    """A state of a component needs a callback."""
