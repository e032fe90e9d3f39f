"""One answer without a conversation, and turns whose agent comes with them."""

import json
from typing import Any

import pytest

from tests.house.api import Api
from tests.house.log import assert_complete, kinds
from tests.house.provider import Provider
from tests.house.toolserver import COMPANY, ToolServer

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}
SAID = {"role": "user", "parts": "I am Ada."}
HEARD = {"role": "assistant", "parts": "Hello Ada."}
OWN = {"name": "enrich", "kind": "caller", "description": "Looks up.", "input_schema": COMPANY}


async def generated(api: Api, **request: Any) -> dict[str, Any]:
    answer = await api("POST", "/v1/generate", request)
    assert answer.status == 200, answer
    return answer.body


async def test_an_input_is_answered_in_no_conversation(api: Api, provider: Provider) -> None:
    runs = [
        await generated(api, instructions="Be brief.", input="I am Ada Lovelace.") for _ in range(2)
    ]
    for run in runs:
        assert run["status"] == "completed" and "Ada" in run["output"]
        assert (run["turn"], run["conversation"]) == (1, run["run"])
        assert float(run["cost_usd"]) > 0
        events = await assert_complete(api, run["run"])
        assert kinds(events) == ["started", "called", "replied", "ended"]
    (first, second) = await provider.asked()
    assert first["instructions"] == "Be brief." and first["input"] == second["input"]


async def test_an_answer_has_the_shape_that_is_asked_for(api: Api) -> None:
    run = await generated(api, input="My name is Ada Lovelace.", output_schema=PERSON)
    assert set(run["output"]) == {"name"} and run["repairs"] == 0
    await assert_complete(api, run["run"])


async def test_no_instructions_are_needed(api: Api) -> None:
    assert (await generated(api, input=""))["status"] == "completed"


# What was said before, and what the model is shown of it.
TALKS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"messages": [SAID]}, [("user", "I am Ada.")]),  # one message
    ({"input": [{"type": "text", "text": "Hi."}]}, [("user", "Hi.")]),  # in parts
    (
        {"messages": [SAID, HEARD, {"role": "user", "parts": "Who am I?"}]},  # ends with the user's
        [("user", "I am Ada."), ("assistant", "Hello Ada."), ("user", "Who am I?")],
    ),
    (
        {"messages": [SAID, HEARD], "input": "Who am I?"},  # the same in other words
        [("user", "I am Ada."), ("assistant", "Hello Ada."), ("user", "Who am I?")],
    ),
]


@pytest.mark.parametrize("request_, shown", TALKS)
async def test_messages_reach_the_model_in_their_order(
    api: Api, provider: Provider, request_: dict[str, Any], shown: list[tuple[str, str]]
) -> None:
    run = await generated(api, **request_)
    (asked,) = await provider.asked()
    said = [(item["role"], part["text"]) for item in asked["input"] for part in item["content"]]
    assert said == shown
    assert [message["role"] for message in run["messages"]] == ["assistant"]
    await assert_complete(api, run["run"])


async def test_a_task_a_model_and_metadata_are_heeded(api: Api, provider: Provider) -> None:
    run = await generated(api, input="hi", model="strong", task="draft", metadata={"lead": "42"})
    assert (run["model"], run["metadata"]) == ("gpt-6.1-sol", {"lead": "42"})
    assert (await provider.asked())[0]["model"] == "gpt-6.1-sol"


async def test_one_key_is_one_generation(api: Api, provider: Provider) -> None:
    request = {"input": "once"}
    first = await api("POST", "/v1/generate", request, Idempotency_Key="generate")
    again = await api("POST", "/v1/generate", {**request, "wait_s": 1}, Idempotency_Key="generate")
    assert first.body == again.body and len(await provider.asked()) == 1
    other = await api("POST", "/v1/generate", {"input": "other"}, Idempotency_Key="generate")
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    assert other.body["field"] == "Idempotency-Key" and first.body["run"] in other.body["detail"]


async def test_a_key_that_began_a_turn_begins_no_generation(api: Api) -> None:
    await api.agent("first")
    turn = {"agent": "first", "message": "hello"}
    assert (await api("POST", "/v1/turns", turn, Idempotency_Key="both")).status == 200
    other = await api("POST", "/v1/generate", {"input": "hello"}, Idempotency_Key="both")
    assert (other.status, other.code) == (422, "idempotency_mismatch")


async def test_who_does_not_wait_polls(api: Api) -> None:
    answer = await api("POST", "/v1/generate", {"input": "later", "wait_s": 0})
    assert answer.status in (200, 202)
    assert (await api.rested(answer.body["run"]))["status"] == "completed"


