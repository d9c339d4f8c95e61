"""The commands that train: one case, or all of them side by side."""

import sys
from argparse import Namespace
from dataclasses import replace

from transfer_core.cases import (
    Initialise,
    Strategy,
    TransferCase,
    plan_strategy,
)
from transfer_core.cli.console import AddCommand, add_network_option, print_json, show_progress
from transfer_core.cli.data_commands import follow_own_runs, ingest
from transfer_core.cli.network_choice import fetch_network, select_network
from transfer_core.cli.run_figures import (
    collect_figures,
    describe_interruption,
    format_label,
    summarise,
)
from transfer_core.cli.setting_options import (
    add_setting_options,
    check_settings_apply,
    override_settings,
)
from transfer_core.dataset import DataSet
from transfer_core.errors import SettingsError
from transfer_core.networks import (
    DEFAULT_NETWORK,
    SourceNetwork,
    find_strategy,
    get_network,
    has_weights,
    list_networks,
    plan_same_option,
    trains_head_only,
)
from transfer_core.runs import encode_event, find_last_event
from transfer_core.settings import check_minutes
from transfer_core.system import get_home
from transfer_core.training import Ended, Event
from transfer_core.transferability import (
    SimilarityEstimate,
    apply_textbook_rule,
    choose_strategy,
    estimate_similarity,
    list_options,
)

MAX_SEEDS = 100  # of a comparison
INITIALISATIONS: tuple[Initialise, ...] = ("random", "pretrained")  # of case 4


def add_commands(add: AddCommand) -> None:
    """Add these commands to the parser; every setting of a run is an option of `train`."""
    command = add("train", train, "train one case and test it", data=True)
    add_network_option(command)
    what = command.add_mutually_exclusive_group()
    what.add_argument("--case", choices=("auto", "1", "2", "3", "4"), default="auto")
    what.add_argument(
        "--option",
        metavar="KEY",
        help="one of the options that `decide --json` lists, such as 2-conv1, 3 or all-stages",
    )
    command.add_argument("--initialise", choices=("pretrained", "random"), help="case 4 only")
    add_setting_options(command)
    command.add_argument("--compile", action="store_true", help="translate the network first; GPU")
    command.add_argument(
        "--devices",
        type=int,
        default=1,
        metavar="N",
        help="GPUs, or parts of the processor, that share each step, with a process for each",
    )
    size = command.add_mutually_exclusive_group()
    size.add_argument("--input-size", type=int, metavar="P", help="pixels; fewer are less work")
    size.add_argument(
        "--minutes",
        type=float,
        metavar="N",
        help="finish within N: picks network (unless one is named), input size and epochs",
    )
    command.add_argument("--seed", type=int, default=0, help="of split, weights and order")
    command = add("compare", compare, "all cases side by side", data=True)
    add_network_option(command)
    add_setting_options(command, only="epochs")
    command.add_argument("--seeds", type=int, default=1, metavar="K", help="repeat with K seeds")


def train(options: Namespace) -> int:
    """Train one case, printing its events; the last says how it ended."""
    if options.minutes is not None:
        check_minutes(options.minutes)  # before anything is measured
    data_set = ingest(options.data, options.seed)
    # A run from random weights needs no pre-trained ones.
    random = options.case == "4" and (options.initialise or INITIALISATIONS[0]) == "random"
    random |= options.option == "4-random"
    get = select_network if random else fetch_network
    source = get(options.network, data_set)
    strategy = _choose_strategy(data_set, source, options)
    check_settings_apply(source, strategy, options)
    if options.minutes is not None:
        source, strategy = _fit_into_minutes(data_set, source, strategy, options)
    elif options.input_size is not None:
        from transfer_core.networks import select_input_size  # brings torch

        source = select_input_size(source, options.input_size)
    strategy = override_settings(strategy, options)
    more = {"compiled": options.compile, "devices": options.devices}
    result = _train_and_report(data_set, source, strategy, options, **more)
    _emit_event(options, {"event": "finished"} | result)
    if not options.json:
        print(result["sentence"])
    return 0


def compare(options: Namespace) -> int:
    """Train every case with every seed, and print their accuracies side by side."""
    if not 1 <= options.seeds <= MAX_SEEDS:
        raise SettingsError(
            "That is no number of seeds to repeat a comparison with.",
            found=f"--seeds {options.seeds}",
            remedy=f"Give a number from 1 to {MAX_SEEDS}.",
        )
    rows, source = [], None
    for seed in range(options.seeds):
        data_set = ingest(options.data, seed)
        source = source or fetch_network(options.network, data_set)
        options.seed, done = seed, {}
        for strategy in _list_strategies(data_set, source):
            # Case 4 from pre-trained weights is case 3 by another way: trained once.
            same = replace(strategy, case=TransferCase.LARGE_SIMILAR)
            if same not in done:
                limited = override_settings(strategy, options)
                done[same] = _train_and_report(data_set, source, limited, options)
            rows.append(done[same] | {"case": strategy.case.value, "seed": seed})
            _emit_event(options, {"event": "compared"} | rows[-1])
            if not options.json:
                print(f"seed {seed}  {format_label(rows[-1]):40}  {rows[-1]['test_accuracy']:.1%}")
    table = summarise(rows)
    _emit_event(options, {"event": "finished", "cases": table, "runs": rows})
    if not options.json:
        for row in table:
            print(f"{row['label']:48}  mean {row['mean']:.1%}  spread {row['spread']:.1%}")
    return 0


