"""The names and addresses of this computer."""

import socket
from contextlib import suppress

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")  # names that only this computer itself can use
OPEN_OPTION = "--open"  # of app.py: open this computer's workspace in the browser
UNREACHABLE = ("192.0.2.1", 9)  # kept for documentation: nothing is sent there


def list_addresses() -> list[str]:
    """IPv4 addresses at which the network may reach this computer, the likeliest first."""
    found = []
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(UNREACHABLE)  # only asks which of the addresses would be used
        found.append(probe.getsockname()[0])
    with suppress(OSError):
        named = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        found += sorted({entry[4][0] for entry in named})
    return [each for each in dict.fromkeys(found) if not each.startswith("127.")]
