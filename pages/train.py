"""Train: one Start button with the settings folded behind it, then the run as it happens."""

import streamlit as st

from pages.parts.train.live_run import show_run
from pages.parts.train.run_time import show_run_time
from pages.parts.train.setting_changes import show_changes
from pages.parts.train.setting_code import show_code
from pages.parts.train.setting_hints import describe_hints
from pages.parts.train.setting_links import forget_settings
from pages.parts.train.settings_form import RunSettings, show_settings_form
from pages.parts.train.time_limit import fit_to_time_limit, offer_time_limit
from pages.shared import caches, session
from pages.shared.choice import Choice, load_repeated_run, resolve_choice
from pages.shared.launching import start_run
from pages.shared.layout import (
    escape_markdown,
    require_weights,
    show_errors,
    show_page_title,
    stop_unless,
)
from pages.shared.network_drawing import make_drawing, show_network
from pages.shared.progress import show_progress
from transfer_core.dataset import DataSet
from transfer_core.figures import describe_accuracy
from transfer_core.languages import N_, _
from transfer_core.networks import SourceNetwork
from transfer_core.runs import RunRecord
from transfer_core.system import choose_device
from transfer_core.transferability import Option, SimilarityEstimate


def draw() -> None:
    """Draw the page: the run of the address if there is one, else the way to start one."""
    show_page_title(_("Train"), "pages/train.py")
    session.leave_run_if_asked()
    with show_errors():
        repeated = load_repeated_run()
    if run_id := session.get_current_id("run"):
        record = show_run(run_id)
        if session.is_own_run(record) and st.button(
            _("Set up another run"), icon=":material/add:", key="train_another"
        ):
            session.set_up_another_run(record.config.data_id)
            st.rerun()
        return
    data_id = session.get_current_id("data")
    stop_unless(data_id, _("Bring images in first."), "pages/data.py", _("Go to Data"))
    with show_errors():
        data = caches.load_data_set(data_id)
        source = require_weights(session.get_source())
        with show_progress(cancel_page="pages/data.py") as report:
            estimate = caches.estimate_similarity(data_id, source.name, report)
            minutes = session.get_journey().minutes
            options = caches.list_options(data_id, source.name, estimate, minutes, report)
        choice = resolve_choice(data, source, estimate, options)
    session.write_choices_to_url()
    set_up_run(data, source, estimate, choice, repeated)


def set_up_run(
    data: DataSet,
    source: SourceNetwork,
    estimate: SimilarityEstimate,
    choice: Choice,
    repeated: RunRecord | None,
) -> None:
    """Draw what is trained, the form, the time limit and, if asked for, the code."""
    defaults = make_defaults(source, choice, repeated)
    show_option(data, defaults, None if repeated else choice.option)
    place = st.container()
    with show_errors():
        offer_time_limit(data, defaults.source, choice)
    defaults = fit_to_time_limit(defaults)
    describe_plan(defaults)
    session.keep_in_url("train_code", False, (False, True))
    with_code = st.toggle(
        _("Show the code"),
        key="train_code",
        help=_(
            "For each setting the lines of PyTorch that it becomes, as the run's script has them."
        ),
    )
    left, right = place.columns([2, 3]) if with_code else (place, None)
    work = session.get_journey()
    # An option, a run that is repeated, and a time to finish within bring their own defaults.
    origin = repeated.id if repeated else defaults.strategy.key
    with left:
        form = show_settings_form(
            defaults,
            describe_hints(defaults, estimate),
            key=f"train_{origin}_{work.fits}",
            on_gpu=choose_device() == "cuda",
            max_devices=caches.count_offered_devices(),
        )
    with form.time_place, show_errors():
        show_run_time(data, form.settings)
        if usual := find_usual_settings(source, defaults, choice):
            show_changes(form.settings, usual)
    if right:
        with right:
            show_code(data, form.settings.source, form.settings.strategy, form.settings.seed)
    if form.is_started:
        start(data, form.settings, None if repeated else choice.option)


def make_defaults(source: SourceNetwork, choice: Choice, repeated: RunRecord | None) -> RunSettings:
    """The settings of the chosen option, or those of the run that is repeated."""
    if not repeated:
        return RunSettings(source, choice.strategy, seed=0)
    config = repeated.config
    st.info(
        _("The settings of “{run}”, to be changed.", run=escape_markdown(repeated.name)),
        icon=":material/tune:",
    )
    return RunSettings(
        config.source(), config.strategy, config.seed, config.compiled, config.devices
    )


def find_usual_settings(
    source: SourceNetwork, settings: RunSettings, choice: Choice
) -> RunSettings | None:
    """What this way to train begins with; None if it is no longer offered."""
    strategies = {each.key: each.strategy for each in choice.options.options}
    strategy = strategies.get(settings.strategy.key)
    return RunSettings(source, strategy, seed=0) if strategy else None


def show_option(data: DataSet, settings: RunSettings, option: Option | None) -> None:
    """Draw the network as it will be trained, and say what is expected of it.

    Args:
        data: The images.
        settings: Of the run.
        option: What was chosen on Decide; None for a run that is repeated.
    """
    source, strategy = settings.source, settings.strategy
    title = _(option.name if option else strategy.title)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            _(
                "**{way}** on {data}. {expectation}",
                way=escape_markdown(title),
                data=escape_markdown(data.name),
                expectation=_describe_expectation(option),
            ),
            width="content",
        )
        st.page_link(
            "pages/decide.py",
            label=_("Choose another way"),
            icon=":material/alt_route:",
            query_params=session.make_query(data=data.id),
        )
    with show_errors():
        show_network(
            make_drawing(source, strategy, data.classes),
            key=f"train_network_{strategy.key}",
            image=caches.render_tile(data.id, 0),
            play=f"{data.id}/{source.name}/{strategy.key}",
        )


def _describe_expectation(option: Option | None) -> str:
    if option is None or option.accuracy is None:
        return ""
    text = (
        N_("Measured before: {accuracy} of the test images right.")
        if option.measured
        else N_("Forecast: {accuracy} of the test images right.")
    )
    return _(text, accuracy=escape_markdown(describe_accuracy(option)))


def describe_plan(settings: RunSettings) -> None:
    """Say, folded, from which network the run starts, and what is frozen and trained."""
    source, strategy = settings.source, settings.strategy
    with st.expander(_("What exactly is trained"), icon=":material/help:"):
        st.markdown(
            _(
                "From: {network}. Frozen: {frozen}. Trained: {trained}. Starts from {kind} "
                "weights.",
                network=escape_markdown(source.title),
                frozen=source.format_titles(strategy.frozen),
                trained=_(strategy.what_is_trained),
                kind=_(strategy.initial_weights),
            )
        )


def start(data: DataSet, settings: RunSettings, option: Option | None) -> None:
    """Start the run and show it; what was expected of the option is kept beside it."""
    with show_errors():
        run_id = start_run(
            data,
            settings.source,
            settings.strategy,
            settings.seed,
            compiled=settings.compiled,
            devices=settings.devices,
            option=option,
        )
    session.open_run(run_id)
    forget_settings()
    st.rerun()


draw()
