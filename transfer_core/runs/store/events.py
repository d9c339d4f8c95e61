"""Events of a run's log: dataclasses in the program, a kind and a JSON object in the store."""

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from transfer_core.runs.store.records import Failed, LoggedEvent, RunEvent, StateChanged
from transfer_core.training import EpochEnded, Event, Stepped, TestResult

# What reading JSON raises that is damaged, or that another version wrote.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)

T = TypeVar("T")


def _make_kind(event_type: type) -> str:
    """Name a training event in the store: EpochEnded becomes "epoch_ended"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event_type.__name__).lower()


EVENT_TYPES: dict[str, type] = {  # by the kind that the store and the command line write
    "state": StateChanged,
    "failed": Failed,
    "tested": TestResult,
    **{_make_kind(each): each for each in get_args(Event)},
}
_KINDS = {event_type: kind for kind, event_type in EVENT_TYPES.items()}


def name_kind(event_type: type) -> str:
    """Return what the store calls a type of events."""
    return _KINDS[event_type]


def encode_event(event: LoggedEvent) -> tuple[str, dict[str, Any]]:
    """Return the kind and the values of an event, JSON only; see `encode_values`."""
    return name_kind(type(event)), encode_values(event)


def encode_values(value: Any) -> Any:
    """Return the fields of a dataclass as JSON values; NaN and infinities become None."""
    return _replace_non_finite(asdict(value))


def decode_event(kind: str, values: dict[str, Any]) -> LoggedEvent | None:
    """Return the event that a kind and its values describe.

    Returns:
        None if this program does not know the kind, or the values lack a field without
        a default: another version wrote them, or they are damaged.
    """
    event_type = EVENT_TYPES.get(kind)
    if event_type is None:
        return None
    try:
        return decode_values(event_type, upgrade_event(values))
    except UNREADABLE:
        return None


def parse_event(kind: str, text: str) -> LoggedEvent | None:
    """Return the event of a kind whose values are this JSON; see `decode_event`."""
    try:
        return decode_event(kind, json.loads(text))
    except UNREADABLE:
        return None


def upgrade_event(values: dict[str, Any]) -> dict[str, Any]:
    """Bring the values of an event of any older version to the names of this one.

    Version 2 and earlier named the stage that surgery adds "new"; it is "head" now.
    """
    if not isinstance(values.get("changes"), list):
        return values
    changes = [
        change | {"stage": "head"} if change["stage"] == "new" else change
        for change in values["changes"]
    ]
    return values | {"changes": changes}


def decode_values(target: type[T], values: dict[str, Any]) -> T:
    """Make a dataclass from JSON values: missing fields take defaults, unknown ones are dropped.

    Args:
        target: A dataclass whose fields are JSON values, enums, tuples of one type or
            dataclasses of such fields.
        values: By field name; None for a float is NaN, since JSON has no such number.

    Raises:
        TypeError, ValueError: If a field without a default is missing or cannot be converted.
    """
    hints = _get_hints(target)
    known = [field.name for field in fields(target) if field.name in values]
    return target(**{name: _convert(hints[name], values[name]) for name in known})


@cache
def _get_hints(target: type) -> dict[str, Any]:
    return get_type_hints(target)


def _convert(hint: Any, value: Any) -> Any:
    if is_dataclass(hint):
        return decode_values(hint, value)
    if get_origin(hint) is tuple:
        return tuple(_convert(get_args(hint)[0], entry) for entry in value)
    if hint is float and value is None:
        return math.nan
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    return value


def _replace_non_finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _replace_non_finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_non_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class EventLog(tuple[RunEvent, ...]):
    """The log of a run, oldest first, in which each event is sorted by its type once.

    A run that is watched is read several times a second, and may have reported ten thousands of
    events.
    """

    def __init__(self, _entries: Iterable[RunEvent] = ()) -> None:
        self._selected: dict[type, list] = {}

    def extend(self, news: Iterable[RunEvent]) -> "EventLog":
        """Return the log with further events; what was selected so far is kept."""
        longer = EventLog((*self, *news))
        for event_type, selected in tuple(self._selected.items()):  # readers may add to it
            longer._selected[event_type] = _add_selected([*selected], news, event_type)
        return longer

    def select(self, event_type: type[T]) -> list[T]:
        """Return the events of one type; see `select_events`. Not to be changed."""
        if event_type not in self._selected:
            self._selected[event_type] = _add_selected([], self, event_type)
        return self._selected[event_type]


def select_events(log: Iterable[RunEvent], event_type: type[T]) -> list[T]:
    """Return the events of one type, oldest first.

    A resumed run trains the steps after its checkpoint again. Of steps and epochs only the
    last account is returned: an event takes the place of those at its step and beyond.
    """
    if isinstance(log, EventLog):
        return [*log.select(event_type)]
    return _add_selected([], log, event_type)


def find_last_event(log: Sequence[RunEvent], event_type: type[T]) -> T | None:
    """Return the newest event of one type; None if the log has none."""
    if isinstance(log, EventLog):
        return next(reversed(log.select(event_type)), None)
    return next((e.event for e in reversed(log) if isinstance(e.event, event_type)), None)


def _add_selected(selected: list[T], log: Iterable[RunEvent], event_type: type[T]) -> list[T]:
    """Add the events of one type to the list and return it; see `select_events`."""
    is_replaced = event_type in (Stepped, EpochEnded)
    for event in (entry.event for entry in log if isinstance(entry.event, event_type)):
        while is_replaced and selected and selected[-1].step >= event.step:
            selected.pop()
        selected.append(event)
    return selected
