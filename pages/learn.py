"""Learn: the layers and the four cases."""

from pathlib import Path

import streamlit as st

from pages.shared import caches
from pages.shared.layout import explained, page_title, shown_errors
from transfer_core import networks
from transfer_core.cases import TransferCase, plan
from transfer_core.figures.network import describe_network, network_drawing

LESSONS = Path(__file__).parent / "lessons"

page_title("Learn", "pages/learn.py")
source = networks.get("demonstration")
st.header("What the layers see", anchor=False)
st.markdown((LESSONS / "layers.md").read_text(encoding="utf-8"))
with shown_errors():
    filters = caches.first_filters()
st.image(filters, width=44)
st.caption(f"The {len(filters)} filters of Convolution 1 after pre-training, in their own colours.")

st.header("The four cases", anchor=False)
st.markdown((LESSONS / "four_cases.md").read_text(encoding="utf-8"))
case = st.segmented_control(
    "Draw the network for", list(TransferCase), default=TransferCase.SMALL_SIMILAR, required=True,
    format_func=lambda case: f"Case {case.value}", key="learn_case",
)  # fmt: skip

with shown_errors():
    parts = caches.layer_parts(source.name, plan(case, source.stage_names), 10)
explained(network_drawing(parts), describe_network(parts), key="learn_network", caption=False)

st.header("The demonstration network's card", anchor=False)
card = source.card
st.markdown(
    f"Trained on: {card.get('data', '')}. Top-1 accuracy {card.get('validation_accuracy', 0):.1%} "
    f"on {card.get('validation_images', 0):,} photos it was not trained on "
    f"({len(card['classes'])} classes; guessing gives {1 / max(1, len(card['classes'])):.1%})."
)
st.caption(card.get("licence", ""))
