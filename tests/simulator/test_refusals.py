"""The simulator refuses what OpenAI refuses, with its status and code."""

from typing import Any

import openai
import pytest

from tests.simulator.asked import BASE, ENRICH, FORMAT, SEALED, Ask

OPEN = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED = {**OPEN, "additionalProperties": False}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAAB"}


def formatted(**changes: Any) -> dict:
    return {"text": {"format": {**FORMAT["format"], **changes}}}


REFUSED = [
    ({"model": "gpt-9"}, 404, "model_not_found"),
    ({"input": None}, 400, "missing_required_parameter"),
    ({"extra_body": {"seed": 1}}, 400, "unknown_parameter"),
    ({"extra_body": {"store": "no"}}, 400, "invalid_type"),
    ({"temperature": 0.2}, 400, None),
    ({"temperature": 3, "reasoning": {"effort": "none"}}, 400, "decimal_above_max_value"),
    ({"model": "gpt-4.1", "reasoning": {"effort": "low"}}, 400, "unsupported_parameter"),
    ({"model": "gpt-6-astra", "reasoning": {"effort": "none"}}, 400, "unsupported_value"),
    ({"model": "gpt-4.1", **SEALED}, 400, None),
    ({"include": ["everything"]}, 400, "invalid_value"),
    ({"max_output_tokens": 1}, 400, "integer_below_min_value"),
    ({"metadata": {"k": "v" * 513}}, 400, None),
    ({"model": "gpt-4o", "input": "x" * 520_000}, 400, "context_length_exceeded"),
    ({"previous_response_id": "resp_1"}, 400, "previous_response_not_found"),
    ({"tools": [{**ENRICH, "name": "en rich"}]}, 400, "invalid_value"),
    ({"tools": [{**ENRICH, "type": "web"}]}, 400, "invalid_value"),
    ({"tools": [{**ENRICH, "parameters": {}}]}, 400, "invalid_function_parameters"),
    ({"tools": [{**ENRICH, "parameters": OPEN}]}, 400, "invalid_function_parameters"),
    ({"tool_choice": "required"}, 400, None),
    ({"tool_choice": {"type": "function", "name": "other"}}, 400, None),
    (formatted(name="my draft"), 400, "invalid_value"),
    (formatted(schema=None), 400, "missing_required_parameter"),
    (formatted(schema=OPEN), 400, "invalid_json_schema"),
    (formatted(schema={**CLOSED, "required": []}), 400, "invalid_json_schema"),
    (formatted(schema={**CLOSED, "anyOf": [CLOSED]}), 400, "invalid_json_schema"),
    (formatted(schema={**CLOSED, "properties": {"a": {}}}), 400, "invalid_json_schema"),
    ({"text": {"format": {"type": "json_object"}}}, 400, None),
    ({"input": [{"role": "robot", "content": "hi"}]}, 400, "invalid_value"),
    (
        {"input": [{"role": "user", "content": [{"type": "output_text", "text": "hi"}]}]},
        400,
        "invalid_value",
    ),
    ({"input": [{"type": "function_call_output", "call_id": "c", "output": ""}]}, 400, None),
    (
        {"input": [{"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}]},
        400,
        None,
    ),
    ({"input": [REASONING]}, 400, "invalid_encrypted_content"),
]


@pytest.mark.parametrize("changes, status, code", REFUSED)
async def test_what_the_api_refuses_is_refused(
    ask: Ask, changes: dict, status: int, code: str | None
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        await ask(**changes)
    assert (refused.value.status_code, refused.value.code) == (status, code)


async def test_a_bad_key_is_a_401(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        await sdk.with_options(api_key="invalid").responses.create(**BASE)
