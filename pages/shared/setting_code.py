"""Settings and code side by side: the lines of the run's script that each setting becomes."""

import streamlit as st

from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.networks import SourceNetwork

SETTING_TITLES = {  # settings in the order of the page, by the names that the script has for them
    "learning_rate": "Learning rate",
    "weight_decay": "Weight decay",
    "stage_decay": "Rate of earlier stages",
    "epochs": "Epochs, at most",
    "patience": "Patience",
    "batch_size": "Batch size",
    "SEED": "Seed",
    "views": "Augmented views",
    "augment": "Random crops and colours",
    "mirror": "Mirror half of them",
    "CLASS_WEIGHTS": "Weigh rare classes up",
}
WHOLE_NETWORK_SETTINGS = {"stage_decay", "augment"}  # nothing where stages are frozen


def show_code(data: DataSet, source: SourceNetwork, strategy: Strategy, seed: int) -> None:
    """The code that the settings of a run make; it is read from the script of that run."""
    from transfer_core.export.script import collect_settings, render_script
    from transfer_core.export.setting_lines import find_setting_lines
    from transfer_core.runs.launch import make_run_config

    config = make_run_config(data, source, strategy, seed)
    script = render_script(config, source, data.classes)
    lines = find_setting_lines(script, collect_settings(config, source, data.classes))
    hidden = WHOLE_NETWORK_SETTINGS if strategy.frozen else {"views"}
    for name, title in SETTING_TITLES.items():
        if name not in hidden:
            st.code(f"# {title}\n{lines[name]}", language="python", wrap_lines=True)
    with st.expander("The whole script", icon=":material/code:"):
        st.code(script, language="python", height=500)
