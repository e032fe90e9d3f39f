"""Whether the address at which somebody wants to be told can be reached, asked before a run begins.

Deliveries go through `tools/guard.py` whatever is said here: this only says it at once.
"""

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

from sidecar.errors import Misconfigured, Problem
from sidecar.tools.guard import exceptions, refused


async def check(url: str, allow_hosts: str) -> None:
    """Problem `validation` where every address of the host would be refused."""
    asked = urlsplit(url)
    try:
        port = asked.port or (443 if asked.scheme == "https" else 80)
        kind: Any = {"type": socket.SOCK_STREAM}
        infos = await asyncio.get_running_loop().getaddrinfo(asked.hostname, port, **kind)
        allowed = await asyncio.to_thread(exceptions, allow_hosts)
    except (OSError, ValueError, Misconfigured):
        return  # a name that is not known yet; the delivery is tried for a day
    if all(refused(str(info[4][0]), port, allowed) for info in infos):
        detail = f"{asked.hostname}:{port} is not public and not in AGENTRT_ALLOW_HOSTS"
        remedy = f"Add {asked.hostname}:{port} to AGENTRT_ALLOW_HOSTS of sidecars and workers."
        raise Problem(422, "address_refused", detail, field="callback_url", remedy=remedy)
