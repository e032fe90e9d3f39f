"""The one connector for every address that somebody else chose.

It looks at the very socket address that is about to be connected to, after name resolution, so
no spelling of a private address and no rebinding of a name gets past it.
"""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from sidecar.errors import Misconfigured

# Not for us, though `is_global` says otherwise on some Pythons.
# Source: IANA special-purpose registries and cloud metadata addresses, read on 2026-11-23.
NEVER = [
    ipaddress.ip_network(text)
    for text in [
        "2002::/16",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "fec0::/10",
        "192.0.0.0/24",
        "168.63.129.16",
    ]
    + ["::/96"]
]
"""Refused unless AGENTRT_ALLOW_HOSTS names them."""


@dataclass(frozen=True, slots=True)
class Allowed:
    network: ipaddress.IPv4Network | ipaddress.IPv6Network
    port: int


def allowed(text: str) -> list[Allowed]:
    """`host-or-CIDR:port`, separated by commas; a host name is resolved once, here."""
    found: list[Allowed] = []
    for entry in filter(None, (piece.strip() for piece in text.split(","))):
        host, _, port = entry.rpartition(":")
        try:
            addresses = [host] if "/" in host else resolved(host, int(port))
            found += [Allowed(ipaddress.ip_network(one), int(port)) for one in addresses]
        except (ValueError, OSError) as error:
            remedy = "Write host-or-CIDR:port, separated by commas."
            raise Misconfigured(
                f"AGENTRT_ALLOW_HOSTS: {entry!r}: {error}", remedy=remedy
            ) from error
    return found


def resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return sorted({str(info[4][0]) for info in found})


def refused(host: str, port: int, exceptions: Sequence[Allowed]) -> bool:
    address = ipaddress.ip_address(host.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    if any(port == one.port and address in one.network for one in exceptions):
        return False
    outside = address.is_global and not address.is_multicast
    return not outside or any(address in network for network in NEVER)


def connector(exceptions: Sequence[Allowed]) -> aiohttp.TCPConnector:
    """PermissionError, inside aiohttp's connection error, for an address that is not public."""

    def guarded(info: Any) -> socket.socket:
        family, kind, protocol, _, address = info
        if refused(address[0], address[1], exceptions):
            raise PermissionError(f"{address[0]}:{address[1]} is not a public address")
        return socket.socket(family, kind, protocol)

    return aiohttp.TCPConnector(limit=200, socket_factory=guarded)
