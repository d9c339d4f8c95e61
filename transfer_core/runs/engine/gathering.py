"""What several threads ask within a moment, answered by one call."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Gatherer(Generic[Question, Answer]):
    """Answers the questions of several threads together.

    Args:
        answer_all: Returns an answer for each question, in their order. An error of it is raised in
            every thread that asked.
        seconds: That the first question waits for others.
    """

    def __init__(
        self, answer_all: Callable[[Sequence[Question]], Sequence[Answer]], seconds: float
    ) -> None:
        self._answer_all, self._seconds = answer_all, seconds
        self._lock = threading.Lock()
        self._asked: list[tuple[Question, Future[Answer]]] = []

    def ask(self, question: Question) -> Answer:
        """Return the answer to one question; the thread that asked first asks for all."""
        mine: Future[Answer] = Future()
        with self._lock:
            self._asked.append((question, mine))
            is_first = len(self._asked) == 1
        if is_first:
            time.sleep(self._seconds)
            with self._lock:
                asked, self._asked = self._asked, []
            self._answer(asked)
        return mine.result()

    def _answer(self, asked: list[tuple[Question, "Future[Answer]"]]) -> None:
        try:
            answers = self._answer_all([question for question, _future in asked])
            for (_question, future), answer in zip(asked, answers, strict=True):
                future.set_result(answer)
        except Exception as error:  # raised where each of them waits
            for _question, future in asked:
                future.set_exception(error)
