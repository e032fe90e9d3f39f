"""Postgres and Redis go away under running turns, or stall, or say no, and come back."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
from redis.exceptions import OutOfMemoryError

from tests.chaos.cut import cutting
from tests.chaos.stores import Stores, stores
from tests.house.api import Api, opened
from tests.house.installation import KEY, Installation, new_database
from tests.house.log import assert_complete
from tests.house.provider import Provider
from tests.house.toolserver import ToolServer
from tests.house.until import until

CUT = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""
OWN_TIMEOUT_S = 5  # of a statement, and of the wait for a connection
ANSWERED_WITHIN_S = 2 * OWN_TIMEOUT_S + 2
EPOCHS = "SELECT max(epoch) FROM run"


@pytest.fixture(scope="module")
def breakable(folder: Path) -> Iterator[Stores]:
    with stores(folder / "breakable") as running:
        yield running


@pytest.fixture
def house(
    breakable: Stores, logs: Path, settings: dict[str, str], request: pytest.FixtureRequest
) -> Iterator[Installation]:
    database = new_database(breakable.postgres.url, request.node.name[:60])
    house = Installation(database, breakable.redis_url, logs, settings)
    yield house
    house.kill_all()


@pytest.fixture
async def alone(house: Installation, provider: Provider) -> AsyncIterator[Api]:
    """One sidecar and one worker."""
    async with opened(house.sidecar(), KEY) as api:
        house.worker()
        yield api


async def begun(api: Api, tools: ToolServer, turns: int = 5) -> tuple[asyncio.Event, list[str]]:
    """Turns whose tool has been called and gives no answer before the gate is opened."""
    gate = tools.holds("slow", {"ok": True})
    await with_tool(api, tools)
    runs = [(await api.turn("slow", "Company: Acme", wait_s=0))["run"] for _ in range(turns)]

    async def all_called() -> bool:
        return len(tools.received) >= turns

    await until(all_called)
    return gate, runs


async def with_tool(api: Api, tools: ToolServer) -> None:
    await api.tool("slow", **tools.contract("slow", side_effects="idempotent"))
    await api.agent("slow", tools=["slow"])


async def all_complete(api: Api, runs: list[str]) -> None:
    async def completed() -> bool:
        answers = await asyncio.gather(*(api("GET", f"/v1/runs/{run}") for run in runs))
        return all(answer.body.get("status") == "completed" for answer in answers)

    await until(completed, 60)
    for run in runs:
        await assert_complete(api, run)


async def test_a_turn_survives_that_every_connection_is_cut_again_and_again(
    house: Installation, alone: Api, tools: ToolServer
) -> None:
    gate, runs = await begun(alone, tools)
    for _ in range(5):
        house.sql(CUT)
    gate.set()
    house.sql(CUT)
    await all_complete(alone, runs)


async def test_a_turn_survives_a_crash_of_postgres(
    breakable: Stores, alone: Api, tools: ToolServer
) -> None:
    """The tools answer while Postgres is away: each is called once all the same."""
    gate, runs = await begun(alone, tools)
    crashing = asyncio.create_task(asyncio.to_thread(breakable.crash_postgres))
    gate.set()
    await crashing
    await all_complete(alone, runs)
    assert len(tools.received) == len(runs)


async def test_a_turn_survives_a_redis_that_comes_back_empty(
    breakable: Stores, alone: Api, tools: ToolServer
) -> None:
    gate, runs = await begun(alone, tools)
    await asyncio.to_thread(breakable.crash_valkey)
    gate.set()
    await all_complete(alone, runs)
    await all_complete(alone, [(await alone.turn("slow", "Company: Acme"))["run"]])


async def test_turns_go_on_while_redis_is_frozen(
    breakable: Stores, house: Installation, alone: Api, tools: ToolServer
) -> None:
    """Its timeouts stay shorter than a lease: nobody adopts what still has an owner."""
    house.sidecar()
    gate, runs = await begun(alone, tools)
    with breakable.frozen_valkey():
        gate.set()
        await all_complete(alone, runs)
        assert (await alone("GET", "/health")).body["stores"]["redis"] == "down"
        await all_complete(alone, [(await alone.turn("slow", "Company: Acme", wait_s=0))["run"]])
    assert house.sql(EPOCHS) == [(0,)]


async def test_turns_go_on_while_redis_has_no_memory_left(
    breakable: Stores, alone: Api, tools: ToolServer
) -> None:
    tools.gives("slow", {"ok": True})
    await with_tool(alone, tools)
    with redis.Redis.from_url(breakable.redis_url) as client:
        client.config_set("maxmemory", "1mb")
        try:
            with pytest.raises(OutOfMemoryError):
                client.set("more", "than fits")
            runs = [(await alone.turn("slow", "Company: Acme", wait_s=0))["run"] for _ in range(5)]
            await all_complete(alone, runs)
            assert (await alone("GET", "/health")).body["stores"]["redis"] == "down"
        finally:
            client.config_set("maxmemory", "512mb")
    assert (await alone("GET", "/health")).body["stores"]["redis"] == "up"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: dict[str, Any]
    retry_after: str


async def posted(api: Api, key: str) -> Reply:
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": key}
    body = {"agent": "brief", "message": "hello", "wait_s": 0}
    async with api.session.post(f"{api.url}/v1/turns", json=body, headers=headers) as got:
        return Reply(got.status, await got.json(), got.headers.get("Retry-After", ""))


async def storm(api: Api, requests: int) -> list[Reply]:
    """Turns under keys of their own, all at once; all are answered, late at worst."""
    began = time.monotonic()
    replies = await asyncio.gather(*(posted(api, f"key-{n}") for n in range(requests)))
    took_s = time.monotonic() - began
    assert took_s < ANSWERED_WITHIN_S, (took_s, replies[-1])
    return replies


def assert_refused(replies: list[Reply]) -> None:
    assert {(reply.status, reply.body.get("code")) for reply in replies} == {(503, "store_down")}
    assert all(int(reply.retry_after) > 0 for reply in replies)


async def assert_recovered(api: Api, house: Installation, requests: int) -> None:
    """The same keys find one run each, begun before or now."""

    async def accepted() -> list[Reply]:
        replies = await storm(api, requests)
        return replies if all(reply.status in (200, 202) for reply in replies) else []

    await all_complete(api, [reply.body["run"] for reply in await until(accepted)])
    assert house.sql("SELECT count(*), count(DISTINCT key) FROM run") == [(requests, requests)]


async def test_a_frozen_postgres_is_503_in_time_and_then_as_if_nothing_had_been(
    breakable: Stores, house: Installation, alone: Api
) -> None:
    await alone.agent("brief")
    with breakable.frozen_postgres():
        assert_refused(await storm(alone, 30))
        assert (await alone("GET", "/health")).status == 503
        assert (await alone("GET", "/health/live")).status == 200
    await assert_recovered(alone, house, 30)


async def test_a_pool_without_a_free_connection_is_503_in_time(
    house: Installation, alone: Api
) -> None:
    """Every statement waits for a lock that somebody else holds."""
    await alone.agent("brief")
    connection = psycopg2.connect(house.database_url)
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE run, document IN ACCESS EXCLUSIVE MODE")
        assert_refused(await storm(alone, 30))
    connection.close()
    await assert_recovered(alone, house, 30)


async def test_an_append_whose_commit_nobody_heard_is_neither_lost_nor_repeated(
    breakable: Stores, house: Installation, provider: Provider, tools: ToolServer
) -> None:
    socket = str(breakable.folder / "pg" / ".s.PGSQL.5432")
    tools.gives("slow", {"ok": True})
    async with cutting(socket, nth=3, cuts=8) as proxy:
        process = house.sidecar(DATABASE_URL=proxy.dsn(house.database_url))
        house.worker()
        async with opened(process, KEY) as api:
            await with_tool(api, tools)
            runs = await asyncio.gather(*(insisted(api, f"cut-{n}") for n in range(8)))
            await all_complete(api, runs)
        assert proxy.cut == proxy.cuts
        process.kill()
    assert house.sql("SELECT count(*) FROM run") == [(8,)]
    assert len(tools.received) == 8


async def insisted(api: Api, key: str) -> str:
    body: dict[str, Any] = {"agent": "slow", "message": "Company: Acme", "wait_s": 0}

    async def accepted() -> str:
        answer = await api("POST", "/v1/turns", body, Idempotency_Key=key)
        assert answer.status in (200, 202, 503), answer
        return answer.body.get("run", "")

    return await until(accepted)


async def test_a_sidecar_that_is_stopped_under_load_ends_well_and_loses_nothing(
    house: Installation, alone: Api, provider: Provider
) -> None:
    await provider.faults(*({"kind": "delay", "ms": 500} for _ in range(25)))
    await alone.agent("brief")
    first = house.started[0]
    async with opened(house.sidecar(), KEY) as other:
        runs = [reply.body["run"] for reply in await storm(alone, 50)]
        assert await asyncio.to_thread(first.stop) == 0
        await all_complete(other, runs)


async def test_a_turn_goes_on_when_whoever_asked_for_it_goes_away(
    house: Installation, alone: Api, tools: ToolServer
) -> None:
    gate = tools.holds("slow", {"ok": True})
    await with_tool(alone, tools)
    asking = asyncio.create_task(alone.turn("slow", "Company: Acme", wait_s=30))
    await until(lambda: tools.called("slow"))
    asking.cancel()
    await asyncio.wait([asking])
    gate.set()
    await all_complete(alone, [run for (run,) in house.sql("SELECT run::text FROM run")])
