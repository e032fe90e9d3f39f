"""Postgres goes away under running turns, and comes back."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.house.api import Api, opened
from tests.house.installation import KEY, Installation
from tests.house.log import assert_complete
from tests.house.provider import Provider
from tests.house.toolserver import ToolServer
from tests.house.until import until

CUT = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""


@pytest.fixture
async def alone(spare: Installation, provider: Provider) -> AsyncIterator[Api]:
    async with opened(spare.sidecar(), KEY) as api:
        spare.worker()
        yield api


async def test_a_turn_survives_that_every_connection_is_cut_again_and_again(
    spare: Installation, alone: Api, tools: ToolServer
) -> None:
    gate = tools.holds("slow", {"ok": True})
    await alone.tool("slow", **tools.contract("slow", side_effects="idempotent"))
    await alone.agent("slow", tools=["slow"])
    runs = [(await alone.turn("slow", "Company: Acme", wait_s=0))["run"] for _ in range(5)]

    async def five() -> bool:
        return len(tools.received) >= 5

    await until(five)
    for _ in range(5):
        spare.sql(CUT)
    gate.set()
    spare.sql(CUT)

    async def completed() -> bool:
        answers = await asyncio.gather(*(alone("GET", f"/v1/runs/{run}") for run in runs))
        return all(answer.body.get("status") == "completed" for answer in answers)

    await until(completed, 60)
    for run in runs:
        await assert_complete(alone, run)
