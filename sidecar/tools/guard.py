"""The one connector for every address that somebody else chose.

It looks at the very socket address that is about to be connected to, after name resolution, so
no spelling of a private address and no rebinding of a name gets past it.
"""

import socket
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

import aiohttp

from sidecar.errors import Misconfigured

# Not for us, though `is_global` says otherwise on some Pythons.
# Source: IANA's special-purpose registries and the clouds' metadata addresses, read 2026-11-23.
NEVER = """2002::/16 64:ff9b::/96 64:ff9b:1::/48 fec0::/10 ::/96 192.0.0.0/24 168.63.129.16"""


def exceptions(text: str) -> list[tuple[Any, int]]:
    """(network, port) of `host-or-CIDR:port` after commas; a host name is resolved once, here."""
    found: list[tuple[Any, int]] = []
    for entry in filter(None, map(str.strip, text.split(","))):
        host, _, port = entry.rpartition(":")
        try:
            known = [host] if "/" in host else {i[4][0] for i in socket.getaddrinfo(host, port)}
            found += [(ip_network(one), int(port)) for one in known]
        except (ValueError, OSError) as error:
            remedy = "Write host-or-CIDR:port, with commas between."
            raise Misconfigured(f"AGENTRT_ALLOW_HOSTS: {entry}: {error}", remedy=remedy) from error
    return found


def refused(host: str, port: int, allowed: list[tuple[Any, int]]) -> bool:
    address = ip_address(host.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    if any(port == number and address in network for network, number in allowed):
        return False
    public = address.is_global and not address.is_multicast
    return not public or any(address in ip_network(text) for text in NEVER.split())


def guarded(allowed: list[tuple[Any, int]], info: Any) -> socket.socket:
    family, kind, protocol, _, (host, port, *_) = info
    if refused(host, port, allowed):
        raise PermissionError(f"{host}:{port} is not public and not in AGENTRT_ALLOW_HOSTS")
    return socket.socket(family, kind, protocol)


def connector(allowed: list[tuple[Any, int]]) -> aiohttp.TCPConnector:
    """Never reuses a connection: one that just closed would leave a `once` call in doubt."""
    return aiohttp.TCPConnector(force_close=True, socket_factory=partial(guarded, allowed))
