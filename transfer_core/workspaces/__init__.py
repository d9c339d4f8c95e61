"""Workspaces: whose data sets and runs are whose, and what is shared by a link."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "belongings": ["Belongings", "hold_for_this_computer"],
        "clearing": ["clear_workspace", "release_data_set"],
        "links": ["Link", "LinkStore", "Workspace"],
        "store": ["Holding", "WorkspaceStore", "open_workspaces"],
    },
)
