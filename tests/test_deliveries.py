"""A run that rests is told to whoever asked for it: signed, again and again, until it is heard."""

import hashlib
import hmac
from typing import Any

import pytest
from aiohttp import web

from tests.house.api import Api, opened
from tests.house.installation import KEY, Installation
from tests.house.toolserver import Received, ToolServer
from tests.house.until import until


def url(tools: ToolServer, name: str) -> str:
    return f"http://127.0.0.1:{tools.port}/{name}"


def signed(received: Received, secret: str) -> bool:
    """Whether the signature is the one that the docs tell receivers to expect."""
    at_s, _, signature = received.headers["agentrt-signature"].partition(",v1=")
    said = f"{at_s.removeprefix('t=')}.".encode() + received.raw
    return hmac.new(secret.encode(), said, hashlib.sha256).hexdigest() == signature


async def rows(house: Installation, run: str) -> list[tuple[Any, ...]]:
    return house.sql("SELECT state, attempt, answer FROM delivery WHERE run = %s", [run])


async def ended(house: Installation, run: str) -> list[tuple[Any, ...]]:
    return [row for row in await rows(house, run) if row[0] != "pending"]


async def test_a_callback_is_the_run_signed_with_its_customers_secret(
    api: Api, tools: ToolServer, house: Installation
) -> None:
    secret = (await api("PUT", "/v1/keys/callers", {})).body["signing_secret"]
    await api.agent("calls-back")
    tools.gives("heard", {})
    run = await api.turn(
        "calls-back", "hello", customer="callers", wait_s=0, callback_url=url(tools, "heard")
    )
    assert run["status"] == "running"
    await until(lambda: tools.called("heard"))
    (received,) = tools.calls("heard")
    assert received.body == (await api.rested(run["run"]))
    assert signed(received, secret)
    assert not signed(received, secret + "x")
    await until(lambda: ended(house, run["run"]))
    assert await rows(house, run["run"]) == [("done", 1, "HTTP 200")]


# What the receiver answers first, and what then becomes of the delivery.
ANSWERS = [
    (409, "done"),  # n8n, of an execution that does not wait yet
    (500, "done"),  # broken for a while
    (302, "done"),  # nobody is followed to another place
    (404, "buried"),  # nobody is there
    (410, "buried"),  # nobody will be there
]


@pytest.mark.parametrize("status, state", ANSWERS)
async def test_a_delivery_comes_again_until_it_is_heard_or_nobody_is_there(
    api: Api, tools: ToolServer, house: Installation, status: int, state: str
) -> None:
    async def first_so(_: web.Request) -> web.Response:
        again = len(tools.calls("later")) > 1
        return web.Response(status=200 if again else status)

    tools.handlers["later"] = first_so
    await api.agent("calls-back")
    run = await api.turn("calls-back", "hello", callback_url=url(tools, "later"))
    await until(lambda: ended(house, run["run"]))
    ((found, attempts, _),) = await rows(house, run["run"])
    assert (found, attempts) == (state, 2 if state == "done" else 1)
    assert len({one.raw for one in tools.calls("later")}) == 1  # the very same words


# Addresses at which nobody may be told, and those that are found out by trying.
ADDRESSES = [
    ("http://127.0.0.1:9/", 422),  # private, and not allowed
    ("http://localhost:9/", 422),  # the same, by its name
    ("http://[::1]:9/", 422),  # and in another family
    ("http://169.254.169.254/latest", 422),  # a cloud's metadata
    ("https://10.0.0.7/", 422),  # another network, by the port that https has
    ("http://nobody.invalid/", 200),  # a name that may be there tomorrow
]


@pytest.mark.parametrize("address, status", ADDRESSES)
async def test_an_address_that_is_never_reached_is_refused_before_a_run_begins(
    api: Api, address: str, status: int
) -> None:
    await api.agent("calls-back")
    asked = {"agent": "calls-back", "message": "hello", "callback_url": address}
    answer = await api("POST", "/v1/turns", asked)
    assert answer.status == status
    if status == 422:
        assert (answer.code, answer.body["field"]) == ("address_refused", "callback_url")
        assert "AGENTRT_ALLOW_HOSTS" in answer.body["remedy"]


