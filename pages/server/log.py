"""The server's log: one JSON object a line, in files that take turns, without secrets."""

import json
import logging
import re
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

from starlette.requests import HTTPConnection
from starlette.types import Message, Send

MAX_BYTES = 5 * 1024**2  # of a file
OLD_FILES = 4
QUIET = ("/static/", "/media/", "/component/", "/_stcore/", "/health")  # not worth a line if good
QUERY = re.compile(r"\?[^\s\"'<>]+")  # may hold the secret of a workspace or a link


def _get_logger() -> logging.Logger:
    """The logger of this app, without what Streamlit says of each cached function of it.

    It says that no server runs yet, of one that is starting.
    """
    logging.getLogger("streamlit.runtime.caching.cache_data_api").addFilter(
        lambda record: not record.getMessage().startswith("No runtime found")
    )
    return logging.getLogger("transfer_lab")


LOGGER = _get_logger()


class LineFormatter(logging.Formatter):
    """Write a record as one line of JSON, in which a line break is written as an escape."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; what stands behind a question mark in an address is left out."""
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(record.created)),
            "level": record.levelname.lower(),
            "from": record.name,
            "what": hide_queries(record.getMessage()),
        }
        line |= {k: hide_queries(v) for k, v in getattr(record, "fields", {}).items()}
        if record.exc_info:
            line["error"] = hide_queries(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=True, default=str)


def hide_queries(value: object) -> object:
    """A text without the queries of the addresses in it."""
    return QUERY.sub("?...", value) if isinstance(value, str) else value


def start_log(folder: Path, port: int) -> logging.Handler:
    """Write what the server and its libraries report to a file of this port; returns its handler.

    Args:
        folder: For the log, created if it is missing.
        port: Each server process writes a file of its own.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handler = RotatingFileHandler(
        folder / f"server-{port}.log", maxBytes=MAX_BYTES, backupCount=OLD_FILES, encoding="utf-8"
    )
    handler.setFormatter(LineFormatter())
    LOGGER.setLevel(logging.INFO)
    for name in (None, "streamlit", "uvicorn"):  # the latter two do not pass theirs on
        logging.getLogger(name).addHandler(handler)
    return handler


def stop_log(handler: logging.Handler) -> None:
    """Close the log."""
    for name in (None, "streamlit", "uvicorn"):
        logging.getLogger(name).removeHandler(handler)
    handler.close()


def report(what: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log an event with values that can be searched for."""
    LOGGER.log(level, what, extra={"fields": fields})


def log_request(connection: HTTPConnection, send: Send, refused: str | None = None) -> Send:
    """The same `send`, which logs the request when its answer begins.

    Args:
        connection: The request.
        send: Of the request.
        refused: Why it is refused, if it is.
    """
    began, scope = time.monotonic(), connection.scope
    client = connection.client.host if connection.client else ""
    refusal = {"reason": refused, "client": client}

    async def send_and_log(message: Message) -> None:
        status = message.get("status", 403 if message["type"] == "websocket.close" else None)
        if message["type"] == "websocket.accept":
            status = 101
        is_answer = message["type"].endswith((".start", ".accept")) or refused
        is_quiet = scope["path"].startswith(QUIET) and scope["type"] == "http"
        if is_answer and status is not None and not (is_quiet and status < 400):
            report(
                "refused" if refused else "request",
                level=logging.WARNING if refused else logging.INFO,
                method=scope.get("method", "WEBSOCKET"),
                path=scope["path"],
                status=status,
                milliseconds=round(1000 * (time.monotonic() - began)),
                **(refusal if refused else {}),  # of others it is not kept where they come from
            )
        await send(message)

    return send_and_log
