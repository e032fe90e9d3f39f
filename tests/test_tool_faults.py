"""What can go wrong with a tool is an error that the model sees; the turn goes on."""

import json
from typing import Any

import pytest
from aiohttp import web

from tests.house.api import Api
from tests.house.log import assert_complete
from tests.house.provider import Provider, tool_outputs
from tests.house.toolserver import ToolServer
from tests.house.until import until

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
MEBIBYTE = 1 << 20
NONE = {"side_effects": "none", "retries": 0, "timeout_s": 1}

Turned = tuple[dict[str, Any], str]


async def turned(api: Api, provider: Provider, name: str) -> Turned:
    """A completed turn of an agent with that one tool, and what the model saw of its call."""
    await api.agent(name, tools=[name])
    run = await api.turn(name, "Company: Acme")
    assert run["status"] == "completed", run
    await assert_complete(api, run["run"])
    (shown,) = tool_outputs((await provider.asked())[-1])
    return run, shown


def assert_error(turn: Turned, code: str) -> dict[str, Any]:
    run, shown = turn
    (call,) = run["tool_calls"]
    assert (call["status"], call["error"]["code"]) == ("failed", code), call
    assert json.loads(shown)["error"]["code"] == code
    return call


# What the tool answers, with its status, and the code of the error that the model sees.
ANSWERS = [
    (500, b'{"n":1}', "tool_failed"),  # broken, whatever it says
    (404, b"", "tool_failed"),  # not there
    (204, b"", "result_invalid"),  # nothing
    (200, b"", "result_invalid"),  # nothing either
    (200, b"<html>", "result_invalid"),  # no JSON
    (200, b'{"n":"one"}', "result_invalid"),  # against its schema
    (200, b"[1]", "result_invalid"),  # another kind of JSON
    (200, b'{"n":NaN}', "result_invalid"),  # JSON of Python's making
    (200, b'{"n":1,"x":"\xff"}', "result_invalid"),  # not UTF-8
    (200, b'{"n":' + b"[" * 10_000, "result_invalid"),  # deeper than any stack
    (200, b'{"n":1,"x":"' + b"x" * MEBIBYTE + b'"}', "result_invalid"),  # too large
    (200, b'{"error":{"code":"no_such_lead","message":"?"}}', "no_such_lead"),  # it says so
    (200, b'{"error":{}}', "tool_failed"),  # it says so, without a code
]


@pytest.mark.parametrize("status, body, code", ANSWERS, ids=lambda value: str(value)[:24])
async def test_a_tool_that_fails_is_an_error_the_model_sees(
    api: Api, tools: ToolServer, provider: Provider, status: int, body: bytes, code: str
) -> None:
    await api.tool("faulty", **tools.contract("faulty", output_schema=NUMBER, **NONE))
    tools.gives("faulty", body, status)
    call = assert_error(await turned(api, provider, "faulty"), code)
    assert call["error"]["message"] or b'"error"' in body
    assert len(tools.received) == 1


async def test_a_tool_that_hangs_is_given_up(
    api: Api, tools: ToolServer, provider: Provider
) -> None:
    await api.tool("hung", **tools.contract("hung", **NONE))
    tools.holds("hung", {})
    assert_error(await turned(api, provider, "hung"), "tool_timeout")


async def test_a_tool_that_hangs_in_mid_answer_is_given_up(
    api: Api, tools: ToolServer, provider: Provider
) -> None:
    gate = tools.holds("half", {})

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": "9"})
        await response.prepare(request)
        await response.write(b"{")
        await gate.wait()
        return response

    tools.handlers["half"] = half
    await api.tool("half", **tools.contract("half", **NONE))
    assert_error(await turned(api, provider, "half"), "tool_timeout")


async def test_a_tool_nobody_listens_for_is_an_error_the_model_sees(
    api: Api, tools: ToolServer, provider: Provider, dead_port: int
) -> None:
    config = {"url": f"http://127.0.0.1:{dead_port}/"}
    await api.tool("dead", **tools.contract("dead", config=config, **NONE))
    assert_error(await turned(api, provider, "dead"), "tool_unreachable")


