"""A stand-in for the hub: repositories with files, served as the hub serves them."""

import json
import threading
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REVISION = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Repositories, each with its files by name; and what it does and what it was asked."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.breaks_at: int | None = None  # bytes of a file that are sent at most
        self.digest: str | None = None  # a wrong hash to give
        self.asked: list[tuple[str, str, str | None]] = []


@contextmanager
def serve_hub(hub: Hub):
    """Serve the repositories on a port of this machine; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.answer(with_content=False)

        def do_GET(self):
            self.answer(with_content=True)

        def answer(self, with_content: bool):
            hub.asked.append((self.command, self.path, self.headers.get("Range")))
            repository, _, rest = self.path.lstrip("/").partition("/resolve/")
            content = hub.repositories.get(repository, {}).get(rest.partition("/")[2])
            if content is None:
                known = repository in hub.repositories
                self.refuse("EntryNotFound" if known else "RepoNotFound")
                return
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
            self.send_response(206 if start else 200)
            self.send_header("X-Repo-Commit", REVISION)
            digest = hub.digest or sha256(content).hexdigest()
            self.send_header("ETag", f'"{digest}"')
            self.send_header("Content-Length", str(len(content) - start))
            if start:
                total = len(content)
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            self.end_headers()
            if with_content:
                self.wfile.write(content[start : hub.breaks_at])
                if hub.breaks_at is not None:
                    self.close_connection = True

        def refuse(self, code: str):
            text = json.dumps({"error": code}).encode()
            self.send_response(404)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
