"""Runs a sidecar command with the network closed: Python may connect to nothing.

Postgres is reached by libpq, in C, which no audit hook hears; all else goes through Python's
sockets and is refused.
"""

import runpy
import sys
from typing import Any


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo") and arguments[-1] is not None:
        print(f"REFUSED {event} {arguments[1:]!r}", file=sys.stderr, flush=True)
        raise ConnectionRefusedError("the network is closed")


if __name__ == "__main__":
    sys.addaudithook(refuse)
    sys.argv[0] = "agentrt"
    runpy.run_module("sidecar", run_name="__main__")
