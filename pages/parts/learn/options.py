"""The options of an experiment: how each is trained, and its name for students."""

from pages.parts.learn.chapter import Experiment
from pages.parts.start.live_sample import get_demonstration_network
from transfer_core.cases import Strategy, list_strategies


def plan_experiment(experiment: Experiment) -> list[Strategy]:
    """The strategy of each option; where more than a new layer learns, perhaps shortened."""
    source = get_demonstration_network()
    known = list_strategies(source.stage_names, source.kind)
    planned = [known[key] for key in experiment.options]
    return [
        each.with_epochs(experiment.epochs) if experiment.epochs and not each.frozen else each
        for each in planned
    ]


def describe_option(strategy: Strategy) -> str:
    """An option in a child's words: "Case 2, cut after Convolution 2"."""
    source = get_demonstration_network()
    if strategy.approach == "all stages":
        return "New layer that reads all layers"
    if not strategy.textbook_case:
        return strategy.title
    words = f"Case {strategy.case.value}"
    if strategy.key.startswith("2-"):
        return f"{words}, cut after {source.format_titles((strategy.keep_through,))}"
    if strategy.case.value == 4:
        return f"{words}, {strategy.initial_weights} weights"
    return words
