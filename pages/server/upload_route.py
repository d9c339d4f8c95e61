"""The address that large files are sent to."""

from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pages.server.log import report
from pages.server.uploads import MEGABYTE, Upload, get_uploads

TICKET_HEADER = "x-upload-ticket"  # a header, since an address would be logged
URL_PATH = "uploads"


async def _receive(request: Request) -> PlainTextResponse:
    """Write the body to the disk, if its ticket is good and it is as long as announced."""
    ticket, uploads = request.headers.get(TICKET_HEADER, ""), get_uploads()
    upload = uploads.begin(ticket)
    if upload is None:
        return PlainTextResponse("This upload was not asked for.", 403)
    complete = False
    try:
        if request.headers.get("content-length") != str(upload.size):
            return PlainTextResponse("The file is not as long as announced.", 413)
        complete = await _write(request, upload)
        return PlainTextResponse("", 200 if complete else 413)
    except ClientDisconnect:
        return PlainTextResponse("The upload ended early.", 400)
    except OSError as error:
        report("upload failed", error=str(error))
        return PlainTextResponse("The server's disk has no room.", 507)
    finally:
        uploads.end(ticket, complete=complete)
        report("upload", bytes=upload.size, complete=complete)


async def _write(request: Request, upload: Upload) -> bool:
    """Write the body a megabyte at a time; returns whether it was as long as announced."""
    written, block = 0, bytearray()
    with await to_thread.run_sync(_create, upload.path) as file:
        async with aclosing(request.stream()) as pieces:
            async for piece in pieces:
                written += len(piece)
                if written > upload.size or upload.state != "arriving":
                    return False
                block += piece
                if len(block) >= MEGABYTE:
                    await to_thread.run_sync(file.write, block)
                    block = bytearray()
        await to_thread.run_sync(file.write, block)
    return written == upload.size


def _create(path: Path) -> BinaryIO:
    return path.open("xb", buffering=0)


UPLOAD_ROUTE = Route(f"/{URL_PATH}", _receive, methods=["PUT"])
