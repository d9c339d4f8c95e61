"""What surrounds the pages in the server: who may call it, uploads, its health and its log."""

from pages.server.announce import list_urls
from pages.server.opening import open_in_browser
from pages.server.serving import MIDDLEWARE, ROUTES, run_beside

__all__ = ["MIDDLEWARE", "ROUTES", "list_urls", "open_in_browser", "run_beside"]
