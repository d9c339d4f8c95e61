"""Train: every setting in sight, then the run as it happens."""

from dataclasses import replace

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import (
    escape_markdown,
    require_weights,
    show_errors,
    show_page_title,
    show_progress,
    stop_unless,
)
from pages.shared.live_run import show_run
from pages.shared.minutes import (
    apply_fitted_epochs,
    choose_input_size,
    offer_time_limit,
    show_run_time,
)
from pages.shared.setting_code import show_code
from pages.shared.strategy import load_repeated_run, resolve_choice
from transfer_core.cases import OptimiserSettings, Strategy, compute_stage_learning_rates
from transfer_core.networks import SourceNetwork
from transfer_core.system.devices import choose_device
from transfer_core.transferability.explanation import describe_flip_invariance


def _describe_stage_rates(
    settings: OptimiserSettings, source: SourceNetwork, strategy: Strategy
) -> str:
    """What the default of the setting means for the stages that learn."""
    kept = source.stage_names.index(strategy.keep_through) + 1
    if settings.stage_decay == 1:
        return (
            "Learning rate of each stage as a share of that of the stage behind it. At 1 all "
            "learn at the same rate; below 1 those near the input learn less."
        )
    first, *_, last = compute_stage_learning_rates(settings, kept + 1)
    return (
        "Learning rate of each stage as a share of that of the stage behind it: early stages "
        "hold general features and need the smallest changes. At "
        f"{settings.stage_decay:g} the peak rates rise from {first:.1g} in the first stage to "
        f"{last:.1g} in the new layer."
    )


show_page_title("Train", "pages/train.py")
if "new" in st.query_params:  # from Decide: the run shown last is not what is wanted now
    session.change(run_id=None)
    del st.query_params["new"]
with show_errors():
    repeated = load_repeated_run()
run_id = session.get_current_id("run")
if run_id:
    record = show_run(run_id)
    if st.button("Set up another run", icon=":material/add:", key="train_another"):
        session.change(run_id=None, data_id=record.config.data_id)
        st.query_params.clear()
        st.rerun()
    st.stop()

data_id = session.get_current_id("data")
stop_unless(data_id, "Bring images in first.", "pages/data.py", "Go to Data")
with show_errors():
    data = caches.load_data_set(data_id)
    source, work = require_weights(session.source()), session.workspace()
    with show_progress() as report:
        found = caches.estimate_similarity(data_id, source.name, report)
    on_gpu = choose_device() == "cuda"
session.write_choices_to_url()
choice = resolve_choice(data, source, found)
case, strategy, first_seed = choice.case, choice.strategy, 0
if repeated:
    strategy, first_seed = repeated.config.strategy, repeated.config.seed
    case, source = strategy.case, repeated.config.source()  # at that run's input size
    st.info(
        f"The settings of “{escape_markdown(repeated.name)}”, to be changed.",
        icon=":material/tune:",
    )
st.markdown(
    f"**{case.title}** on {escape_markdown(data.name)}, from: {escape_markdown(source.title)}. "
    f"Frozen: {source.format_titles(strategy.frozen)}. New: one fully connected layer."
)
st.page_link(
    "pages/decide.py",
    label="Change the case",
    icon=":material/alt_route:",
    query_params={"data": data_id},
)
with show_errors():
    offer_time_limit(data, source, choice)
