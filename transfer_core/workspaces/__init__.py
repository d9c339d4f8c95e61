"""Workspaces: whose data sets and runs are whose, what is shared by a link, and classes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "belongings": ["Belongings", "adopt_strays", "hold_for_this_computer"],
        "classes.board": [
            "BoardRow",
            "ClassBoard",
            "ClassRun",
            "get_class_run",
            "name_student",
            "select_results",
            "write_results_csv",
        ],
        "classes.deletion": ["delete_class", "leave_class", "sweep_classes"],
        "classes.password": ["check_password", "is_password_given", "make_password"],
        "classes.records": [
            "Class",
            "DAYS_KEPT",
            "Guess",
            "MAX_DAYS_KEPT",
            "MAX_NAME_LENGTH",
            "Member",
            "Task",
        ],
        "classes.store": ["open_classes"],
        "classes.tasks": ["close_class", "hand_out", "take_task"],
        "clearing": [
            "clear_workspace",
            "delete_data_set",
            "release_data_set",
            "remove_unused_workspaces",
        ],
        "links": ["Link", "LinkStore", "Workspace"],
        "space": [
            "Space",
            "check_room_for_run",
            "check_space",
            "measure_space",
            "take_in_if_room",
        ],
        "store": ["Holding", "WorkspaceStore", "open_workspaces"],
    },
)