async def test_the_caller_s_tools_are_handed_to_the_caller(api: Api) -> None:
    run = await generated(api, input="Company: Acme", tools=[OWN])
    assert run["status"] == "waiting" and run["waiting"]["for"] == "tools"
    (call,) = run["tool_calls"]
    assert (call["tool"], call["arguments"]) == ("enrich", {"company": "Acme"})
    results = {"results": [{"call": call["call"], "result": {"employees": 120}}]}
    done = await api("POST", f"/v1/runs/{run['run']}/tool-results", results)
    assert (done.status, done.body["status"]) == (200, "completed")
    await assert_complete(api, run["run"])


# What no generation can be made of, with the field that is named.
GENERATIONS: list[tuple[dict[str, Any], int, str, str]] = [
    ({}, 422, "validation", "input"),  # nothing is asked
    ({"instructions": "Answer."}, 422, "validation", "input"),  # only how
    ({"messages": []}, 422, "validation", "input"),  # by nobody
    ({"messages": [SAID, HEARD]}, 422, "validation", "input"),  # and answered already
    ({"input": None}, 422, "validation", "input"),
    ({"input": []}, 422, "validation", "input"),  # no part at all
    ({"input": 7}, 422, "validation", "input"),
    ({"messages": [{"role": "user", "parts": []}]}, 422, "validation", "messages.0.parts"),
    ({"messages": [{"role": "user"}]}, 422, "validation", "messages.0.parts"),
    ({"messages": [{"role": "system", "parts": "x"}]}, 422, "validation", "messages.0.role"),
    ({"messages": [{**SAID, "opaque": {}}]}, 422, "validation", "messages.0.opaque"),  # ours alone
    ({"messages": [SAID] * 1_001}, 422, "validation", "messages"),
    ({"input": "x", "agent": "writer"}, 422, "validation", "agent"),  # that is a turn
    ({"input": "x", "conversation": "c"}, 422, "validation", "conversation"),  # so is this
    ({"input": "x", "message": "y"}, 422, "validation", "message"),
    ({"input": "x", "tools": ["enrich"]}, 422, "validation", "tools.0"),  # only the caller's own
    ({"input": "x", "tools": [{**OWN, "kind": "http"}]}, 422, "validation", "tools.0.kind"),
    (
        {"input": "x", "tools": [{**OWN, "config": {"url": "http://a/"}}]},
        422,
        "validation",
        "tools",
    ),
    ({"input": "x", "tools": [OWN, OWN]}, 422, "validation", "tools"),  # which of the two?
    ({"input": "x", "tools": [{**OWN, "name": "a b"}]}, 422, "validation", "tools.0.name"),
    ({"input": "x", "tools": [{**OWN, "input_schema": {"type": 7}}]}, 422, "validation", "input_s"),
    ({"input": "x", "output_schema": {"type": "no"}}, 422, "validation", "output_schema"),
    ({"input": "x", "output_schema": "text"}, 422, "validation", "output_schema"),
    ({"input": "x", "model": "gpt-0"}, 404, "not_found", "model"),
    ({"input": "x", "model": "a b"}, 422, "validation", "model"),
    ({"input": "x", "customer": "*"}, 422, "validation", "customer"),
    ({"input": "x", "wait_s": 61}, 422, "validation", "wait_s"),
    ({"input": "x", "wait_s": "5"}, 422, "validation", "wait_s"),  # no text
    ({"input": "x", "timeout_s": True}, 422, "validation", "timeout_s"),  # no truth
    ({"input": "x", "callback_url": "ftp://a/"}, 422, "validation", "callback_url"),
    ({"input": "x", "callback_url": "http://a\u0000/"}, 422, "validation", "callback_url"),
    ({"input": "x", "callback_url": "http://[a/"}, 422, "validation", "callback_url"),  # no host
    ({"input": "x", "metadata": {"a": 1}}, 422, "validation", "metadata.a"),
    ({"input": "x", "metadata": {str(n): "" for n in range(33)}}, 422, "validation", "metadata"),
]


