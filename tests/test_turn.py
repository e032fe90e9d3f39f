"""A turn from outside: what goes in, what comes out, what stays."""

import asyncio
import hashlib
import hmac
import json
import time

import pytest
from aiohttp import web

from tests.house.api import Api
from tests.house.installation import Installation
from tests.house.log import assert_complete, kinds
from tests.house.provider import Provider, tool_outputs
from tests.house.toolserver import ToolServer
from tests.house.until import until

LEAD = "Company: Acme, Name: Ada Lovelace, Message: wants a demo"
DRAFT = {
    "type": "object",
    "properties": {"subject": {"type": "string"}, "employees": {"type": "integer"}},
    "required": ["subject", "employees"],
    "additionalProperties": False,
}
ONE_TOOL = ["started", "called", "replied", "tools_asked", "tool_returned"]
ONE_TOOL += ["called", "replied", "ended"]


async def test_a_turn_answers_in_text(api: Api) -> None:
    await api.agent("writer")
    run = await api.turn("writer", LEAD)
    assert run["status"] == "completed" and "Ada Lovelace" in run["output"]
    assert run["messages"] == [
        {"role": "assistant", "parts": [{"type": "text", "text": run["output"]}]}
    ]
    assert (run["agent"], run["turn"]) == ("writer@1", 1)
    assert (run["provider"], run["model"], run["simulated"]) == ("openai", "gpt-6-luna", True)
    assert run["error"] is None and run["waiting"] is None and run["tool_calls"] == []
    assert float(run["cost_usd"]) > 0 and float(run["reserved_usd"]) == 0
    assert run["usage"]["input"] > 0 and run["usage"]["output"] > 0
    events = await assert_complete(api, run["run"])
    assert kinds(events) == ["started", "called", "replied", "ended"]


async def test_a_turn_answers_in_the_agent_s_schema(api: Api) -> None:
    await api.agent("structured", output_schema=DRAFT)
    run = await api.turn("structured", "Company: Acme, employees: 12")
    assert run["output"]["employees"] == 12 and "Acme" in run["output"]["subject"]
    assert run["repairs"] == 0
    await assert_complete(api, run["run"])


async def test_a_tool_is_called_signed_by_its_contract_and_its_result_reaches_the_answer(
    api: Api, tools: ToolServer, provider: Provider
) -> None:
    put = await api.tool("enrich", **tools.contract("enrich"))
    tools.gives("enrich", {"employees": 120, "industry": "computing"})
    await api.agent("enricher", tools=["enrich"], output_schema=DRAFT)
    run = await api.turn("enricher", LEAD)
    (call,) = run["tool_calls"]
    assert (call["tool"], call["status"]) == ("enrich", "done")
    assert call["result"] == {"employees": 120, "industry": "computing"}
    assert run["output"]["employees"] == 120
    (received,) = tools.received
    assert received.body == {
        "run": run["run"],
        "call": call["call"],
        "tool": "enrich",
        "arguments": {"company": "Acme"},
        "customer": "default",
    }
    assert signed(received.headers["agentrt-signature"], put["signing_secret"], received.raw)
    events = await assert_complete(api, run["run"])
    assert kinds(events) == ONE_TOOL
    (asked,) = events[3]["body"]["calls"]
    assert asked["id"] == call["call"] == "4.0"
    assert asked["idempotency_key"] == received.headers["idempotency-key"]
    (shown,) = tool_outputs((await provider.asked())[-1])
    assert '"industry":"computing"' in shown and "enrich" in shown


def signed(header: str, secret: str, body: bytes) -> bool:
    stamp, _, mac = header.partition(",v1=")
    at_s = stamp.removeprefix("t=")
    assert abs(time.time() - int(at_s)) < 300
    made = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(mac, made)


async def test_two_tools_asked_for_at_once_run_side_by_side(api: Api, tools: ToolServer) -> None:
    both = asyncio.Barrier(2)

    async def meets(request: web.Request) -> web.Response:
        await both.wait()
        return web.json_response({"from": request.match_info["tool"]})

    for name in ("lookup", "score"):
        await api.tool(name, **tools.contract(name))
        tools.handlers[name] = meets
    await api.agent("both", tools=["lookup", "score"])
    run = await api.turn("both", "Company: Acme. Use lookup and score.")
    assert [call["tool"] for call in run["tool_calls"]] == ["lookup", "score"]
    assert [call["result"] for call in run["tool_calls"]] == [{"from": "lookup"}, {"from": "score"}]
    events = await assert_complete(api, run["run"])
    assert kinds(events).count("tools_asked") == 1 and kinds(events).count("tool_returned") == 2


