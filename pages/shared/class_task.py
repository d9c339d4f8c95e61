"""What a teacher hands to a class, as a card with one button."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.shared import caches, session
from pages.shared.launching import start_run
from pages.shared.layout import escape_markdown, require_weights, show_errors
from transfer_core import networks
from transfer_core.cases import list_strategies
from transfer_core.languages import _
from transfer_core.system import get_home
from transfer_core.workspaces import open_classes, take_task

if TYPE_CHECKING:
    from transfer_core.cases import Strategy
    from transfer_core.workspaces import Class, Task


TAKEN_KEY = "class_task_taken"  # the guess of a task whose button was clicked


def open_taken_task() -> None:
    """Open the task whose button was clicked in the run of the page before, if one was.

    It takes seconds. Where the button is drawn again and again, those draws would come in between,
    and into the page that this leads to; so a page asks here before it draws anything of the kind.
    """
    if TAKEN_KEY not in st.session_state:
        return
    guess = st.session_state.pop(TAKEN_KEY)
    if class_ := _find_class():
        with st.spinner(_("Starting the run")):
            _open_task(class_, guess)


def offer_class_task(*, once: bool) -> None:
    """Draw the task of the open class that this workspace is in, if there is one.

    Args:
        once: Whether it is drawn no more once a run was started after it was handed out.
    """
    class_ = _find_class()
    if class_ is None:
        return
    runs = session.get_belongings().list_runs() if once else ()
    if not any(run.created >= class_.task.given for run in runs):
        _show_task(class_, class_.task)


def _find_class() -> Class | None:
    """The open class with a task that this workspace is in."""
    belongings = session.get_belongings()
    joined = open_classes(belongings.home).find_joined(belongings.workspace)
    has_task = joined and joined[0].closed is None and joined[0].task is not None
    return joined[0] if has_task else None


def _show_task(class_: Class, task: Task) -> None:
    with st.container(border=True):
        left, middle, right = st.columns([3, 2, 2], vertical_alignment="bottom")
        left.markdown(
            _(
                "**Your teacher hands you {data}.**  \n{way}",
                data=escape_markdown(task.name),
                way=escape_markdown(describe_way(task)),
            )
        )
        with middle:
            guess = _ask_for_guess(class_, task)
        if right.button(
            _("Train it") if _find_strategy(task) else _("Open it"),
            type="primary",
            icon=":material/arrow_forward:",
            key="class_task",
            width="stretch",
        ):
            st.session_state[TAKEN_KEY] = guess
            st.rerun()


def _ask_for_guess(class_: Class, task: Task) -> int | None:
    """Ask how many of 100 images will be right, once and before a result; returns a new guess."""
    belongings = session.get_belongings()
    guesses = open_classes(belongings.home).list_guesses(class_.id)
    for each in guesses:
        if (each.workspace, each.task) == (belongings.workspace.id, task.given):
            st.markdown(describe_guess(each.guess))
            return None
    if any(run.created >= task.given and run.result for run in session.list_runs()):
        return None
    label = _("Your guess: right of 100 test images")
    return st.number_input(label, 0, 100, None, key=f"class_guess_{task.given}")


def describe_guess(guess: float) -> str:
    """Say what a student guessed; a fraction in [0, 1]."""
    return _("Your guess: {guess:.0%}.", guess=guess)


def _open_task(class_: Class, guess: int | None) -> None:
    """Take the images over and keep the guess; then train as told, or go where it is decided."""
    belongings = session.get_belongings()
    with show_errors():
        task, data_id = take_task(belongings)
    if guess is not None:
        open_classes(belongings.home).keep_guess(belongings.workspace, class_.id, guess / 100)
    session.open_data_set(data_id)
    starting = networks.choose_starting_network(get_home(), data_id).name
    session.change(network=None if task.network == starting else task.network)
    session.change(option=task.option, run_id=None)
    strategy = _find_strategy(task)
    if strategy is None:
        st.switch_page("pages/decide.py", query_params=session.make_query(data=data_id))
    with show_errors():
        data, source = caches.load_data_set(data_id), require_weights(session.get_source())
        run_id = start_run(data, source, strategy, _choose_seed(class_))
    session.change(start_key=session.make_key(), followed=run_id)
    st.switch_page("pages/train.py", query_params=session.make_query(run=run_id, data=data_id))


def _choose_seed(class_: Class) -> int:
    """Another seed for each student, so that the class sees how much is chance."""
    belongings = session.get_belongings()
    members = open_classes(belongings.home).list_members(class_.id)
    return next(
        (n for n, each in enumerate(members) if each.workspace == belongings.workspace.id), 0
    )


def _find_strategy(task: Task) -> Strategy | None:
    """How a task is to be trained; None if that is for the student to decide."""
    source = find_source(task)
    if task.option is None or source is None:
        return None
    return list_strategies(source.stage_names, source.kind).get(task.option)


def find_source(task: Task) -> networks.SourceNetwork | None:
    """The network that a task starts with, if it is known here."""
    return {each.name: each for each in networks.list_networks()}.get(task.network)


def describe_way(task: Task) -> str:
    """Say how a task is to be trained."""
    strategy = _find_strategy(task)
    return f"{_(strategy.title)}." if strategy else _("Decide how to train it.")
