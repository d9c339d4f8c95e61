"""Folders of the server that are offered: those of the list, and nothing else by any name."""

import os

import pytest
from test_pages import build_page, own_engine  # noqa: F401
from zips import make_class_files, write_zip

from transfer_core.dataset import find_offered, list_offered
from transfer_core.errors import DataSetError


@pytest.fixture
def root(tmp_path, monkeypatch):
    root, secret = tmp_path / "school", tmp_path / "secret"
    for folder in (root / "leaves" / "oak", root / ".hidden", secret):
        folder.mkdir(parents=True)
    write_zip(root / "fish.zip", make_class_files({"cod": 9, "eel": 9}))
    (root / "notes.txt").write_text("no data")
    (root / "out").symlink_to(secret)
    (root / "loop").symlink_to(root / "loop")
    monkeypatch.setenv("TRANSFER_FOLDERS", os.pathsep.join([str(root), str(tmp_path / "none"), ""]))
    return root


def test_folders_and_zips_are_offered_but_nothing_hidden_and_no_way_out(root):
    assert list_offered() == {
        "school/fish.zip": root / "fish.zip",
        "school/leaves": root / "leaves",
    }


@pytest.mark.parametrize(
    "name",
    ["school/../secret", "school/out", "/etc", "../secret", "school/%2e%2e/secret", "", "school/."],
)
def test_no_other_name_leads_anywhere(root, name):
    with pytest.raises(DataSetError):
        find_offered(name)


def test_nothing_is_offered_unless_it_was_set(monkeypatch):
    monkeypatch.delenv("TRANSFER_FOLDERS", raising=False)
    assert list_offered() == {}


def test_what_is_offered_is_read_by_one_click(root, transfer_home):
    app = build_page("data").run()
    app.selectbox(key="data_offered").set_value("school/fish.zip").run()
    app.button(key="data_read_offered").click().run(timeout=60)
    assert not app.exception and not app.error
    assert "two classes" in app.success[0].value
