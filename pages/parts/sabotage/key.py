"""The key to a spoiled data set, once somebody has guessed."""

from collections import Counter

import streamlit as st

from pages.parts.repair.image_cards import make_grid, paginate
from pages.shared import caches
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
    format_count,
    plan_repair,
    score_guess,
)

ACTIONS = {  # what was done to one image
    "labels": "is really **{}**",
    "leak": "**{}**, a copy of a test image",
    "imbalance": "**{}**, taken away",
    "shortcut": "**{}**, with a painted background",
}


def show_key(data: DataSet, flaw: SpoiledVersion, guess: Guess) -> None:
    """Draw how good the guess was, what was done, and how to repair it."""
    _show_verdict(flaw.key, guess, score_guess(flaw.key, guess))
    about = FLAWS[flaw.key.kind]
    st.markdown(f"**What was done.** {about.harm}\n\n**To repair it:** {about.repair}")
    classes = Counter(image.class_name for image in flaw.key.images)
    counts = ", ".join(f"{escape_markdown(name)} {count}" for name, count in classes.items())
    st.caption(f"Images tampered with, by their true class: {counts}.")
    _offer_repair(data, flaw)


def show_key_images(flaw: SpoiledVersion, guess: Guess) -> None:
    """Draw every image of the key, those that were missed first."""
    with st.expander(f"All {format_count(len(flaw.key.images), 'image')} of the key"):
        _show_images(flaw, score_guess(flaw.key, guess))


def _show_verdict(key: FlawKey, guess: Guess, score: GuessScore) -> None:
    title, share = FLAWS[key.kind].title, f"{len(score.found)} of {len(key.images)}"
    alarms = (
        f" {format_count(score.false_alarms, 'image')} changed that nothing was done to."
        if score.false_alarms
        else ""
    )
    if score.is_kind_right:
        st.success(f"Right: {title}.", icon=":material/task_alt:")
    else:
        st.error(f"You said {FLAWS[guess.kind].title}. It was: {title}.", icon=":material/close:")
    st.markdown(f"**Found: {share} images that were tampered with.**{alarms}")


def _offer_repair(data: DataSet, flaw: SpoiledVersion) -> None:
    """Offer to put all that is left to repair into the basket of Repair."""
    left = plan_repair(data, flaw.key)
    if not left:
        st.success("Nothing is left to repair.", icon=":material/healing:")
        return
    if st.button(
        f"Repair what is left ({format_count(len(left), 'change')})",
        type="primary",
        icon=":material/healing:",
        key="sabotage_repair",
    ):
        put_in_basket(data.id, *(PendingChange(change) for change in left))
        st.switch_page("pages/repair.py", query_params={"data": data.id})


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
            mark = ":material/check: found" if image in score.found else ":material/close: missed"
            action = ACTIONS[flaw.key.kind].format(escape_markdown(image.class_name))
            st.markdown(f"{action}  \n{mark}")


def _show_image(
    data: DataSet, image: TamperedImage, present: int | None, aside: int | None
) -> None:
    index = aside if present is None else present
    if index is not None:
        st.image(
            caches.render_thumbnail(data.id, index, from_set_aside=present is None),
            alt=f"An image of the class {image.class_name}",
            width="stretch",
        )
