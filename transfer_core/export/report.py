"""Write the report of a run: one HTML file that needs no connection and no other file."""

from datetime import datetime
from pathlib import Path

import jinja2
from plotly.offline import get_plotlyjs

from transfer_core.export import report_sections as sections
from transfer_core.export.model_card import build_model_card, find_data_set
from transfer_core.inspection import TrainedNetwork
from transfer_core.runs import RunStore
from transfer_core.system import Progress

TEMPLATE = Path(__file__).parent / "report.html"


def write_report(
    to: Path, home: Path, trained: TrainedNetwork, progress: Progress
) -> tuple[Path, ...]:
    """Write `report.html`: data, decision, settings, curves, result, history and versions.

    The report says which parts it lacks, such as the images of a run imported from a bundle.
    """
    page, record = to / "report.html", trained.record
    store = RunStore(home)
    try:
        events, runs = store.events(record.id), store.list()
    finally:
        store.close()
    data_set = find_data_set(home, trained)
    when = datetime.fromtimestamp(record.created).strftime("%d %B %Y, %H:%M")
    # The template escapes every text that a person wrote.
    template = jinja2.Environment(autoescape=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    text = template.render(
        title=record.name,
        lead=f"Transfer Lab, {when}. {record.result.sentence}",
        plotly=get_plotlyjs(),
        sections=(
            sections.build_data_section(home, data_set),
            sections.build_decision_section(home, data_set, trained, progress),
            sections.build_settings_section(trained),
            *sections.build_training_sections(trained, events),
            *sections.build_result_sections(record),
            sections.build_history_section(record, runs),
            sections.build_origin_section(build_model_card(home, trained)),
        ),
    )
    page.write_text(text, encoding="utf-8")
    return (page,)