def _list_strategies(data_set: DataSet, source: SourceNetwork) -> list[Strategy]:
    """The strategy of each case; case 4 with both initialisations."""
    estimate = estimate_similarity(data_set, source, get_home(), progress=show_progress)
    return [
        choose_strategy(case, source, estimate, initialise=initialise)
        for case in TransferCase
        for initialise in (
            INITIALISATIONS if case == TransferCase.LARGE_DIFFERENT else INITIALISATIONS[:1]
        )
    ]


def _choose_strategy(data_set: DataSet, source: SourceNetwork, options: Namespace) -> Strategy:
    """Return the option or case asked for, or the recommended one, by measurements."""
    if options.option is not None:
        return _find_option(data_set, source, options)
    if options.case == "1":  # nothing in it is measured
        return plan_strategy(
            TransferCase.SMALL_SIMILAR,
            source.stage_names,
            kind=source.kind,
            initialise=options.initialise,
        )
    estimate = _estimate(data_set, source)
    if options.case == "auto":
        found = list_options(data_set, source, estimate, get_home(), progress=show_progress)
        found = follow_own_runs(found, data_set, source)
        if found.recommended:
            return found.recommended.strategy
        case = apply_textbook_rule(data_set, estimate).case
    else:
        case = TransferCase(int(options.case))
    # Raises an error if the initialisation does not fit the case.
    plan_strategy(case, source.stage_names, kind=source.kind, initialise=options.initialise)
    start = options.initialise or INITIALISATIONS[0]
    return choose_strategy(case, source, estimate, initialise=start)


def _find_option(data_set: DataSet, source: SourceNetwork, options: Namespace) -> Strategy:
    """Return the strategy of `--option`; images are measured only if they may be mirrored."""
    if options.initialise is not None:
        raise SettingsError(
            "An option says from what weights it starts.",
            found=f"--option {options.option} --initialise {options.initialise}",
            remedy="Leave --initialise out: 4-random and 4-pretrained are two options.",
        )
    strategy = find_strategy(source, options.option)
    if trains_head_only(source, strategy):
        return strategy
    return strategy.with_mirror(_estimate(data_set, source).evidence.is_flip_invariant)


def _estimate(data_set: DataSet, source: SourceNetwork) -> SimilarityEstimate:
    # A network without weights here starts from random ones. The bundled network then measures
    # whether left and right make a difference: the strategy needs no other measurement.
    measuring = source if has_weights(source) else get_network(DEFAULT_NETWORK)
    return estimate_similarity(data_set, measuring, get_home(), progress=show_progress)


def _fit_into_minutes(
    data_set: DataSet, source: SourceNetwork, strategy: Strategy, options: Namespace
) -> tuple[SourceNetwork, Strategy]:
    """Choose what to train within the minutes allowed, and print the reasons."""
    from transfer_core.timing import plan_run_within_budget  # brings torch

    def plan_same_case(network: SourceNetwork) -> Strategy:
        if network == source:
            return strategy
        return plan_same_option(strategy, network)

    here = tuple(network for network in list_networks() if has_weights(network))
    fit = plan_run_within_budget(
        options.minutes,
        data_set,
        (source,) if options.network else here,
        plan_same_case,
        get_home(),
        current_network=source,
        progress=show_progress,
    )
    _emit_event(options, {"event": "fitted", "reasons": fit.reasons})
    chosen = get_network(fit.source.name)
    if chosen == source:
        return fit.source, fit.strategy
    # Stages have other names there, so a cut is chosen anew.
    options.option = None if strategy.textbook_case else strategy.key
    options.case = str(strategy.case.value)
    options.initialise = plan_same_case(chosen).initialise if options.case == "4" else None
    strategy = _choose_strategy(data_set, chosen, options)
    return fit.source, strategy.with_epochs(fit.strategy.optimiser.epochs)


def _train_and_report(
    data_set: DataSet,
    source: SourceNetwork,
    strategy: Strategy,
    options,
    *,
    compiled: bool = False,
    devices: int = 1,
) -> dict:
    """Perform one run to its end, printing its events; return its figures."""
    from transfer_core.runs import get_result, launch_run, start_engine  # brings torch

    executor = "thread" if devices == 1 else "process"
    with start_engine(get_home(), resume=False, executor=executor) as engine:
        run = launch_run(
            engine,
            data_set,
            source,
            strategy,
            options.seed,
            name=data_set.name,
            owner="command line",
            compiled=compiled,
            devices=devices,
        )

        def emit(event: Event) -> None:
            kind, values = encode_event(event)
            _emit_event(options, {"event": kind, "run": run} | values)

        try:
            for entry in engine.follow(run):
                emit(entry.event)
        except KeyboardInterrupt:
            engine.close()  # the run writes a checkpoint
            told = describe_interruption(engine.get(run), engine.find_resume_epoch(run))
            raise KeyboardInterrupt(told) from None
        record = get_result(engine, run)
        if record.error:  # it ended early, but has a result
            print(record.error.problem, record.error.remedy, file=sys.stderr)
        return collect_figures(record, find_last_event(engine.events(run), Ended))


def _emit_event(options: Namespace, values: dict) -> None:
    if options.json:
        print_json(**values)
    elif values["event"] == "fitted":
        print("\n".join(values["reasons"]), file=sys.stderr)
    elif values["event"] == "epoch_ended":
        print(
            f"  epoch {values['epoch']}: validation loss {values['validation_loss']:.3f}, "
            f"accuracy {values['validation_accuracy']:.1%}",
            file=sys.stderr,
        )
