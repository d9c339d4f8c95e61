"""Bring a file to a page's uploader for large files, as a browser does, without a browser."""

from streamlit.testing.v1 import AppTest

from pages.server.uploads import get_uploads

SESSION = "test session id"  # of every AppTest


def upload(app: AppTest, key: str, name: str, content: bytes) -> AppTest:
    """Let a file arrive at the uploader of this key, and draw the page that takes it."""
    uploads = get_uploads()
    ticket = uploads.expect(SESSION, key, name, len(content))
    uploads.begin(ticket).path.write_bytes(content)
    uploads.end(ticket, complete=True)
    return app.run(timeout=120)
