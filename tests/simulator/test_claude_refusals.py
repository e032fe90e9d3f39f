"""The simulator refuses what Anthropic refuses, with its status, type and words."""

from typing import Any

import anthropic
import pytest

from tests.simulator.asked import CLAUDE_DRAFT, CLAUDE_ENRICH, LEAD, Ask

USER = {"role": "user", "content": LEAD}
OPUS = "claude-opus-5-5"


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": [*blocks]}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [*blocks]}


def use(name: str = "enrich", id_: str = "toolu_1") -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": name, "input": {}}


def result(id_: str = "toolu_1") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id_, "content": "{}"}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def messages(*all_: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [*all_], "tools": [CLAUDE_ENRICH]}


def tool(**changes: Any) -> dict[str, Any]:
    return {"tools": [{**CLAUDE_ENRICH, **changes}]}


def schema(**changes: Any) -> dict[str, Any]:
    return {"input_schema": {**CLAUDE_ENRICH["input_schema"], **changes}}


def form(**changes: Any) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": CLAUDE_DRAFT | changes}}}


def place(**inner: Any) -> dict[str, Any]:
    return form(properties={"subject": inner}, required=["subject"])


THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "x.y"}
OPTIONAL = {f"p{n}": {"type": "string"} for n in range(25)}
UNIONS = {f"p{n}": {"type": ["string", "null"]} for n in range(17)}
LOOP = {"$defs": {"n": {"type": "array", "items": {"$ref": "#/$defs/n"}}}}
TEXT = {"type": "string"}
ROUND = (USER, assistant(use()), user(result()))
REFUSED: list[tuple[dict[str, Any], int, str]] = [
    # Fields.
    ({"max_tokens": None}, 400, "max_tokens: Field required"),
    ({"max_tokens": "many"}, 400, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": 0}, 400, "greater than or equal to 1"),
    ({"max_tokens": 128_001}, 400, "128001 > 128000"),
    ({"temperature": 0.2}, 400, "temperature: Extra inputs are not permitted"),
    ({"store": False}, 400, "store: Extra inputs are not permitted"),
    ({"model": "claude-9"}, 404, "model: claude-9"),
    ({"messages": None}, 400, "messages: Field required"),
    ({"stream": True}, 400, ""),
    ({"messages": [{"role": "user", "content": "x" * 4_000_100}]}, 400, "prompt is too long"),
    # Roles.
    ({"messages": []}, 400, "at least one message"),
    ({"messages": [{"role": "robot", "content": "hi"}]}, 400, "role: Input should be 'user'"),
    (messages(assistant(said("Hi")), USER), 400, 'first message must use the "user" role'),
    (messages(USER, assistant(said("Hi"))), 400, "must end with a user message"),
    (messages(USER, {"role": "system", "content": "hi"}, USER), 400, "role 'system'"),
    (messages({**USER, "name": "Ada"}), 400, "messages.0.name: Extra inputs"),
    # Texts.
    ({"messages": [{"role": "user", "content": ""}]}, 400, "must have non-empty content"),
    (messages(user(said(""))), 400, "must be non-empty"),
    (messages(user(said(" \n"))), 400, "must contain non-whitespace text"),
    (messages(user({**said("Hi"), "mood": "good"})), 400, "text.mood: Extra inputs"),
    (messages(user({"type": "poem", "text": "O"})), 400, "type: Input should be"),
    # Calls and results.
    (messages(USER, assistant(use())), 400, "must end with a user message"),
    (messages(USER, assistant(use()), USER), 400, "without `tool_result` blocks"),
    (messages(USER, assistant(use()), user(said("Hm."), result())), 400, "without `tool_result`"),
    (messages(user(result())), 400, "unexpected `tool_use_id`"),
    (messages(*ROUND, assistant(said("Hi")), user(result())), 400, "unexpected `tool_use_id`"),
    (messages(*ROUND, assistant(use()), user(result())), 400, "ids must be unique"),
    (messages(USER, assistant(use()), user(result(), result())), 400, "single result"),
    (messages(USER, assistant(use(id_="a|b")), user(result("a|b"))), 400, "match pattern"),
    (messages(USER, assistant(use("en rich")), user(result())), 400, "match pattern"),
    ({**messages(*ROUND), "tools": None}, 400, "must define tools"),
    # Tools.
    (tool(name="en rich"), 400, "tools.0.custom.name: String should match pattern"),
    (tool(parameters={}), 400, "tools.0.custom.parameters: Extra inputs"),
    (tool(input_schema={}), 400, "input_schema"),
    (tool(**schema(anyOf=[])), 400, "at the top level"),
    (tool(**schema(properties={"a b": TEXT})), 400, "Property keys should match pattern"),
    (tool(**schema(additionalProperties=True), strict=True), 400, "additionalProperties"),
    ({"tools": [CLAUDE_ENRICH, CLAUDE_ENRICH]}, 400, "unique"),
    ({"tool_choice": {"type": "tool", "name": "other"}}, 400, "not found"),
    ({"model": OPUS, **tool(), "tool_choice": {"type": "any"}}, 400, "not supported"),
    # The dialect of schemas.
    (form(additionalProperties=True), 400, "additionalProperties"),
    (place(type="integer", minimum=1), 400, "'minimum' is not supported"),
    (place(type="string", maxLength=3), 400, "'maxLength' is not supported"),
    (place(type="string", format="binary"), 400, "format 'binary'"),
    (place(type="array", items=TEXT, minItems=2), 400, "minItems"),
    (place(), 400, "Schema type is missing"),
    (place(**{"$ref": "https://example.com/x"}), 400, "External"),
    (form(properties={"subject": {"$ref": "#/$defs/n"}}, **LOOP), 400, "Recursive"),
    (form(properties=OPTIONAL, required=[]), 400, "too complex"),
    (form(properties=UNIONS, required=[*UNIONS]), 400, "too complex"),
    # Thinking.
    (messages(USER, assistant(THOUGHT), USER), 400, "final block"),
    (messages(USER, assistant(THOUGHT, said("Hi")), USER), 400, "Invalid `signature`"),
]


@pytest.mark.parametrize("changes, status, words", REFUSED)
async def test_what_the_api_refuses_is_refused(
    ask_claude: Ask, changes: dict, status: int, words: str
) -> None:
    with pytest.raises(anthropic.APIStatusError) as refused:
        await ask_claude(**changes)
    kind = {400: "invalid_request_error", 404: "not_found_error"}[status]
    assert (refused.value.status_code, refused.value.type) == (status, kind)
    assert words in str(refused.value.api_message)


async def test_thinking_is_good_after_its_own_past_only(ask_claude: Ask) -> None:
    first = await ask_claude(**tool())
    content = [block.model_dump(exclude_none=True) for block in first.content]
    results = [result(block["id"]) for block in content if block["type"] == "tool_use"]
    history = messages(USER, assistant(*content), user(*results))
    assert (await ask_claude(**history)).stop_reason == "end_turn"
    with pytest.raises(anthropic.BadRequestError, match="bound to a different conversation"):
        await ask_claude(**history, system="Be brief.")
    edited = assistant(*[{**block, "thinking": "Ha."} for block in content[:1]], *content[1:])
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        await ask_claude(**{**history, "messages": [USER, edited, user(*results)]})


async def test_a_bad_key_is_a_401(claude: anthropic.AsyncAnthropic) -> None:
    given: Any = {"model": OPUS, "max_tokens": 99, "messages": [USER]}
    with pytest.raises(anthropic.AuthenticationError):
        await claude.with_options(api_key="invalid").messages.create(**given)
