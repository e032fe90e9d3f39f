"""One provider is away: the other answers in the same turn, and the log shows every attempt."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sidecar.core.route import TROUBLES
from tests.house.api import Api, opened
from tests.house.installation import KEY, Installation
from tests.house.log import assert_complete, kinds
from tests.house.processes import free_port
from tests.house.provider import Provider
from tests.house.toolserver import ToolServer

LUNA, HAIKU = "openai/gpt-6-luna", "anthropic/claude-haiku-5-5"
FIRST = [(LUNA, HAIKU), (HAIKU, LUNA)]
LATER = {"retry-after": "3600"}

# What the first provider does, and the class that the log gives it.
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"kind": "status", "status": 429, "headers": LATER}, "rate_limited"),  # not for an hour
    ({"kind": "status", "status": 500}, "server"),
    ({"kind": "status", "status": 529}, "overloaded"),
    ({"kind": "status", "status": 401}, "auth"),  # its key was revoked
    ({"kind": "hang"}, "timeout"),  # not within its share of the turn's time
    ({"kind": "close"}, "transport"),
    ({"kind": "cut_body"}, "transport"),
    ({"kind": "html"}, "garbled"),
    ({"kind": "broken_json"}, "garbled"),
    ({"kind": "empty_object"}, "garbled"),
    ({"kind": "odd_stop"}, "garbled"),
]


def named(model: str) -> str:
    return model.partition("/")[0]


def providers(events: list[dict[str, Any]]) -> list[str]:
    """Of the attempts, in their order."""
    return [event["body"]["provider"] for event in events if event["kind"] == "called"]


@pytest.mark.parametrize("first, second", FIRST)
@pytest.mark.parametrize("fault, error", FAULTS, ids=[str(fault) for fault, _ in FAULTS])
async def test_the_second_provider_answers_at_once_where_the_first_one_does_not(
    api: Api, provider: Provider, fault: dict[str, Any], error: str, first: str, second: str
) -> None:
    await api.agent("covered", models=[first, second])
    await provider.faults({**fault, "provider": named(first)})
    begun = time.monotonic()
    run = await api.turn("covered", "hello", timeout_s=4)
    assert run["status"] == "completed" and time.monotonic() - begun < 4
    assert (f"{run['provider']}/{run['model']}", run["failovers"]) == (second, 1)
    events = await assert_complete(api, run["run"])
    story = ["started", "called", "model_failed", "called", "replied", "ended"]
    assert kinds(events) == story and events[2]["body"]["error"] == error
    tried = [
        f"{e['body']['provider']}/{e['body']['model']}" for e in events if "route" in e["body"]
    ]
    assert tried == [first, second]


async def test_a_turn_ends_when_both_hang(api: Api, provider: Provider) -> None:
    await api.agent("stuck", models=[LUNA, HAIKU])
    await provider.faults("hang", "hang")
    begun = time.monotonic()
    run = await api.turn("stuck", "hello", timeout_s=2)
    assert run["error"]["code"] == "deadline" and time.monotonic() - begun < 6
    events = await assert_complete(api, run["run"])
    assert kinds(events).count("model_failed") == 2
    waited = [e["body"]["latency_ms"] for e in events if e["kind"] == "model_failed"]
    assert all(900 < one < 1_500 for one in waited), waited


async def test_both_garble_and_the_turn_says_so(api: Api, provider: Provider) -> None:
    await api.agent("noise", models=[LUNA, HAIKU])
    await provider.faults("html", "broken_json", "empty_object")
    run = await api.turn("noise", "hello")
    assert run["error"]["code"] == "providers_exhausted"
    events = await assert_complete(api, run["run"])
    assert providers(events) == ["openai", "anthropic", "openai"]
    assert {e["body"]["error"] for e in events if e["kind"] == "model_failed"} == {"garbled"}


async def test_a_request_that_is_wrong_or_refused_is_asked_of_nobody_else(
    api: Api, provider: Provider
) -> None:
    await api.agent("wrong", models=[LUNA, HAIKU])
    await provider.faults({"kind": "status", "status": 400}, "refusal")
    codes = [(await api.turn("wrong", "hello"))["error"]["code"] for _ in range(2)]
    assert codes == ["provider_rejected", "refused"] and await provider.asked("anthropic") == []


@pytest.fixture
def fresh(spare: Installation, provider: Provider) -> Installation:
    """Nobody has been in trouble yet."""
    spare.wipe_redis()
    return spare


@pytest.fixture
async def half(fresh: Installation) -> AsyncIterator[Api]:
    """OpenAI's address is one where nobody listens."""
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    async with opened(fresh.sidecar(OPENAI_BASE_URL=nowhere), KEY) as api:
        yield api


