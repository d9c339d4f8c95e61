"""Results: what the trained network is worth, on images that nothing has learned from."""

from dataclasses import asdict

import streamlit as st

from pages.shared import caches, session
from pages.shared.layout import explained, literal, page_title, shown_errors, stop_unless
from pages.shared.live_run import STATES, show_proof
from transfer_core import networks
from transfer_core.figures.confusion import confusion_matrix, describe_confusion

MEANINGS = {
    "precision (%)": "Of the images that were taken for this class, how many are of it.",
    "recall (%)": "Of the images of this class, how many were found.",
}

page_title("Results", "pages/results.py")
run_id = session.current("run")
stop_unless(run_id, "Train something first, or choose a run.", "pages/runs.py", "See runs")
with shown_errors():
    record = caches.engine().get(run_id)
st.subheader(literal(record.name), anchor=False)
if record.result is None:
    icon, words = STATES[record.state]
    st.info(f"This run has no result: {words.lower()}.", icon=icon)
    st.page_link(
        "pages/train.py",
        label="Watch the run",
        icon=":material/show_chart:",
        query_params={"run": run_id},
    )
    st.stop()
result = record.result
figures = st.columns(4)
figures[0].metric("Test accuracy", f"{result['accuracy']:.1%}")
figures[1].metric(
    "95 % interval", f"{result['low']:.0%} – {result['high']:.0%}",
    help="Where the accuracy on very many images of this kind would lie, by Wilson's method.",
)  # fmt: skip
figures[2].metric(
    "Always the largest class", f"{result['majority_accuracy']:.1%}",
    help="What guessing the largest training class every time would reach.",
)  # fmt: skip
figures[3].metric(
    "Macro F1",
    f"{result['macro_f1']:.2f}",
    help="Between 0 and 1. A class has a high F1 if most of its images are found and few others "
    "are taken for it; this is the mean over the classes.",
)
st.markdown(literal(result["sentence"]))
validation = result["validation_accuracy"]
if validation is not None:
    st.caption(
        f"Validation accuracy of the same weights: {validation:.1%}. Validation images chose the "
        f"best epoch; the {result['images']:,} test images were used once, after training."
    )
classes = [score["name"] for score in result["per_class"]]
left, right = st.columns(2)
with left:
    explained(
        confusion_matrix(result["confusion"], classes),
        describe_confusion(result["confusion"], classes), key="results_confusion",
    )  # fmt: skip
with right:
    st.markdown("**Each class**")
    st.dataframe(
        [
            {
                "class": score["name"],
                "precision (%)": 100 * score["precision"],
                "recall (%)": 100 * score["recall"],
                "test images": score["support"],
            }
            for score in result["per_class"]
        ],
        hide_index=True, width="stretch",
        column_config={
            name: st.column_config.NumberColumn(format="%.1f", help=meaning)
            for name, meaning in MEANINGS.items()
        },
    )  # fmt: skip
if record.imported:
    st.caption("Trained elsewhere and brought in as a bundle, which has no log of the training.")
else:
    st.header("What moved, and what stayed frozen", anchor=False)
    ended = next(e for e in reversed(caches.run_log(run_id).events()) if e.kind == "ended")
    show_proof(record, ended.values)
st.header("What was done", anchor=False)
with shown_errors():
    strategy, source = record.config.strategy, networks.get(record.config.network)
st.markdown(
    f"{strategy.case.title}; kept through {source.titles((strategy.keep_through,))}, "
    f"{strategy.initialise} weights, frozen: {source.titles(strategy.frozen)}; "
    f"seed {record.config.seed}."
)
with st.expander("Every setting, enough to repeat the run"):
    st.json(asdict(record.config))
with st.container(horizontal=True):
    st.page_link(
        "pages/train.py",
        label="The curves",
        icon=":material/show_chart:",
        query_params={"run": run_id},
    )
    st.page_link(
        "pages/take_away.py",
        label="Take it away",
        icon=":material/download:",
        query_params={"run": run_id},
    )
    st.page_link(
        "pages/decide.py",
        label="Try another case",
        icon=":material/alt_route:",
        query_params={"data": record.config.data_id},
    )