async def test_a_conversation_remembers_its_turns(api: Api, provider: Provider) -> None:
    await api.agent("talker")
    runs = [
        await api.turn("talker", text, conversation="three-turns")
        for text in ("first word", "second word", "third word")
    ]
    assert [run["turn"] for run in runs] == [1, 2, 3]
    said = [
        (item["role"], part["text"])
        for item in (await provider.asked())[-1]["input"]
        if item.get("role")
        for part in item["content"]
    ]
    assert said == [
        ("user", "first word"),
        ("assistant", runs[0]["output"]),
        ("user", "second word"),
        ("assistant", runs[1]["output"]),
        ("user", "third word"),
    ]
    for run in runs:
        await assert_complete(api, run["run"])


async def test_a_failed_turn_leaves_no_trace_in_the_conversation(
    api: Api, provider: Provider
) -> None:
    await api.agent("forgets")
    await api.turn("forgets", "kept", conversation="with-a-failure")
    await provider.faults("refusal")
    failed = await api.turn("forgets", "refused", conversation="with-a-failure")
    after = await api.turn("forgets", "after", conversation="with-a-failure")
    assert (failed["status"], after["status"]) == ("failed", "completed")
    sent = json.dumps((await provider.asked())[-1]["input"])
    assert "kept" in sent and "refused" not in sent


async def test_customers_do_not_share_a_conversation(api: Api, provider: Provider) -> None:
    await api.agent("private")
    await api.turn("private", "mine alone", conversation="same", customer="one")
    run = await api.turn("private", "hello", conversation="same", customer="two")
    assert run["turn"] == 1
    assert "mine alone" not in json.dumps((await provider.asked())[-1])


async def test_twenty_turns_store_linear_space(
    api: Api, tools: ToolServer, house: Installation
) -> None:
    await api.tool("grow", **tools.contract("grow"))
    tools.gives("grow", {"found": "x" * 500})
    await api.agent("long", tools=["grow"])
    stored = [0]
    for number in range(20):
        message = f"Company: Acme{number:02}, Message: {'word ' * 40}"
        run = await api.turn("long", message, conversation="long", customer="linear")
        assert run["status"] == "completed", run
        stored.append(
            house.sql(
                "SELECT (SELECT sum(octet_length(body)) FROM part WHERE customer = 'linear')"
                " + (SELECT sum(octet_length(body)) FROM event JOIN run USING (run)"
                " WHERE customer = 'linear')"
            )[0][0]
        )
    early, late = stored[10] - stored[5], stored[20] - stored[15]
    assert late < early * 1.1, stored
    await assert_complete(api, run["run"])


async def test_a_turn_that_does_not_wait_is_polled(api: Api, tools: ToolServer) -> None:
    await api.tool("slow", **tools.contract("slow"))
    gate = tools.holds("slow", {"ok": True})
    await api.agent("waits", tools=["slow"])
    posted = await api(
        "POST", "/v1/turns", {"agent": "waits", "message": "Company: Acme", "wait_s": 0}
    )
    assert (posted.status, posted.body["status"]) == (202, "running")
    await until(lambda: tools.called("slow"))
    seen = (await api("GET", f"/v1/runs/{posted.body['run']}")).body
    assert seen["status"] == "running" and seen["output"] is None
    assert [call["status"] for call in seen["tool_calls"]] == ["pending"]
    polling = asyncio.create_task(api.rested(posted.body["run"]))
    gate.set()
    start = time.monotonic()
    run = await polling
    assert run["status"] == "completed" and time.monotonic() - start < 5
    await assert_complete(api, run["run"])


async def test_a_cancelled_turn_ends_at_once_and_what_its_tool_says_later_is_not_heard(
    api: Api, tools: ToolServer
) -> None:
    await api.tool("endless", **tools.contract("endless"))
    gate = tools.holds("endless", {"ok": True})
    await api.agent("stops", tools=["endless"])
    run = await api.turn("stops", "Company: Acme", conversation="stops", wait_s=0)
    await until(lambda: tools.called("endless"))
    for _ in range(2):  # said twice, it counts once
        cancelled = await api("POST", f"/v1/runs/{run['run']}/cancel", {})
        assert (cancelled.status, cancelled.body["status"]) == (200, "cancelled")
    events = await assert_complete(api, run["run"])
    assert kinds(events)[-2:] == ["cancelled", "ended"]
    gate.set()
    tools.gives("endless", {"ok": True})
    again = await api.turn("stops", "Company: Acme", conversation="stops")
    assert again["status"] == "completed"
    assert await assert_complete(api, run["run"]) == events