async def test_the_built_in_policy_knows_a_way_out_when_openai_is_dead(half: Api) -> None:
    await half.agent("plain")
    for _ in range(2):
        run = await half.turn("plain", "hello")
        assert (run["status"], run["provider"], run["failovers"]) == ("completed", "anthropic", 1)
        events = await assert_complete(half, run["run"])
        assert [e["body"]["error"] for e in events if e["kind"] == "model_failed"] == ["transport"]


async def test_with_both_dead_the_turn_is_over_soon_and_says_so(fresh: Installation) -> None:
    dead = {"OPENAI_BASE_URL": "/v1", "ANTHROPIC_BASE_URL": ""}
    dead = {name: f"http://127.0.0.1:{free_port()}{path}" for name, path in dead.items()}
    async with opened(fresh.sidecar(**dead), KEY) as api:
        await api.agent("plain")
        begun = time.monotonic()
        run = await api.turn("plain", "hello")
        assert run["error"]["code"] == "providers_exhausted" and time.monotonic() - begun < 10
        events = await assert_complete(api, run["run"])
        assert providers(events) == ["openai", "anthropic", "openai"]


async def test_a_provider_in_trouble_is_asked_last_until_it_answers(
    fresh: Installation, provider: Provider
) -> None:
    down = {"kind": "status", "status": 500, "provider": "openai"}
    async with opened(fresh.sidecar(), KEY) as api:
        await api.agent("covered", models=[LUNA, HAIKU])
        await api.agent("bound", models=[LUNA])

        async def asked(agent: str) -> list[str]:
            run = await api.turn(agent, "hello")
            return providers(await assert_complete(api, run["run"]))

        await provider.faults(*[down] * TROUBLES)
        tried = [await asked("covered") for _ in range(TROUBLES)]
        assert tried == [["openai", "anthropic"]] * TROUBLES
        assert await asked("covered") == ["anthropic"]  # the circuit is open
        assert await asked("bound") == ["openai"]  # there is no other; it answers
        assert await asked("covered") == ["openai"]


async def test_a_provider_without_a_key_is_passed_over(fresh: Installation) -> None:
    async with opened(fresh.sidecar(OPENAI_API_KEY=""), KEY) as api:
        await api.agent("plain")
        run = await api.turn("plain", "hello")
        assert (run["status"], run["provider"], run["failovers"]) == ("completed", "anthropic", 0)
        assert {one["model"]: one["refused"] for one in run["route"]} == {HAIKU: "", LUNA: "no_key"}
        await assert_complete(api, run["run"])
        health = (await api("GET", "/health")).body["providers"]
        assert [health[name]["configured"] for name in ("anthropic", "openai")] == [True, False]


