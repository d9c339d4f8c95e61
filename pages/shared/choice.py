"""Both voices and the choice together: what this session would train now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages.shared import session
from pages.shared.layout import show_errors
from transfer_core.cases import DEFAULT_LINE, Strategy, TransferCase
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork

if TYPE_CHECKING:
    from transfer_core.inspection import CaseResult
    from transfer_core.runs import RunRecord
    from transfer_core.transferability import (
        Option,
        Options,
        SimilarityEstimate,
        TextbookAnswer,
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """What the textbook says, what is recommended, and what the person chose."""

    textbook: TextbookAnswer
    options: Options
    case_keys: dict[TransferCase, str]  # the option that each of the four cases is
    option: Option  # chosen; what the person left open follows the recommendation
    results: dict[str, CaseResult]  # what finished runs reached, by the key of their option

    @property
    def strategy(self) -> Strategy:
        """What would be trained."""
        return self.option.strategy

    @property
    def textbook_option(self) -> Option:
        """The option of the textbook's case."""
        return self.options.find(self.case_keys[self.textbook.case])

    @property
    def cell_keys(self) -> dict[TransferCase, str]:
        """The option in each cell of the diagram: the chosen or recommended cut if there is one."""
        marked = (each.strategy for each in (self.default, self.option))
        return self.case_keys | {each.case: each.key for each in marked if each.textbook_case}

    @property
    def default(self) -> Option:
        """The recommended option, else that of the textbook's case."""
        return self.options.recommended or self.textbook_option


def load_repeated_run() -> RunRecord | None:
    """The run that the address asks to repeat; its data and network become the current ones.

    Raises:
        RunError: If there is no such run.
    """
    run_id = session.get_repeated_run_id()
    if run_id is None:
        return None
    record = session.find_run(session.own_run(run_id))
    session.repeat_run(record.config.data_id, record.config.network)
    return record


def list_runs_of(data: DataSet, source: SourceNetwork) -> list[RunRecord]:
    """The runs on this data set and network that have or will have a result, newest first."""
    from transfer_core.inspection import select_runs

    with show_errors():
        return select_runs(session.list_runs(), data.id, source)


def resolve_choice(
    data: DataSet,
    source: SourceNetwork,
    estimate: SimilarityEstimate,
    options: Options,
    *,
    before_runs: bool = False,
) -> Choice:
    """This session's choice; what the person left open follows the recommendation.

    Args:
        data: The images.
        source: The network.
        estimate: Of the similarity.
        options: With what is expected of them.
        before_runs: Recommend as if nothing had been run.
    """
    from transfer_core.inspection import collect_case_results, follow_runs, list_usual_epochs
    from transfer_core.transferability import apply_textbook_rule, get_textbook_key

    work, runs = session.get_journey(), list_runs_of(data, source)
    results = collect_case_results(runs, list_usual_epochs(options))
    if not before_runs:
        options = follow_runs(options, runs, data.id, source)
    own = None if work.answer == "estimate" else work.answer
    textbook = apply_textbook_rule(data, estimate, answer=own, line=work.line or DEFAULT_LINE)
    case_keys = {case: get_textbook_key(case, estimate.evidence) for case in TransferCase}
    default = options.recommended or options.find(case_keys[textbook.case])
    known = {each.key: each for each in options.options}
    option = known.get(work.option, default)
    return Choice(textbook, options, case_keys, option, results)


def choose_option(key: str, default: str) -> None:
    """Choose an option; the default one follows the recommendation from then on."""
    session.change(option=None if key == default else key)
