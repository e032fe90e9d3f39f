"""The simulator answers Anthropic's real SDK from what it was asked, and fails as it was told."""

import json
from typing import Any

import anthropic
import httpx2
import pytest
from aiohttp.test_utils import BaseTestServer
from anthropic.types import Message
from jsonschema import Draft202012Validator

from tests.simulator import built
from tests.simulator.asked import CLAUDE_DRAFT, CLAUDE_ENRICH, CLAUDE_FORMAT, LEAD, Ask
from tests.simulator.claude import built as claude_built
from tests.simulator.claude.models import MODELS

TOOLS: dict[str, Any] = {"tools": [CLAUDE_ENRICH], "cache_control": {"type": "ephemeral"}}


def said(message: Message) -> list[dict[str, Any]]:
    return [block.model_dump(exclude_none=True) for block in message.content]


def text(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


async def continued(
    ask: Ask, found: dict, lead: str = LEAD, **changes: Any
) -> tuple[list, Message]:
    """The same conversation after its first answer's calls were answered with `found`."""
    begun = {"role": "user", "content": lead}
    first = said(await ask(messages=[begun], **TOOLS, **changes))
    calls = [block for block in first if block["type"] == "tool_use"]
    content = json.dumps(found)
    results = [{"type": "tool_result", "tool_use_id": c["id"], "content": content} for c in calls]
    asked = {"role": "assistant", "content": first}
    history = [begun, asked, {"role": "user", "content": results}]
    return calls, await ask(messages=history, **TOOLS, **changes)


async def test_a_tool_is_called_with_what_the_user_said(ask_claude: Ask) -> None:
    calls, _ = await continued(ask_claude, {})
    wanted = {"company": "Analytical Engines", "email": "ada@engines.example"}
    assert [call["input"] for call in calls] == [wanted]


@pytest.mark.parametrize("company, employees", [("Analytical Engines", 120), ("Beta GmbH", 7)])
async def test_the_answer_fits_the_schema_and_cites_lead_and_tool(
    ask_claude: Ask, company: str, employees: int
) -> None:
    lead = LEAD.replace("Analytical Engines", company)
    found = {"employees": employees, "industry": "computing"}
    _, second = await continued(ask_claude, found, lead, output_config=CLAUDE_FORMAT)
    draft = json.loads(text(second))
    Draft202012Validator(CLAUDE_DRAFT).validate(draft)
    assert company in draft["subject"] and draft["employees"] == employees
    assert "Ada Lovelace" in draft["body"] and "industry: computing" in draft["body"]


async def test_a_schema_that_the_system_prompt_speaks_of_is_answered_too(ask_claude: Ask) -> None:
    system = f"Be brief.\n\nAnswer with JSON that fits this JSON Schema: {json.dumps(CLAUDE_DRAFT)}"
    Draft202012Validator(CLAUDE_DRAFT).validate(json.loads(text(await ask_claude(system=system))))


async def test_equal_requests_get_equal_answers(ask_claude: Ask) -> None:
    assert await ask_claude(**TOOLS) == await ask_claude(**TOOLS)


@pytest.mark.parametrize("model", MODELS)
async def test_every_model_answers_in_the_sdk_s_types(ask_claude: Ask, model: str) -> None:
    answered = await ask_claude(model=model, output_config=CLAUDE_FORMAT, **TOOLS)
    Message.model_validate(answered.model_dump(), strict=True)
    assert answered.stop_reason == "tool_use"
    assert (answered.content[0].type == "thinking") == MODELS[model].thinks


async def test_usage_tells_the_cache_and_the_thinking_apart(ask_claude: Ask) -> None:
    begun = [{"role": "user", "content": "word " * 2_000}]
    history = [
        *begun,
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "And?"},
    ]
    cold = (await ask_claude(messages=begun, cache_control={"type": "ephemeral"})).usage
    warm = (await ask_claude(messages=history, cache_control={"type": "ephemeral"})).usage
    plain = (await ask_claude(messages=begun)).usage
    assert (cold.cache_read_input_tokens, warm.cache_read_input_tokens) == (0, 2511)
    assert cold.input_tokens == 0 and cold.cache_creation_input_tokens == plain.input_tokens
    assert plain.output_tokens_details and plain.output_tokens_details.thinking_tokens == 96


async def test_a_small_cap_cuts_the_answer(ask_claude: Ask) -> None:
    assert (await ask_claude(max_tokens=100)).stop_reason == "max_tokens"


async def fault(server: BaseTestServer, claude: anthropic.AsyncAnthropic, **told: Any) -> None:
    await claude.post("/_sim/faults", body=[told], cast_to=object)


async def test_a_fault_for_one_provider_waits_for_it(server, claude, ask_claude, ask) -> None:
    await fault(server, claude, kind="refusal", provider="openai")
    assert (await ask_claude()).stop_reason == "end_turn"
    assert (await ask()).output_text == ""


STATUSES = [
    (429, anthropic.RateLimitError, "rate_limit_error"),
    (500, anthropic.InternalServerError, "api_error"),
    (529, anthropic.OverloadedError, "overloaded_error"),
]


@pytest.mark.parametrize("status, kind, type_", STATUSES)
async def test_an_error_is_in_anthropic_s_form(
    server, claude, ask_claude, status: int, kind: type, type_: str
) -> None:
    limited = {"headers": {"retry-after": "1"}, "code": "ramp_limit_exceeded"}
    await fault(server, claude, kind="status", status=status, **limited)
    with pytest.raises(kind) as raised:
        await ask_claude()
    found = raised.value
    assert isinstance(found, anthropic.APIStatusError)
    assert (found.type, found.error_code) == (type_, "ramp_limit_exceeded")
    assert found.response.headers["retry-after"] == "1"


@pytest.mark.parametrize("kind", ["close", "cut_body"])
async def test_a_broken_connection_is_a_transport_error(server, claude, ask_claude, kind) -> None:
    await fault(server, claude, kind=kind)
    with pytest.raises((anthropic.APIConnectionError, httpx2.TransportError)):
        await ask_claude()


@pytest.mark.parametrize(
    "kind, more, reason, words",
    [
        ("refusal", {}, "refusal", ""),
        ("filtered", {}, "refusal", ""),
        ("truncated", {}, "max_tokens", '{"subject": "Analyti'),
        ("empty", {}, "end_turn", ""),
        ("text", {"text": "so"}, "end_turn", "so"),
        ("odd_stop", {}, "later_reason", None),
        ("odd_block", {}, "end_turn", None),
    ],
)
async def test_a_message_that_is_no_answer(
    server, claude, ask_claude, kind: str, more: dict, reason: str, words: str | None
) -> None:
    await fault(server, claude, kind=kind, **more)
    answered = await ask_claude(output_config=CLAUDE_FORMAT)
    assert answered.stop_reason == reason
    assert words in (None, text(answered))


async def test_tool_faults_name_an_unknown_tool_or_break_the_arguments(
    server, claude, ask_claude
) -> None:
    await fault(server, claude, kind="unknown_tool")
    await fault(server, claude, kind="bad_arguments")
    unknown, bad = await ask_claude(**TOOLS), await ask_claude(**TOOLS)
    assert unknown.content[-1].name == "no_such_tool"
    assert bad.content[-1].input == {"cut": '{"cut'}


def test_both_providers_have_the_same_faults() -> None:
    assert built.BUILT.keys() == claude_built.BUILT.keys()
