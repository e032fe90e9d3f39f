"""Content-addressed bytes, linked like commits.

A part is named by the sha256 of its predecessor's name and its own bytes. A conversation and
a payload are the name of their last link: each message is stored once however often it is
sent, and one name proves every byte before it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """`name` and `previous` are lower-case hex; `previous` is empty for a first part."""

    name: str
    previous: str
    body: bytes


Parts = Mapping[str, Part]


def part(body: bytes, previous: str = "") -> Part:
    return Part(hashlib.sha256(bytes.fromhex(previous) + body).hexdigest(), previous, body)


def chain(bodies: Iterable[bytes], previous: str = "") -> list[Part]:
    links: list[Part] = []
    for body in bodies:
        links.append(part(body, links[-1].name if links else previous))
    return links


def unchain(parts: Parts, last: str) -> list[bytes]:
    """The bodies from first to last. KeyError names the missing link."""
    bodies: list[bytes] = []
    while last:
        bodies.append(parts[last].body)
        last = parts[last].previous
    return bodies[::-1]
