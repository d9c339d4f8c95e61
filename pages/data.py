"""Data: bring images in, and see what was read."""

import streamlit as st

from pages.parts.data.deletion import offer_deletion
from pages.parts.data.problem_words import translate_kind, translate_problem
from pages.parts.data.recorder import offer_recorder
from pages.parts.data.ways_in import offer_ways_in
from pages.shared import caches, session
from pages.shared.layout import (
    describe_split,
    escape_markdown,
    offer_next_page,
    show_errors,
    show_figure,
    show_page_title,
)
from pages.shared.network_note import show_network_note
from pages.shared.sharing import offer_sharing
from transfer_core import dataset
from transfer_core.dataset import DataSet
from transfer_core.figures import describe_class_counts, plot_class_counts
from transfer_core.languages import _
from transfer_core.system import get_home

MAX_CLASSES_SHOWN = 6  # classes whose images are shown
MAX_PROBLEMS_LISTED = 500  # on the page; an archive may have a hundred thousand
MAX_WARNINGS_OF_A_KIND = 3  # shown in boxes of their own
WARNED_KINDS = {
    "leak",
    "conflict",
    "unbalanced",
    "same-recording",
}  # kinds of problems that are shown at the top


def draw() -> None:
    """Draw the page."""
    show_page_title(_("Data"), "pages/data.py")
    sample = session.get_requested("sample")
    if not sample and (shown := session.find_shown_data_id()):
        show_data_of_others(shown)
        return
    data_id = None if sample else session.get_current_id("data")
    if data_id is None:
        offer_recorder()
        offer_ways_in(sample)
        return
    with show_errors():
        data = caches.load_data_set(data_id)
    with st.container(horizontal=True, vertical_alignment="center"):
        show_name(data)
        offer_next_page(_("Go on: decide how to transfer"), "pages/decide.py", **make_query(data))
        offer_sharing("data", [session.find_public_id(data.id)])
        offer_deletion(data.id, data.name)
    show_summary(data)
    show_ways_on(data)
    offer_recorder()
    with st.expander(_("Bring images in"), icon=":material/add_photo_alternate:"):
        offer_ways_in(sample)
    show_examples(data)
    show_problems(data)


def show_data_of_others(data_id: str) -> None:
    """Draw a data set that a link shows; it can be taken over, and nothing else."""
    with show_errors():
        data = caches.load_data_set(data_id)
    st.caption(":material/visibility: " + _("Not your images: shared with you, to look at."))
    with st.container(horizontal=True, vertical_alignment="center"):
        show_name(data)
        icon = ":material/content_copy:"
        wanted = st.button(_("Take a copy"), type="primary", icon=icon, key="data_copy")
    if wanted:
        with show_errors():
            session.take_in(data_id)
        session.open_data_set(data_id)
        st.rerun()
    show_summary(data)
    show_examples(data)
    show_problems(data)


def make_query(data: DataSet) -> dict[str, str]:
    """What names a data set in the address of another page."""
    return session.make_query(data=data.id)


def show_name(data: DataSet) -> None:
    """Draw the name of a data set, with room for buttons behind it."""
    st.header(escape_markdown(data.name), anchor=False, width="stretch")


def show_summary(data: DataSet) -> None:
    """Draw the classes and what was read: the parts of the split, the tree, what can spoil it."""
    left, right = st.columns([3, 2])
    with left:
        show_figure(plot_class_counts(data), describe_class_counts(data), key="data_classes")
    with right:
        summary = escape_markdown(dataset.describe_import(data))
        st.success(_("What I read: {summary}.", summary=summary), icon=":material/task_alt:")
        st.markdown(f"**{describe_split(data)}**")
        if not dataset.find_flaw(get_home(), data.id):  # the tree is that of the clean images
            show_tree(data)
    show_warnings(data)


def show_ways_on(data: DataSet) -> None:
    """Link to Repair, and to the network that the images start with."""
    with st.container(horizontal=True, vertical_alignment="center"):
        show_network_note(data.id)
        if not data.shards:
            st.page_link(
                "pages/repair.py",
                label=_("Repair: find copies, relabel, set aside"),
                icon=":material/healing:",
                query_params=make_query(data),
            )


def show_warnings(data: DataSet) -> None:
    """Show the problems that can spoil a training; many of one kind in one box."""
    for kind in dict.fromkeys(p.kind for p in data.problems if p.kind in WARNED_KINDS):
        problems = [problem for problem in data.problems if problem.kind == kind]
        several = len(problems) > MAX_WARNINGS_OF_A_KIND
        for problem in problems[:1] if several else problems:
            text = f"{escape_markdown(problem.path)}: {escape_markdown(translate_problem(problem))}"
            if several:
                rest = len(problems) - 1
                text += "  \n" + _("And {count:,} more of this kind, listed below.", count=rest)
            st.warning(text, icon=":material/warning:")


def show_tree(data: DataSet) -> None:
    """Draw the folders of the archive as they were understood."""
    st.markdown(_("**The tree as I read it**"))
    tree = data.import_summary.draw_tree()
    st.code(tree, language=None, height=300 if tree.count("\n") > 9 else "content")


def show_examples(data: DataSet) -> None:
    """Draw the first images of the first classes."""
    st.subheader(_("A look at the images"), anchor=False)
    for label, name in enumerate(data.classes[:MAX_CLASSES_SHOWN]):
        with show_errors():
            st.image(
                caches.render_contact_sheet(data.id, label),
                caption=escape_markdown(
                    _("{name}: {images:,} images", name=name, images=data.counts()[label])
                ),
                alt=_("First images of the class {name}", name=name),
                width="content",
            )
    if len(data.classes) > MAX_CLASSES_SHOWN:
        st.caption(
            _(
                "The first {shown} of {classes} classes.",
                shown=MAX_CLASSES_SHOWN,
                classes=len(data.classes),
            )
        )


def show_problems(data: DataSet) -> None:
    """List everything that was set aside or noticed, with a file of it."""
    st.subheader(_("Everything set aside or noticed"), anchor=False)
    if not data.problems:
        st.caption(_("Nothing: every file was used."))
        return
    st.dataframe(
        [
            {_("kind"): translate_kind(p), _("file"): p.path, _("what"): translate_problem(p)}
            for p in data.problems[:MAX_PROBLEMS_LISTED]
        ],
        hide_index=True,
        width="stretch",
    )
    if (rest := len(data.problems) - MAX_PROBLEMS_LISTED) > 0:
        st.caption(_("And {count:,} more, which the CSV has.", count=rest))
    st.download_button(
        _("Download as CSV"),
        lambda: dataset.export_problems_csv(data),
        file_name="problems.csv",
        mime="text/csv",
        icon=":material/download:",
        key="data_csv",
    )


draw()
