"""Class: a teacher's board, and a student's place in the class."""

from pages.parts.class_room.joining import show_join_card
from pages.parts.class_room.privacy import show_privacy
from pages.parts.class_room.student import show_student
from pages.parts.class_room.teacher import offer_opening, show_teaching
from pages.shared import session
from pages.shared.layout import show_page_title
from transfer_core.languages import _
from transfer_core.workspaces import DAYS_KEPT, open_classes


def draw() -> None:
    """Draw the page: the board for a teacher, the task for a student, else the way in."""
    show_page_title(_("Class"), "pages/class_room.py")
    belongings = session.get_belongings()
    classes = open_classes(belongings.home)
    taught, joined = (
        classes.list_taught(belongings.workspace),
        classes.find_joined(belongings.workspace),
    )
    code = session.get_requested("class")
    is_asked_in = code is not None and not (joined and joined[0].code == code)
    is_student = joined is not None and joined[0].closed is None
    if taught and not is_asked_in:
        show_teaching(taught)
    elif joined and not is_asked_in:
        show_student(*joined)
    if is_asked_in or not (taught or is_student):
        show_join_card()
    if taught or not is_student:
        offer_opening()
    known = joined[0] if joined else next(iter(taught), None)
    show_privacy(days=known.delete_after_days if known else DAYS_KEPT)


draw()