async def test_a_conversation_goes_on_at_another_provider_and_back(
    api: Api, tools: ToolServer, provider: Provider
) -> None:
    """With tools, parallel calls, reasoning and thinking in its past."""
    for name in ("enrich", "score"):
        await api.tool(name, **tools.contract(name))
        tools.gives(name, {"employees": 5})
    await api.agent("moving", tools=["enrich", "score"])
    for turn, model in enumerate([LUNA, HAIKU, LUNA, HAIKU, HAIKU], 1):
        more: dict[str, Any] = {"conversation": "moving-1", "model": model}
        run = await api.turn("moving", f"Enrich and score Company: Acme {turn}", **more)
        assert (run["status"], run["provider"]) == ("completed", named(model)), run["error"]
        assert len(run["tool_calls"]) == 2 and run["failovers"] == 0
        await assert_complete(api, run["run"])
    luna = (await provider.asked("openai"))[-1]["input"]
    foreign = [item["type"] for item in luna if item.get("call_id", "").startswith("toolu_")]
    assert foreign == ["function_call"] * 2 + ["function_call_output"] * 2
    haiku = (await provider.asked("anthropic"))[-1]["messages"]
    kinds_ = [block["type"] for said in haiku for block in said["content"]]
    assert (kinds_.count("tool_use"), kinds_.count("tool_result")) == (10, 10)
    assert kinds_.count("thinking") == 1  # of this turn


@pytest.mark.parametrize("first, second", FIRST)
async def test_a_turn_goes_on_at_another_provider_between_a_call_and_its_results(
    api: Api, tools: ToolServer, provider: Provider, first: str, second: str
) -> None:
    await api.tool("enrich", **tools.contract("enrich"))
    tools.gives("enrich", {"employees": 5})
    await api.agent("torn", tools=["enrich"], models=[first, second])
    away = {"kind": "status", "status": 503, "provider": named(first)}
    await provider.faults({"kind": "delay", "provider": named(first)}, away)
    run = await api.turn("torn", "Company: Acme")
    assert (run["status"], run["provider"], run["failovers"]) == ("completed", named(second), 1)
    assert [call["status"] for call in run["tool_calls"]] == ["done"]
    events = await assert_complete(api, run["run"])
    assert providers(events) == [named(one) for one in (first, first, second)]


async def test_the_attempts_of_one_provider_cost_what_its_row_says(
    api: Api, provider: Provider
) -> None:
    await api.agent("dear", models=["anthropic/claude-opus-5-5"])
    run = await api.turn("dear", "hello")
    usage = run["usage"]
    prompt = usage["input"] * 4 + usage["cache_write"] * 5
    micros = prompt + (usage["output"] + usage["reasoning"]) * 20
    assert usage["reasoning"] > 0 and run["cost_usd"] == f"{micros / 1_000_000:.6f}"


async def test_a_provider_in_trouble_is_asked_last_by_every_process_until_it_answers(
    half: Api, fresh: Installation
) -> None:
    async with opened(fresh.sidecar(), KEY) as whole:
        await whole.agent("wary", models=[LUNA, HAIKU])
        await whole.agent("alone", models=[LUNA])
        for _ in range(TROUBLES):
            run = await half.turn("wary", "hello")
            assert (run["provider"], run["failovers"]) == ("anthropic", 1)
        run = await whole.turn("wary", "hello")  # another process, where OpenAI would answer
        assert (run["provider"], run["failovers"]) == ("anthropic", 0)
        assert [(one["model"], one["in_trouble"]) for one in run["route"]] == [
            (HAIKU, False),
            (LUNA, True),
        ]
        await assert_complete(whole, run["run"])
        run = await whole.turn("alone", "hello")  # still asked where there is no other
        assert (run["provider"], run["route"][0]["in_trouble"]) == ("openai", True)
        run = await whole.turn("wary", "hello")  # it answered: nobody is in trouble
        assert (run["provider"], run["failovers"]) == ("openai", 0)


async def test_circuits_are_closed_when_redis_is_lost(half: Api, fresh: Installation) -> None:
    await half.agent("wary", models=[LUNA, HAIKU])
    for _ in range(TROUBLES):
        await half.turn("wary", "hello")
    fresh.wipe_redis()
    run = await half.turn("wary", "hello")
    assert (run["provider"], run["failovers"]) == ("anthropic", 1)  # OpenAI was asked first
