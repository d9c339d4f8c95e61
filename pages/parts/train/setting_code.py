"""Settings and code side by side: the lines of the run's script that each setting becomes."""

import streamlit as st

from transfer_core.cases import Strategy
from transfer_core.dataset import DataSet
from transfer_core.languages import _
from transfer_core.networks import SourceNetwork
from transfer_core.training import list_setting_values


def show_code(data: DataSet, source: SourceNetwork, strategy: Strategy, seed: int) -> None:
    """Draw the code of each setting that has an effect, and the whole script of the run."""
    from transfer_core.export import collect_settings, find_setting_lines, render_script
    from transfer_core.runs import make_run_config

    config = make_run_config(data, source, strategy, seed)
    script = render_script(config, source, data.classes)
    lines = find_setting_lines(script, collect_settings(config, source, data.classes))
    for field, __ in list_setting_values(config):
        if field.name != "compiled":  # of GPUs
            code = lines.get(field.name) or lines[field.name.upper()]
            st.code(f"# {_(field.setting.label)}\n{code}", language="python", wrap_lines=True)
    with st.expander(_("The whole script"), icon=":material/code:"):
        st.code(script, language="python", height=500)