own_size = repeated.config.source().input_size if repeated else source.input_size
strategy, size = apply_fitted_epochs(strategy), choose_input_size(strategy, own_size)
settings = strategy.optimiser
with_code = st.toggle(
    "Show the code",
    key="train_code",
    help="Beside each setting the lines of PyTorch that it becomes, as the run's script has them.",
)
form, code = st.columns([2, 3]) if with_code else (st.container(), None)
with form.container(border=True):
    st.markdown(
        "These are all the settings; nothing else changes while training. If in doubt, leave them "
        "as they are: they belong to the case."
    )
    first, second, third = st.columns(1) * 3 if with_code else st.columns(3)
    # A case, a run that is repeated, and a time to finish within bring their own defaults.
    key = f"train_{repeated.id if repeated else ''}{case.value}_{strategy.initialise}_"
    key += f"{session.workspace().fits}_"
    learning_rate = first.number_input(
        "Learning rate",
        0.0,
        10.0,
        settings.learning_rate,
        format="%.5f",
        step=0.0001,
        key=key + "rate",
        help="Peak of a one-cycle schedule: it rises at first, then falls to 0.",
    )
    weight_decay = first.number_input(
        "Weight decay",
        0.0,
        10.0,
        settings.weight_decay,
        format="%.4f",
        step=0.01,
        key=key + "decay",
        help="Pulls weights towards 0, against learning images by heart.",
    )
    epochs = second.number_input(
        "Epochs, at most",
        1,
        1000,
        settings.epochs,
        key=f"{key}epochs_{settings.epochs}",
        help="An epoch is one pass over the training images.",
    )
    patience = second.number_input(
        "Patience",
        1,
        1000,
        settings.patience,
        key=key + "patience",
        help="Epochs without a lower validation loss before training stops early. The best "
        "epoch's weights are kept.",
    )
    batch = third.number_input(
        "Batch size",
        2,
        4096,
        settings.batch_size,
        key=key + "batch",
        help="Training images per step.",
    )
    seed = third.number_input(
        "Seed",
        0,
        2**31 - 1,
        first_seed,
        key=key + "seed",
        help="The same seed repeats the same run on the same machine.",
    )
    sizes = caches.input_sizes(source.name)
    size = third.selectbox(
        "Input size, in pixels a side",
        sizes,
        sizes.index(size),
        key=f"{key}size_{size}",
        disabled=len(sizes) == 1,
        help="Fewer pixels are less work and show less. "
        + ("This network takes no other size." if len(sizes) == 1 else ""),
    )
    whole = not strategy.frozen
    stage_decay = first.number_input(
        "Rate of earlier stages",
        0.01,
        1.0,
        settings.stage_decay,
        step=0.05,
        disabled=not whole,
        key=key + "stage_decay",
        help=_describe_stage_rates(settings, source, strategy)
        if whole
        else "Only the new layer learns.",
    )
    views = second.number_input(
        "Augmented views of each image",
        0,
        100,
        settings.views,
        disabled=whole,
        key=key + "views",
        help="Not where everything is trained: there every epoch draws new ones."
        if whole
        else "Randomly cropped and recoloured copies of each training image, embedded once like "
        "the images themselves. They help against learning few images by heart; each costs one "
        "more pass over the training images.",
    )
    augment = st.checkbox(
        "Random crops and colours of the training images",
        settings.augment and whole,
        disabled=not whole,
        key=key + "augment",
        help="Not with frozen layers: their output is computed once per image.",
    )
    mirror = st.checkbox(
        "Mirror half of these images, left to right",
        settings.mirror,
        key=key + "mirror",
        disabled=not whole and not views,
        help=describe_flip_invariance(found.evidence)
        + ("" if whole else " Counts where there are augmented views."),
    )
    weighted = st.checkbox(
        "Weigh rare classes up where classes are unbalanced",
        strategy.class_weights,
        key=key + "weighted",
        help="Each class then counts the same, however many images it has. Classes are unbalanced "
        "where the largest has over 1.5 times the images of the smallest.",
    )
    compiled = on_gpu and st.checkbox(
        "Translate the network for the GPU first (torch.compile)",
        bool(repeated and repeated.config.compiled),
        disabled=not whole,
        key=key + "compiled",
        help="Takes a minute or more, then each step takes less time: worth it in long trainings.",
    )
    optimiser = OptimiserSettings(
        learning_rate, weight_decay, batch, epochs, patience, augment, mirror, stage_decay, views
    )
    chosen = replace(strategy, optimiser=optimiser, class_weights=weighted)
    source = source.with_input_size(size)
    with show_errors():
        show_run_time(data, source, chosen)
    started = st.button(
        "Start training", type="primary", icon=":material/play_arrow:", key="train_start"
    )
if code:
    with code:
        show_code(data, source, chosen, seed)
if started:
    with show_errors():
        from transfer_core.runs.launch import launch

        run = launch(
            caches.engine(),
            data,
            source,
            chosen,
            seed,
            owner=work.owner,
            key=work.start_key,
            compiled=compiled,
        )
    session.change(run_id=run, start_key=session.make_key())
    st.query_params.pop("repeat", None)
    st.query_params["run"] = run
    st.rerun()
