"""What a class keeps of a student, and what it never does."""

import streamlit as st

from transfer_core.languages import _


def show_privacy(*, days: int) -> None:
    """Draw the lists, folded.

    Args:
        days: From the end of the class until what was made in it is deleted.
    """
    with st.expander(_("What is kept, and what never"), icon=":material/privacy_tip:"):
        st.markdown(
            _(
                "- **A class never keeps** your name, an e-mail address, the address of your "
                "computer, or what you do outside of it. Nobody in it sees your pictures, unless "
                "you share a link. Nothing is sent to other computers.\n"
                "- **Your teacher sees:** the nickname, your guess, and the runs that you start "
                "from joining until the class is closed: on which data set, how, and how good. "
                "Classmates see nothing of you; on the board the teacher can hide the names.\n"
                "- **It ends:** when you press “Leave and delete my data”, or {days} days after "
                "the class is closed; it closes by itself if nobody uses it for as long. Runs and "
                "images that you made in it are then deleted. All else stays until you delete it "
                "on Data or Runs.",
                days=days,
            )
        )
