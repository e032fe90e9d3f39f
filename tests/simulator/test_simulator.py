"""The simulator answers the real SDK from what it was asked, and fails as it was told."""

import asyncio
import json
from typing import Any

import httpx2
import openai
import pytest
from aiohttp.test_utils import BaseTestServer
from jsonschema import Draft202012Validator

from tests.simulator.asked import DRAFT, ENRICH, FORMAT, LEAD, SEALED, Ask


async def continued(ask: Ask, found: dict, **changes: Any) -> tuple[list[dict], Any]:
    """The same conversation after its first answer's calls were answered with `found`."""
    first = await ask(tools=[ENRICH], **SEALED, **changes)
    said = [item.model_dump(exclude_none=True) for item in first.output]
    calls = [item for item in said if item["type"] == "function_call"]
    output = {"type": "function_call_output", "output": json.dumps(found)}
    returned = [{**output, "call_id": call["call_id"]} for call in calls]
    history = [{"role": "user", "content": changes.get("input", LEAD)}, *said, *returned]
    return calls, await ask(tools=[ENRICH], text=FORMAT, **{**changes, "input": history}, **SEALED)


async def test_a_tool_is_called_with_what_the_user_said(ask: Ask) -> None:
    calls, _ = await continued(ask, {})
    said = {"company": "Analytical Engines", "email": "ada@engines.example"}
    assert [json.loads(call["arguments"]) for call in calls] == [said]


@pytest.mark.parametrize("company, employees", [("Analytical Engines", 120), ("Beta GmbH", 7)])
async def test_the_answer_fits_the_schema_and_cites_lead_and_tool(
    ask: Ask, company: str, employees: int
) -> None:
    lead = LEAD.replace("Analytical Engines", company)
    found = {"employees": employees, "industry": "computing"}
    _, second = await continued(ask, found, input=lead)
    draft = json.loads(second.output_text)
    Draft202012Validator(DRAFT).validate(draft)
    assert company in draft["subject"]
    assert "Ada Lovelace" in draft["body"] and "industry: computing" in draft["body"]
    assert draft["employees"] == employees


async def test_a_repair_is_answered_and_not_taken_for_a_new_question(ask: Ask) -> None:
    arguments = json.dumps({"company": "Analytical Engines", "email": "ada@engines.example"})
    history = [
        {"role": "user", "content": LEAD},
        {"type": "function_call", "call_id": "c", "name": "enrich", "arguments": arguments},
        {"type": "function_call_output", "call_id": "c", "output": "{}"},
        {"role": "assistant", "content": "no JSON"},
        {"role": "user", "content": "The answer is not valid JSON. Answer again."},
    ]
    answered = await ask(input=history, tools=[ENRICH], text=FORMAT)
    assert [item.type for item in answered.output] == ["reasoning", "message"]


async def test_equal_requests_get_equal_answers(ask: Ask) -> None:
    assert await ask(tools=[ENRICH]) == await ask(tools=[ENRICH])


async def test_usage_counts_bytes_thoughts_and_the_cached_prefix(ask: Ask) -> None:
    history = [{"role": "user", "content": "word " * 2000}, {"role": "user", "content": "and?"}]
    usage = (await ask(input=history)).usage
    assert usage.input_tokens_details.cached_tokens == 2432
    assert usage.output_tokens_details.reasoning_tokens == 128
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


async def test_a_small_cap_leaves_the_answer_incomplete(ask: Ask) -> None:
    answered = await ask(max_output_tokens=140)
    assert answered.status == "incomplete"
    assert answered.incomplete_details.reason == "max_output_tokens"


async def fault(server: BaseTestServer, sdk: openai.AsyncOpenAI, kind: str, **more: Any) -> None:
    url = str(server.make_url("/_sim/faults"))
    await sdk.post(url, body=[{"kind": kind, **more}], cast_to=object)


async def test_a_status_fault_is_used_up_by_one_request(server, sdk, ask) -> None:
    limited = {"status": 429, "code": "rate_limit_exceeded", "headers": {"retry-after": "1"}}
    await fault(server, sdk, "status", **limited)
    with pytest.raises(openai.RateLimitError) as raised:
        await ask()
    assert raised.value.response.headers["retry-after"] == "1"
    assert (await ask()).status == "completed"


@pytest.mark.parametrize("kind", ["close", "cut_body"])
async def test_a_broken_connection_is_a_transport_error(server, sdk, ask, kind: str) -> None:
    await fault(server, sdk, kind)
    with pytest.raises((openai.APIConnectionError, httpx2.TransportError)):
        await ask()


async def test_a_hanging_provider_times_out_at_the_client(server, sdk, ask) -> None:
    await fault(server, sdk, "hang")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(ask(), 0.1)


@pytest.mark.parametrize(
    "kind, more, status, text",
    [
        ("refusal", {}, "completed", ""),
        ("truncated", {}, "incomplete", '{"subject": "Analyti'),
        ("filtered", {}, "incomplete", ""),
        ("failed", {}, "failed", ""),
        ("empty", {}, "completed", ""),
        ("text", {"text": "so"}, "completed", "so"),
    ],
)
async def test_a_response_that_is_no_answer(server, sdk, ask, kind, more, status, text) -> None:
    await fault(server, sdk, kind, **more)
    answered = await ask(text=FORMAT)
    assert (answered.status, answered.output_text) == (status, text)


async def test_an_invalid_answer_never_fits_and_a_fenced_one_does(server, sdk, ask) -> None:
    await fault(server, sdk, "invalid_answer")
    await fault(server, sdk, "fenced")
    invalid, fenced = await ask(text=FORMAT), await ask(text=FORMAT)
    assert not Draft202012Validator(DRAFT).is_valid(json.loads(invalid.output_text))
    unfenced = fenced.output_text.removeprefix("```json\n").removesuffix("\n```")
    Draft202012Validator(DRAFT).validate(json.loads(unfenced))


async def test_tool_faults_name_an_unknown_tool_or_cut_the_arguments(server, sdk, ask) -> None:
    await fault(server, sdk, "unknown_tool")
    await fault(server, sdk, "bad_arguments")
    unknown, bad = await ask(tools=[ENRICH]), await ask(tools=[ENRICH])
    assert (unknown.output[-1].name, bad.output[-1].arguments) == ("no_such_tool", '{"cut')
