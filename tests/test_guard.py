"""A tool's address that nobody allowed is not connected to, however it is spelled."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sidecar.tools.guard import exceptions, refused
from tests.house.api import Api
from tests.house.log import assert_complete
from tests.house.processes import free_port
from tests.house.toolserver import ToolServer


class Listener:
    """Every private way to one port of this machine; counts who comes."""

    def __init__(self, port: int) -> None:
        self.port, self.came = port, 0

    async def meet(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def private() -> AsyncIterator[Listener]:
    listener = Listener(free_port())
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    bound = socket.create_server(
        ("", listener.port), family=family, dualstack_ipv6=family == socket.AF_INET6
    )
    async with await asyncio.start_server(listener.meet, sock=bound) as server:
        yield listener
        server.close()


# The same machine in other words. Source: RFC 3986, RFC 4291, inet_aton(3).
HOSTS = [
    "127.0.0.1",  # plain; another port of this address is allowed
    "127.0.0.2",  # the rest of its network
    "127.1",  # short
    "0x7f000001",  # hexadecimal
    "2130706433",  # decimal
    "017700000001",  # octal
    "0.0.0.0",  # this machine, as Linux reads it
    "localhost",  # a name
    "LOCALHOST",  # the same name, shouted
    "[::1]",  # IPv6
    "[::]",  # this machine, as Linux reads it
    "[::ffff:127.0.0.1]",  # IPv4 within IPv6
    "[::ffff:7f00:1]",  # the same in hexadecimal
    "[::127.0.0.1]",  # IPv4-compatible, long deprecated
    "[64:ff9b::7f00:1]",  # through NAT64
    "[2002:7f00:1::]",  # through 6to4
    "user:pass@127.0.0.1",  # behind a name and password
]


@pytest.mark.parametrize("host", HOSTS)
async def test_a_private_address_is_refused_and_nothing_is_connected(
    api: Api, tools: ToolServer, private: Listener, host: str
) -> None:
    config = {"url": f"http://{host}:{private.port}/"}
    error = await error_of_call(api, tools, config)
    assert error["code"] in ("address_refused", "tool_unreachable"), error
    assert private.came == 0


async def test_the_listener_is_reached_by_those_who_may(private: Listener) -> None:
    """Else the test above would prove nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", private.port)
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    writer.close()
    await writer.wait_closed()
    assert private.came == 1


# Addresses of others that are nobody's tool: metadata services, private nets, no host at all.
OTHERS = ["169.254.169.254", "10.0.0.1", "192.168.0.1", "[fe80::1]", "[fd00::1]", "224.0.0.1"]


@pytest.mark.parametrize("host", OTHERS)
async def test_an_address_within_a_private_network_is_refused(
    api: Api, tools: ToolServer, host: str
) -> None:
    error = await error_of_call(api, tools, {"url": f"http://{host}/"})
    assert error["code"] == "address_refused", error


ALLOWED = "127.0.0.1:8000, 10.1.0.0/16:443"
# An address, a port, and whether nobody's tool may be there; whatever routes this machine has.
ADDRESSES = [
    ("93.184.216.34", 443, False),  # public
    ("2606:4700:4700::1111", 443, False),  # public
    ("::ffff:93.184.216.34", 443, False),  # public, IPv4 within IPv6
    ("127.0.0.1", 8000, False),  # allowed
    ("::ffff:127.0.0.1", 8000, False),  # the same
    ("10.1.255.255", 443, False),  # within an allowed network
    ("127.0.0.1", 8001, True),  # another port
    ("10.2.0.1", 443, True),  # another network
    ("10.1.0.1", 8000, True),  # the port of another entry
    ("::ffff:10.2.0.1", 443, True),  # IPv4 within IPv6
    ("64:ff9b::7f00:1", 443, True),  # through NAT64
    ("64:ff9b:1::a00:1", 443, True),  # through a local NAT64
    ("2002:7f00:1::", 443, True),  # through 6to4
    ("2001:0:7f00:1::", 443, True),  # through Teredo
    ("::7f00:1", 443, True),  # IPv4-compatible
    ("fec0::1", 443, True),  # site-local, long deprecated
    ("fe80::1%eth0", 443, True),  # of one link
    ("192.0.0.9", 443, True),  # IETF protocols, some of them global
    ("100.64.0.1", 443, True),  # a carrier's NAT
    ("168.63.129.16", 443, True),  # Azure's host
    ("169.254.169.254", 80, True),  # metadata
    ("224.0.0.1", 443, True),  # many
    ("ff0e::1", 443, True),  # many
    ("255.255.255.255", 443, True),  # everybody
]


@pytest.mark.parametrize("host, port, is_refused", ADDRESSES)
def test_an_address_is_for_tools_or_is_not(host: str, port: int, is_refused: bool) -> None:
    assert refused(host, port, exceptions(ALLOWED)) is is_refused


async def error_of_call(api: Api, tools: ToolServer, config: dict[str, Any]) -> dict[str, Any]:
    """`once` and retries: a refusal is final and certain, it is neither repeated nor in doubt."""
    contract = tools.contract("guarded", config=config, side_effects="once", retries=3)
    await api.tool("guarded", **{**contract, "timeout_s": 5})
    await api.agent("guarded", tools=["guarded"])
    run = await api.turn("guarded", "Company: Acme")
    assert run["status"] == "completed", run
    events = await assert_complete(api, run["run"])
    (returned,) = [event for event in events if event["kind"] == "tool_returned"]
    error = returned["body"]["error"]
    assert returned["body"]["attempts"] == 1 or error["code"] != "address_refused", returned
    return error
