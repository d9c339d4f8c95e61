"""Open the app in the browser of this computer, as soon as it answers."""

import asyncio
import webbrowser
from urllib.parse import urlsplit

POLL_SECONDS = 0.1


async def open_in_browser(link: str) -> None:
    """Wait until the server of a link answers, then open the link."""
    address = urlsplit(link)
    while True:
        try:
            _, writer = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            await asyncio.sleep(POLL_SECONDS)
        else:
            writer.close()
            break
    await asyncio.to_thread(webbrowser.open, link)
