"""The menu of pages, when a page's own address is the first that a fresh server is asked for."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "pages").glob("*.py")))
def test_a_page_that_runs_before_the_menu_is_arranged_asks_for_it(page, transfer_home, monkeypatch):
    """What then happens in a browser is tested there with two of the pages."""
    asked_for = []

    def switch_page(target, **options):
        asked_for.append(target)
        st.stop()

    monkeypatch.setattr(st, "switch_page", switch_page)
    shown = AppTest.from_file(str(ROOT / "pages" / page), default_timeout=60).run()
    assert asked_for == ["app.py"]
    assert not shown.exception and not shown.main.children
