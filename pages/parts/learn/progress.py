"""What a student has answered, guessed and run; kept in the session and in their browser."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Self

import streamlit as st

from pages.shared.browser_memory import forget_in_browser, keep_in_browser

KEY = "lesson"


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

    def join(self, later: Self) -> Self:
        """Add what was done later; the place stays."""
        return replace(
            self,
            answers=self.answers | later.answers,
            right=tuple(dict.fromkeys((*self.right, *later.right))),
            guesses=self.guesses | later.guesses,
            runs=self.runs | later.runs,
        )


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


def keep_guesses(experiment: str, guesses: list[int]) -> None:
    """Keep a prediction whose runs have not begun."""
    change_progress(guesses=get_progress().guesses | {experiment: guesses})


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
    forget_in_browser(KEY)
    for key in [key for key in st.session_state if str(key).startswith("learn_")]:
        del st.session_state[key]


def synchronise() -> None:
    """Once a session take over what the browser kept; afterwards let it keep what is new."""
    now = get_progress()
    kept = keep_in_browser(KEY, now.to_json())
    if kept and (joined := Progress.from_json(kept).join(now)) != now:
        st.session_state[KEY] = joined
        st.rerun()
