"""What surrounds the pages in the server: who may call it, uploads, its health and its log."""

from pages.server.announce import list_urls
from pages.server.hosts import is_answered_to, list_public_names
from pages.server.opening import open_in_browser
from pages.server.serving import MIDDLEWARE, ROUTES, run_beside

__all__ = [
    "MIDDLEWARE",
    "ROUTES",
    "is_answered_to",
    "list_public_names",
    "list_urls",
    "open_in_browser",
    "run_beside",
]