async def test_an_address_that_is_refused_later_is_buried_with_its_reason_and_health_tells(
    api: Api, tools: ToolServer, house: Installation
) -> None:
    """A hook is not asked: it may be put before its receiver stands."""
    key = (await api("PUT", "/v1/keys/buried", {})).body["key"]
    bearer: Any = {"Authorization": f"Bearer {key}"}
    await api("PUT", "/v1/hooks/gone", {"url": "http://127.0.0.1:9/"}, **bearer)
    await api.agent("calls-back")
    before = (await api("GET", "/health")).body["deliveries"]["buried"]
    run = await api.turn("calls-back", "hello", customer="buried")
    ((state, attempts, answer),) = await until(lambda: ended(house, run["run"]))
    assert (state, attempts) == ("buried", 1)
    assert "AGENTRT_ALLOW_HOSTS" in answer
    assert (await api("GET", "/health")).body["deliveries"]["buried"] == before + 1


async def test_a_day_old_delivery_is_given_up(
    api: Api, tools: ToolServer, house: Installation
) -> None:
    tools.gives("never", {}, status=503)
    await api.agent("calls-back")
    run = await api.turn("calls-back", "hello", callback_url=url(tools, "never"))
    await until(lambda: tools.called("never"))
    old = "UPDATE delivery SET made_at = now() - interval '25 hours', not_before = now()"
    house.sql(old + " WHERE run = %s AND state = 'pending'", [run["run"]])
    ((state, *_),) = await until(lambda: ended(house, run["run"]))
    assert state == "buried"


# A hook, and which of the customer's two runs (a completed one of agent `hooked`, a failed one
# of agent `fails`) it hears.
HOOKS = [
    ({}, {"completed", "failed"}),  # every rest of every agent
    ({"events": ["failed"]}, {"failed"}),  # one event
    ({"agent": "hooked"}, {"completed"}),  # one agent
    ({"agent": "hooked", "events": ["failed"]}, set()),  # one of the other
]


@pytest.mark.parametrize("asked, heard", HOOKS, ids=lambda value: str(value)[:30])
async def test_a_hook_hears_what_it_asks_for_of_its_own_customer(
    api: Api, tools: ToolServer, house: Installation, asked: dict[str, Any], heard: set[str]
) -> None:
    key = (await api("PUT", "/v1/keys/hooked", {})).body["key"]
    bearer: Any = {"Authorization": f"Bearer {key}"}
    tools.gives("hook", {})
    told = {"url": url(tools, "hook"), **asked}
    secret = (await api("PUT", "/v1/hooks/here", told, **bearer)).body["signing_secret"]
    kept = (await api("GET", "/v1/hooks/here", **bearer)).body
    assert (kept["name"], kept["url"]) == ("here", told["url"])
    assert "signing_secret" not in kept
    await api.agent("hooked")
    tools.gives("asks_again", {})
    await api.tool("asks_again", **tools.contract("asks_again"))
    await api.agent("fails", tools=["asks_again"], limits={"model_calls": 1})
    said = {"hooked": "hello", "fails": "Company: Acme"}
    runs = [await api.turn(name, said[name], customer="hooked") for name in said]
    await api.turn("hooked", "hello", customer="another")
    assert [run["status"] for run in runs] == ["completed", "failed"]
    names = [run["run"] for run in runs]
    await until(lambda: none_is_left(house, url(tools, "hook")))
    received = tools.calls("hook")
    assert {one.body["status"] for one in received} == heard
    assert all(one.body["run"] in names and signed(one, secret) for one in received)
    assert (await api("DELETE", "/v1/hooks/here", **bearer)).status == 204
    await api.turn("hooked", "hello", customer="hooked")
    await until(lambda: none_is_left(house, url(tools, "hook")))
    assert len(tools.calls("hook")) == len(received)


async def none_is_left(house: Installation, address: str) -> bool:
    pending = "SELECT count(*) FROM delivery WHERE state = 'pending' AND url = %s"
    return house.sql(pending, [address]) == [(0,)]


async def test_a_delivery_outlives_the_worker_that_carried_it(
    spare: Installation, tools: ToolServer
) -> None:
    gate = tools.holds("slow", {})
    process = spare.sidecar()
    worker = spare.worker()
    async with opened(process, KEY) as api:
        await api.agent("calls-back")
        run = await api.turn("calls-back", "hello", callback_url=url(tools, "slow"))
        await until(lambda: tools.called("slow"))
        worker.kill()
        gate.set()
        tools.gives("slow", {})
        spare.worker()
        ((state, attempts, _),) = await until(lambda: ended(spare, run["run"]))
        assert (state, attempts) == ("done", 2)
