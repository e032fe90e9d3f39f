"""Processes that die, stall or come back: one writer per run, and no call twice by accident."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from signal import SIGCONT, SIGSTOP
from typing import Any

import pytest

from tests.house.api import Api, opened
from tests.house.installation import KEY, Installation
from tests.house.log import assert_complete, kinds
from tests.house.processes import Process
from tests.house.provider import Provider
from tests.house.toolserver import ToolServer
from tests.house.until import until

ADOPTED_WITHIN_S = 20
RUN_OVER = "UPDATE process SET beat_at = beat_at - interval '1 minute' WHERE process = %s"
CALLS_OVER = "UPDATE tool_call SET lease_until = lease_until - interval '1 minute'"


@dataclass(frozen=True, slots=True)
class Two:
    """Two sidecars on the same stores."""

    house: Installation
    first: Process
    second: Process
    to_first: Api
    to_second: Api

    async def start_slow(self, tool: dict[str, Any]) -> str:
        await self.to_first.tool("slow", **tool)
        await self.to_first.agent("slow", tools=["slow"])
        run = await self.to_first.turn("slow", "Company: Acme", wait_s=0)
        return run["run"]

    def owner(self, run: str) -> tuple[str, int]:
        return self.house.sql("SELECT owner::text, epoch FROM run WHERE run = %s", [run])[0]

    async def has_owner_other_than(self, run: str, owner: str) -> bool:
        return self.owner(run)[0] != owner


@pytest.fixture
async def two(spare: Installation, provider: Provider) -> AsyncIterator[Two]:
    first, second = spare.sidecar(), spare.sidecar()
    async with AsyncExitStack() as stack:
        apis = [await stack.enter_async_context(opened(one, KEY)) for one in (first, second)]
        yield Two(spare, first, second, *apis)


async def test_a_run_whose_sidecar_was_killed_is_adopted_and_completes(
    two: Two, tools: ToolServer
) -> None:
    """No clock is moved here: the lease really runs out."""
    two.house.worker()
    gate = tools.holds("slow", {"ok": True})
    run = await two.start_slow(tools.contract("slow"))
    await until(lambda: tools.called("slow"))
    owner, _ = two.owner(run)
    two.first.kill()
    await until(lambda: two.has_owner_other_than(run, owner), ADOPTED_WITHIN_S)
    gate.set()
    assert (await two.to_second.rested(run))["status"] == "completed"
    await assert_complete(two.to_second, run)
    assert len(tools.received) == 1


async def test_a_run_whose_sidecar_was_killed_in_a_model_call_says_that_it_was_lost(
    two: Two, provider: Provider
) -> None:
    await two.to_first.agent("brief")
    await provider.faults("hang")
    run = (await two.to_first.turn("brief", "hello", wait_s=0))["run"]
    await until(provider.asked)
    owner, _ = two.owner(run)
    two.first.kill()
    two.house.sql(RUN_OVER, [owner])
    assert (await two.to_second.rested(run))["status"] == "completed"
    events = await assert_complete(two.to_second, run)
    said = ["started", "called", "model_failed", "called", "replied", "ended"]
    assert kinds(events) == said
    assert events[2]["body"]["error"] == "lost" and events[2]["body"]["cost_micros"] > 0


async def test_a_sidecar_that_stalled_past_its_lease_writes_nothing_when_it_comes_back(
    two: Two, provider: Provider
) -> None:
    """It has the provider's answer in its hands when it wakes; the run has gone on without it."""
    await two.to_first.agent("stalling")
    await provider.faults({"kind": "delay", "ms": 1_000})
    run = (await two.to_first.turn("stalling", "hello", wait_s=0))["run"]
    await until(provider.asked)
    owner, _ = two.owner(run)
    two.first.signal(SIGSTOP)
    two.house.sql(RUN_OVER, [owner])
    assert (await two.to_second.rested(run))["status"] == "completed"
    events = await assert_complete(two.to_second, run)
    assert two.owner(run)[1] == 1
    two.first.signal(SIGCONT)

    async def given_up() -> list[str]:
        return [line for line in two.first.said().splitlines() if "given up" in line]

    (line,) = await until(given_up)
    assert run in line and "another owner" in line
    assert await assert_complete(two.to_first, run) == events
    assert (await two.to_first.turn("stalling", "again"))["status"] == "completed"


async def test_a_sidecar_that_is_asked_to_stop_leaves_its_runs_to_the_other(
    two: Two, tools: ToolServer
) -> None:
    two.house.worker()
    gate = tools.holds("slow", {"ok": True})
    run = await two.start_slow(tools.contract("slow"))
    await until(lambda: tools.called("slow"))
    owner, _ = two.owner(run)
    stopping = asyncio.create_task(asyncio.to_thread(two.first.stop))
    await until(lambda: two.has_owner_other_than(run, owner), ADOPTED_WITHIN_S)
    gate.set()
    assert (await two.to_second.rested(run))["status"] == "completed"
    await assert_complete(two.to_second, run)
    assert await stopping == 0


