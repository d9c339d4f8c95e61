"""Sabotage lab: find the flaw in a spoiled data set, repair it, and then see the key."""

import streamlit as st

from pages.parts.sabotage.guess import ask_for_guess
from pages.parts.sabotage.key import show_key, show_key_images
from pages.parts.sabotage.sets import offer_flaw, offer_mystery_sets
from pages.shared import caches, session
from pages.shared.guesses import get_guess, synchronise_guesses
from pages.shared.layout import escape_markdown, show_errors, show_page_title
from transfer_core import dataset
from transfer_core.dataset import DataSet, SpoiledVersion
from transfer_core.languages import N_, _
from transfer_core.system import get_home

SHEETS = (  # part of the split, caption and text alternative of its first images
    (
        "train",
        N_("Training images, {count:,} in all"),
        N_("First training images of the class {name}"),
    ),
    ("test", N_("Test images, {count:,} in all"), N_("First test images of the class {name}")),
)


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Sabotage lab"), "pages/sabotage.py")
    lab = st.container()
    with st.container():  # drawn below the lab, but first: a reload may come at once
        synchronise_guesses()
    with lab:
        show_lab()


def show_lab() -> None:
    """Draw the spoiled set that is open, and the ways to another one."""
    data_id, data, flaw = session.get_current_id("data"), None, None
    if data_id:
        with show_errors():
            data = caches.load_data_set(data_id)
        flaw = dataset.find_flaw(get_home(), data.id)
    if flaw:
        show_spoiled_set(data, flaw)
        st.subheader(_("Another one"), anchor=False)
    else:
        st.markdown(_("Somebody spoiled these images. Find out how, and repair them."))
    offer_mystery_sets(is_first=flaw is None)
    if data and not flaw:
        offer_flaw(data)
    elif not data:
        st.page_link(
            "pages/data.py",
            label=_("Or bring in your own images, and put a flaw into a copy of them"),
            icon=":material/photo_library:",
        )


def show_spoiled_set(data: DataSet, flaw: SpoiledVersion) -> None:
    """Draw some images, the ways to find the flaw, and the guess or the key."""
    st.header(escape_markdown(data.name), anchor=False)
    left, right = st.columns(2)
    with left:
        show_images(data)
        show_ways(data)
    with right:
        guess = get_guess(flaw)
        if guess:
            show_key(data, flaw, guess)
        else:
            ask_for_guess(data, flaw)
        offer_clean_set(flaw)
    if guess:
        show_key_images(flaw, guess)


def show_images(data: DataSet) -> None:
    """Draw the first training and test images of the class that is chosen."""
    session.keep_in_url("sabotage_class", 0, range(len(data.classes)))
    label = st.selectbox(
        _("Look at the class"),
        range(len(data.classes)),
        key="sabotage_class",
        format_func=lambda label: data.classes[label],
    )
    for split, caption, alt in SHEETS:
        with show_errors():
            st.image(
                caches.render_contact_sheet(data.id, label, split),
                caption=_(caption, count=data.counts(split)[label]),
                alt=_(alt, name=data.classes[label]),
                width="stretch",
            )


def show_ways(data: DataSet) -> None:
    """Link to the pages where the flaw shows."""
    st.markdown(_("**Look for it**"))
    for page, label, icon in (
        ("pages/data.py", N_("Data: how many images of each class"), ":material/photo_library:"),
        ("pages/decide.py", N_("Train, and look at the results"), ":material/model_training:"),
        ("pages/repair.py", N_("Repair: copies, suspect labels, mistakes"), ":material/healing:"),
    ):
        st.page_link(page, label=_(label), icon=icon, query_params=session.make_query(data=data.id))


def offer_clean_set(flaw: SpoiledVersion) -> None:
    """Offer the images as they were before, which undoes the flaw."""
    if st.button(
        _("Undo: open the images without the flaw"), icon=":material/undo:", key="sabotage_undo"
    ):
        session.open_data_set(flaw.parent)
        st.rerun()


draw()