async def test_a_turn_past_its_deadline_fails(api: Api, tools: ToolServer) -> None:
    await api.tool("hangs", **tools.contract("hangs"))
    tools.holds("hangs", {"ok": True})
    await api.agent("hurried", tools=["hangs"])
    start = time.monotonic()
    run = await api.turn("hurried", "Company: Acme", timeout_s=1)
    assert (run["status"], run["error"]["code"]) == ("failed", "deadline")
    assert run["error"]["remedy"] and time.monotonic() - start < 5
    events = await assert_complete(api, run["run"])
    assert kinds(events)[-2:] == ["expired", "ended"]
    assert run["error"]["seq"] == events[-1]["seq"]


async def test_an_agent_that_never_stops_calling_meets_its_limit(
    api: Api, tools: ToolServer, provider: Provider
) -> None:
    await api.tool("again", **tools.contract("again"))
    tools.gives("again", {})
    await api.agent("looping", tools=["again"], limits={"model_calls": 3})
    await provider.faults(*[{"kind": "call", "arguments": '{"company":"A"}'}] * 3)
    run = await api.turn("looping", "go")
    assert run["error"]["code"] == "turn_limit" and len(run["tool_calls"]) == 3
    await assert_complete(api, run["run"])


async def test_a_turn_may_bring_its_own_model_tools_schema_and_task(
    api: Api, tools: ToolServer, provider: Provider
) -> None:
    await api.tool("own", **tools.contract("own"))
    tools.gives("own", {"employees": 3})
    await api.agent("overridden", tools=[])
    run = await api.turn(
        "overridden",
        "Company: Acme",
        model="openai/gpt-6.1-terra",
        tools=["own@1"],
        output_schema=DRAFT,
        task="draft",
    )
    assert run["model"] == "gpt-6.1-terra" and run["output"]["employees"] == 3
    assert (await provider.asked())[0]["model"] == "gpt-6.1-terra"
    assert (await api("GET", "/v1/agents/overridden")).body["tools"] == []
    await assert_complete(api, run["run"])


# What the caller says of the model, and the model that is called.
MODELS = [
    ("openai/gpt-6.1-sol", "gpt-6.1-sol"),  # provider and id
    ("gpt-6.1-sol", "gpt-6.1-sol"),  # a bare id
    ("fast", "gpt-6-luna"),  # an alias of the policy
]


@pytest.mark.parametrize("asked, called", MODELS)
async def test_a_model_has_several_names(api: Api, asked: str, called: str) -> None:
    await api.agent("named")
    assert (await api.turn("named", "hello", model=asked))["model"] == called


async def test_metadata_comes_back(api: Api) -> None:
    await api.agent("labelled")
    run = await api.turn("labelled", "hello", metadata={"lead": "42", "ümlaut": "✓"})
    assert run["metadata"] == {"lead": "42", "ümlaut": "✓"}
    assert (await api("GET", f"/v1/runs/{run['run']}")).body["metadata"] == run["metadata"]


async def test_runs_are_listed_newest_first_by_page_and_filter(
    api: Api, provider: Provider
) -> None:
    await api.agent("listed-a")
    await api.agent("listed-b")
    made = [
        (await api.turn(agent, "hello", customer="lister"))["run"]
        for agent in ("listed-a", "listed-b", "listed-a", "listed-b")
    ]
    await provider.faults("refusal")
    made.append((await api.turn("listed-a", "hello", customer="lister"))["run"])

    async def listed(query: str) -> tuple[list[int], str | None]:
        found = (await api("GET", f"/v1/runs?customer=lister&{query}")).body
        return [made.index(run["run"]) for run in found["runs"]], found["cursor"]

    assert (await listed(""))[0] == [4, 3, 2, 1, 0]
    assert (await listed("agent=listed-a"))[0] == [4, 2, 0]
    assert (await listed("status=failed"))[0] == [4]
    assert (await listed("status=completed&agent=listed-b"))[0] == [3, 1]
    pages, query = [], "limit=2"
    while query:
        page, cursor = await listed(query)
        pages += page
        query = f"limit=2&cursor={cursor}" if cursor else ""
    assert pages == [4, 3, 2, 1, 0]