async def test_a_poll_at_another_sidecar_hears_of_the_end(two: Two, tools: ToolServer) -> None:
    two.house.worker()
    gate = tools.holds("slow", {"ok": True})
    run = await two.start_slow(tools.contract("slow"))
    await until(lambda: tools.called("slow"))
    polling = asyncio.create_task(two.to_second.rested(run))
    gate.set()
    assert (await asyncio.wait_for(polling, 5))["status"] == "completed"


@pytest.fixture
async def alone(spare: Installation, provider: Provider) -> AsyncIterator[Api]:
    """One sidecar; workers are the test's to start and kill."""
    async with opened(spare.sidecar(), KEY) as api:
        yield api


async def test_a_call_of_a_killed_worker_runs_again_only_where_that_is_safe(
    spare: Installation, alone: Api, tools: ToolServer
) -> None:
    runs = {}
    doomed = spare.worker()
    for effects in ("idempotent", "once"):
        tools.holds(effects, {})
        await alone.tool(effects, **tools.contract(effects, side_effects=effects))
        await alone.agent(effects, tools=[effects])
        runs[effects] = (await alone.turn(effects, "Company: Acme", wait_s=0))["run"]
        await until(lambda effects=effects: tools.called(effects))
    doomed.kill()
    for effects in runs:
        tools.gives(effects, {"ok": True})
    spare.sql(CALLS_OVER)
    spare.worker()
    again = await alone.rested(runs["idempotent"])
    assert (again["status"], again["tool_calls"][0]["result"]) == ("completed", {"ok": True})
    calls = tools.calls("idempotent")
    assert len(calls) == 2 and len({call.headers["idempotency-key"] for call in calls}) == 1
    assert calls[0].body == calls[1].body
    await assert_complete(alone, runs["idempotent"])
    doubtful = await alone.rested(runs["once"])
    (call,) = doubtful["tool_calls"]
    assert (doubtful["status"], call["status"]) == ("waiting", "unknown")
    assert (doubtful["waiting"]["for"], doubtful["waiting"]["calls"]) == (
        "decision",
        [call["call"]],
    )
    assert (await alone.turn("idempotent", "Company: Acme"))["status"] == "completed"
    assert len(tools.calls("once")) == 1
    assert (await alone.replay(runs["once"]))["verdict"] == "identical"


async def test_a_worker_that_stalled_past_its_lease_finishes_nothing(
    spare: Installation, alone: Api, tools: ToolServer
) -> None:
    stalled = spare.worker()
    gate = tools.holds("stall", {"from": "the first"})
    await alone.tool("stall", **tools.contract("stall", side_effects="idempotent"))
    await alone.agent("stall", tools=["stall"])
    run = (await alone.turn("stall", "Company: Acme", wait_s=0))["run"]
    await until(lambda: tools.called("stall"))
    stalled.signal(SIGSTOP)
    tools.gives("stall", {"from": "the second"})
    gate.set()
    spare.sql(CALLS_OVER)
    spare.worker()
    done = await alone.rested(run)
    assert done["tool_calls"][0]["result"] == {"from": "the second"}
    events = await assert_complete(alone, run)
    stalled.signal(SIGCONT)
    assert stalled.stop() == 0
    assert await assert_complete(alone, run) == events


async def test_a_call_rung_for_in_a_redis_that_was_wiped_is_made(
    spare: Installation, alone: Api, tools: ToolServer
) -> None:
    tools.gives("found", {"ok": True})
    await alone.tool("found", **tools.contract("found", side_effects="once"))
    await alone.agent("found", tools=["found"])
    run = (await alone.turn("found", "Company: Acme", wait_s=0))["run"]

    async def asked() -> list[tuple[Any, ...]]:
        return spare.sql("SELECT call FROM tool_call WHERE state = 'pending'")

    await until(asked)
    spare.wipe_redis()
    spare.worker()
    assert (await alone.rested(run))["status"] == "completed"
    spare.wipe_redis()  # under a worker that waits
    assert (await alone.turn("found", "Company: Acme"))["status"] == "completed"
    assert len(tools.received) == 2
    await assert_complete(alone, run)


async def test_two_workers_make_each_of_a_hundred_calls_once(
    spare: Installation, alone: Api, tools: ToolServer
) -> None:
    for _ in range(2):
        spare.worker()
    tools.gives("many", {"ok": True})
    await alone.tool("many", **tools.contract("many", side_effects="once"))
    await alone.agent("many", tools=["many"])
    runs = await asyncio.gather(*(alone.turn("many", "Company: Acme") for _ in range(100)))
    assert {run["status"] for run in runs} == {"completed"}
    assert len(tools.received) == 100
    assert len({call.headers["idempotency-key"] for call in tools.received}) == 100