async def test_a_redirect_is_not_followed(api: Api, tools: ToolServer, provider: Provider) -> None:
    async def elsewhere(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"location": "/target"})

    tools.handlers["moved"] = elsewhere
    tools.gives("target", {})
    await api.tool("moved", **tools.contract("moved", **NONE))
    assert_error(await turned(api, provider, "moved"), "tool_failed")
    assert not tools.calls("target")


async def test_a_safe_tool_that_is_overloaded_is_called_again_under_the_same_key(
    api: Api, tools: ToolServer, provider: Provider
) -> None:
    async def second_time(_: web.Request) -> web.Response:
        ready = len(tools.received) > 1
        return web.json_response({"n": 1}, status=200 if ready else 503)

    tools.handlers["flaky"] = second_time
    contract = tools.contract("flaky", side_effects="idempotent", retries=1)
    await api.tool("flaky", **contract)
    run, _ = await turned(api, provider, "flaky")
    assert run["tool_calls"][0]["result"] == {"n": 1}
    assert len({call.headers["idempotency-key"] for call in tools.received}) == 1
    events = await api.events(run["run"])
    (returned,) = [event for event in events if event["kind"] == "tool_returned"]
    assert returned["body"]["attempts"] == len(tools.received) == 2


async def test_a_call_that_may_have_taken_effect_once_waits_for_a_person(
    api: Api, tools: ToolServer
) -> None:
    await api.tool("pay", **tools.contract("pay", side_effects="once", timeout_s=1))
    tools.holds("pay", {})
    await api.agent("payer", tools=["pay"])
    run = await api.turn("payer", "Company: Acme")
    assert run["status"] == "waiting"
    (call,) = run["tool_calls"]
    assert call["status"] == "unknown" and run["waiting"]["calls"] == [call["call"]]
    assert run["waiting"]["for"] == "decision"
    assert len(tools.received) == 1
    cancelled = await api("POST", f"/v1/runs/{run['run']}/cancel", {})
    assert cancelled.body["status"] == "cancelled"
    await assert_complete(api, run["run"])


async def test_a_tool_the_agent_was_not_given_is_an_error_the_model_sees(
    api: Api, tools: ToolServer, provider: Provider
) -> None:
    """It exists, and a contract for it too; this agent has none."""
    await api.tool("given", **tools.contract("given"))
    await api.tool("secret", **tools.contract("secret"))
    tools.gives("secret", {})
    await provider.faults({"kind": "unknown_tool", "tool": "secret"})
    assert_error(await turned(api, provider, "given"), "tool_unknown")
    assert not tools.received


# Arguments as the model wrote them, against a contract that wants {"company": string}.
ARGUMENTS = ['{"cut', "{}", '{"company":7}', '{"company":"A","more":1}', "[]", "null", ""]


@pytest.mark.parametrize("arguments", ARGUMENTS)
async def test_wrong_arguments_are_an_error_the_model_sees(
    api: Api, tools: ToolServer, provider: Provider, arguments: str
) -> None:
    await api.tool("strict", **tools.contract("strict"))
    tools.gives("strict", {})
    await provider.faults({"kind": "call", "tool": "strict", "arguments": arguments})
    assert_error(await turned(api, provider, "strict"), "arguments_invalid")
    assert not tools.received


async def test_a_long_result_is_clipped_for_the_model_and_kept_whole(
    api: Api, tools: ToolServer, provider: Provider
) -> None:
    await api.tool("verbose", **tools.contract("verbose"))
    tools.gives("verbose", {"text": "é" * 100_000})
    run, shown = await turned(api, provider, "verbose")
    assert run["tool_calls"][0]["result"] == {"text": "é" * 100_000}
    assert len(shown) < 100_000 and "clipped" in shown


async def test_a_tool_call_of_a_cancelled_turn_is_not_made(
    api: Api, tools: ToolServer, provider: Provider
) -> None:
    """It waits for its second attempt when the turn is cancelled."""
    tools.gives("late", {}, 503)
    await api.tool("late", **tools.contract("late", retries=10))
    await api.agent("late", tools=["late"])
    run = await api.turn("late", "Company: Acme", wait_s=0)
    await until(lambda: tools.called("late"))
    await api("POST", f"/v1/runs/{run['run']}/cancel", {})
    made = len(tools.received)
    tools.gives("after", {})
    await api.tool("after", **tools.contract("after"))
    await turned(api, provider, "after")
    assert len(tools.calls("late")) == made
