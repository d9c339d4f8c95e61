"""The key to a spoiled data set, once somebody has guessed."""

from collections import Counter

import streamlit as st

from pages.parts.repair.image_cards import make_grid, paginate
from pages.parts.repair.waiting_changes import make_new_version
from pages.shared import caches, session
from pages.shared.basket import PendingChange, put_in_basket
from pages.shared.layout import escape_markdown
from transfer_core.dataset import (
    FLAWS,
    DataSet,
    FlawKey,
    Guess,
    GuessScore,
    SpoiledVersion,
    TamperedImage,
    plan_repair,
    score_guess,
)
from transfer_core.languages import N_, _, ngettext

ACTIONS = {  # what was done to one image
    "labels": N_("is really **{name}**"),
    "leak": N_("**{name}**, a copy of a test image"),
    "imbalance": N_("**{name}**, taken away"),
    "shortcut": N_("**{name}**, with a painted background"),
}


def show_key(data: DataSet, flaw: SpoiledVersion, guess: Guess) -> None:
    """Draw how good the guess was, what was done, and how to repair it."""
    _show_verdict(flaw.key, guess, score_guess(flaw.key, guess))
    about = FLAWS[flaw.key.kind]
    st.markdown(
        _(
            "**What was done.** {harm}\n\n**To repair it:** {repair}",
            harm=_(about.harm),
            repair=_(about.repair),
        )
    )
    classes = Counter(image.class_name for image in flaw.key.images)
    counts = ", ".join(f"{escape_markdown(name)} {count}" for name, count in classes.items())
    st.caption(_("Images tampered with, by their true class: {counts}.", counts=counts))
    _offer_repair(data, flaw)


def show_key_images(flaw: SpoiledVersion, guess: Guess) -> None:
    """Draw every image of the key, those that were missed first."""
    images = len(flaw.key.images)
    with st.expander(ngettext("The {n:,} image of the key", "All {n:,} images of the key", images)):
        _show_images(flaw, score_guess(flaw.key, guess))


def _show_verdict(key: FlawKey, guess: Guess, score: GuessScore) -> None:
    title = _(FLAWS[key.kind].title)
    if score.is_kind_right:
        st.success(_("Right: {title}.", title=title), icon=":material/task_alt:")
    else:
        said = _(FLAWS[guess.kind].title)
        words = _("You said {said}. It was: {title}.", said=said, title=title)
        st.error(words, icon=":material/close:")
    found = _(
        "**Found: {found} of {images} images that were tampered with.**",
        found=len(score.found),
        images=len(key.images),
    )
    alarms = ngettext(
        "{n:,} image changed that nothing was done to.",
        "{n:,} images changed that nothing was done to.",
        score.false_alarms,
    )
    st.markdown(f"{found} {alarms}" if score.false_alarms else found)


def _offer_repair(data: DataSet, flaw: SpoiledVersion) -> None:
    """Offer to put all that is left to repair into the basket of Repair."""
    left = plan_repair(data, flaw.key)
    if not left:
        st.success(
            _("Nothing is left to repair. Train again: does the result change?"),
            icon=":material/healing:",
        )
        return
    if st.button(
        _("Repair what is left, and open it"),
        type="primary",
        icon=":material/healing:",
        key="sabotage_repair",
    ):
        put_in_basket(data.id, *(PendingChange(change) for change in left))
        made = make_new_version(data, None)
        st.switch_page("pages/repair.py", query_params=session.make_query(data=made))


def _show_images(flaw: SpoiledVersion, score: GuessScore) -> None:
    """The images of the key as the spoiled version has them."""
    data = caches.load_data_set(flaw.id)
    present = {record.path: index for index, record in enumerate(data.records)}
    aside = {
        record.path: index for index, record in enumerate(caches.load_set_aside(flaw.id).records)
    }
    shown = paginate([*score.missed, *score.found], "key")
    for place, image in zip(make_grid(len(shown)), shown, strict=True):
        with place:
            _show_image(data, image, present.get(image.path), aside.get(image.path))
            mark = (
                _(":material/check: found")
                if image in score.found
                else _(":material/close: missed")
            )
            action = _(ACTIONS[flaw.key.kind], name=escape_markdown(image.class_name))
            st.markdown(f"{action}  \n{mark}")


def _show_image(
    data: DataSet, image: TamperedImage, present: int | None, aside: int | None
) -> None:
    index = aside if present is None else present
    if index is not None:
        st.image(
            caches.render_thumbnail(data.id, index, from_set_aside=present is None),
            alt=_("An image of the class {name}", name=image.class_name),
            width="stretch",
        )
