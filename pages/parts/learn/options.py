"""The options of an experiment: how each is trained, and its name for students."""

from pages.parts.learn.chapter import Experiment
from pages.parts.start.live_sample import get_demonstration_network
from transfer_core.cases import Strategy, list_strategies
from transfer_core.languages import _


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
        return _("New layer that reads all layers")
    if not strategy.textbook_case:
        return _(strategy.title)
    case = strategy.case.value
    if strategy.key.startswith("2-"):
        stage = _(source.format_titles((strategy.keep_through,)))
        return _("Case {case}, cut after {stage}", case=case, stage=stage)
    if strategy.initial_weights == "random":
        return _("Case {case}, random weights", case=case)
    if case == 4:
        return _("Case {case}, pre-trained weights", case=case)
    return _("Case {case}", case=case)
