"""Private workspaces in a real Chromium: two strangers, a link, a restart, and an end."""

import re

import pytest
from browsing import Server, wait_until_settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def read_secret(page) -> str:
    """What the browser's workspace is known by."""
    cookies = page.context.cookies()
    (secret,) = [c["value"] for c in cookies if c["name"].startswith("transfer_lab_")]
    return secret


def test_two_browsers_share_by_link_alone_and_one_is_cleared(open_page, tmp_path):
    server, address = Server(tmp_path), re.compile(r"data\?data=[0-9a-f]{16}$")
    try:
        mine, other = open_page(is_stranger=True), open_page(is_stranger=True)
        mine.goto(f"{server.url}/data?sample=plankton")
        mine.wait_for_url(address)
        name = mine.locator("h2").first.inner_text()
        other.goto(mine.url)
        other.get_by_text("There is no such data set").wait_for()
        mine.get_by_role("button", name="Share").click()
        mine.get_by_role("button", name="Make a link").click()
        link = mine.locator("code", has_text="/data?share=").inner_text()
        other.goto(link)
        other.get_by_text("Not your images: shared with you, to look at.").wait_for()
        assert other.locator("h2").first.inner_text() == name
        mine.reload()
        mine.get_by_text("What I read").wait_for()
        mine.goto(f"{server.url}/runs")
        mine.get_by_text("Your workspace").click()
        mine.get_by_role("button", name="Clear my data").click()
        before = read_secret(mine)
        mine.get_by_role("button", name="Delete everything").click()
        mine.get_by_text("Everything is deleted.").wait_for()
        mine.wait_for_url(f"{server.url}/")
        wait_until_settled(mine)
        assert before != read_secret(mine)
        assert [f.name for f in (tmp_path / "data").iterdir() if len(f.name) == 20] == []
        other.reload()
        other.get_by_text("There is no such data set").wait_for()
    finally:
        server.close()