@pytest.mark.parametrize("body, status, code, field", GENERATIONS, ids=lambda v: str(v)[:40])
async def test_what_cannot_be_generated_is_refused_by_its_field(
    api: Api, provider: Provider, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = await api("POST", "/v1/generate", body)
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.body["field"].startswith(field), answer
    assert await provider.asked() == []


async def test_a_nul_in_what_is_said_is_said(api: Api) -> None:
    """A log of bytes keeps it; only names and keys are text to Postgres."""
    run = await generated(api, instructions="\0", input="a\0b", metadata={"\0": "\0"})
    assert run["status"] == "completed" and run["metadata"] == {"\0": "\0"}
    await assert_complete(api, run["run"])


async def test_a_nul_in_a_tool_call_s_arguments_reaches_the_tool(
    api: Api, tools: ToolServer, provider: Provider
) -> None:
    await api.tool("nul", **tools.contract("nul"))
    tools.gives("nul", {})
    await api.agent("nul", tools=["nul"])
    await provider.faults({"kind": "call", "arguments": '{"company":"a\0b"}'})
    run = await api.turn("nul", "go")
    assert run["status"] == "completed", run
    assert [received.body["arguments"] for received in tools.received] == [{"company": "a\0b"}]
    await assert_complete(api, run["run"])


# Keys that are none, as they are sent.
KEYS = [
    "x" * 201,  # too long for its index
    "two words",  # a space is lost at the ends
    "n\u00e4chste",  # no ASCII
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:10])
async def test_an_idempotency_key_that_is_none_is_refused(api: Api, key: str) -> None:
    answer = await api("POST", "/v1/generate", {"input": "x"}, Idempotency_Key=key)
    assert (answer.status, answer.code) == (422, "validation"), answer
    assert answer.body["field"] == "Idempotency-Key"


async def test_an_agent_may_come_with_its_turn(
    api: Api, provider: Provider, tools: ToolServer
) -> None:
    await api.tool("inline_tool", **tools.contract("inline_tool"))
    tools.gives("inline_tool", {"name": "Ada"})
    agent = {
        "instructions": "Find the name.",
        "persona": "You are terse.",
        "tools": ["inline_tool"],
        "models": ["openai/gpt-6.1-terra"],
        "output_schema": PERSON,
        "limits": {"model_calls": 4},
    }
    run = await api.turn(agent, "Company: Acme")
    assert (run["agent"], run["status"], run["model"]) == ("inline@0", "completed", "gpt-6.1-terra")
    assert run["output"] == {"name": "Ada"}
    asked = (await provider.asked())[0]["instructions"]
    assert "Find the name." in asked and "You are terse." in asked
    await assert_complete(api, run["run"])
    listed = (await api("GET", "/v1/agents")).body["agents"]
    assert "inline" not in [one["name"] for one in listed]


async def test_an_inline_agent_is_not_taken_for_one_that_is_kept(api: Api) -> None:
    await api.agent("genuine")
    posing = {"instructions": "Pose.", "name": "genuine", "version": 1}
    assert (await api.turn(posing, "hello"))["agent"] == "genuine@0"


async def test_a_conversation_goes_on_with_another_inline_agent(
    api: Api, provider: Provider
) -> None:
    for number, text in enumerate(("first", "second"), 1):
        run = await api.turn({"instructions": f"As {text}."}, text, conversation="inline-talk")
        assert run["turn"] == number
    asked = (await provider.asked())[-1]
    assert asked["instructions"] == "As second." and "first" in json.dumps(asked["input"])


# Inline agents that are none, with the field that is named.
AGENTS: list[tuple[Any, int, str]] = [
    ({}, 422, "agent.inline.instructions"),  # does nothing
    ({"instructions": 7}, 422, "agent.inline.instructions"),
    ({"instructions": "x", "surprise": 1}, 422, "agent.inline.surprise"),
    ({"instructions": "x", "limits": {"model_calls": 0}}, 422, "agent.inline.limits.model_calls"),
    ({"instructions": "x", "limits": {"timeout_s": 1e9}}, 422, "agent.inline.limits.timeout_s"),
    ({"instructions": "x", "name": "a b"}, 422, "agent.inline.name"),
    ({"instructions": "x", "output_schema": {"type": 7}}, 422, "output_schema"),
    ({"instructions": "x", "tools": ["nothing"]}, 404, "tool"),
    ({"instructions": "x", "models": ["gpt-0"]}, 404, "model"),
    (7, 422, "agent.inline"),  # neither a name nor a document
    (None, 422, "agent.inline"),
    ([], 422, "agent.inline"),
]


@pytest.mark.parametrize("agent, status, field", AGENTS, ids=lambda value: str(value)[:40])
async def test_an_inline_agent_that_is_none_is_refused_by_its_field(
    api: Api, provider: Provider, agent: Any, status: int, field: str
) -> None:
    answer = await api("POST", "/v1/turns", {"agent": agent, "message": "hello"})
    assert (answer.status, answer.code) == (status, "validation" if status == 422 else "not_found")
    assert answer.body["field"].startswith(field), answer
    assert await provider.asked() == []


async def test_two_versions_of_a_tool_are_not_offered_side_by_side(
    api: Api, tools: ToolServer
) -> None:
    for schema in ({}, {"type": "object"}):
        await api.tool("twofold", **tools.contract("twofold", output_schema=schema))
    turn = {"agent": {"instructions": "x", "tools": ["twofold@1", "twofold"]}, "message": "hello"}
    answer = await api("POST", "/v1/turns", turn)
    assert (answer.status, answer.code, answer.body["field"]) == (422, "validation", "tools")
