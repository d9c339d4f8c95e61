"""A session's choices along the journey, and the texts that stand for them in the address."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from transfer_core import networks
from transfer_core.cases import list_strategies

if TYPE_CHECKING:  # brings torch
    from transfer_core.timing import RunPlan

DIVIDING_LINES = [
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
]
MINUTES = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 240.0, 480.0]


@dataclass(frozen=True, slots=True)
class Journey:
    """The choices along the journey; each rests on those before it."""

    data_id: str | None = None
    network: str | None = None  # None is the one that the data set starts with
    answer: Literal["estimate", "similar", "different"] = "estimate"
    line: int | None = None  # images; None is the textbook's
    minutes: float = 10.0  # that a run may take
    option: str | None = None  # key of `cases.list_strategies`; None follows the recommendation
    fit: RunPlan | None = None  # settings of a run within the time limit, filled in on Train
    proposal: RunPlan | None = None  # the same on a more accurate network
    fits: int = 0  # counted, so that each fit gives the settings new widgets
    run_id: str | None = None
    followed: str | None = None  # the run whose curves are drawn no faster than a person can follow
    chosen_run_ids: tuple[str, ...] = ()  # chosen on the page Runs, and compared
    deleted: tuple[str, ...] = ()  # the runs deleted last, to undo it
    present: bool = False  # larger type and lines, for a projector
    language: str | None = None  # key of `LANGUAGES`; None is the browser's
    start_key: str = field(default_factory=lambda: uuid4().hex)  # one run per click


def list_choice_values(network: str) -> dict[str, dict[str, object]]:
    """The values of each choice that the address can hold, by the text that stands for them.

    Args:
        network: Name of the network whose options can be chosen.
    """
    known = {each.name: each for each in networks.list_networks()}
    source = known[network]
    return {
        "network": {name: name for name in known},
        "answer": {text: text for text in ("estimate", "similar", "different")},
        "line": {str(line): line for line in DIVIDING_LINES},
        "minutes": {f"{minutes:g}": minutes for minutes in MINUTES},
        "option": {key: key for key in list_strategies(source.stage_names, source.kind)},
    }
