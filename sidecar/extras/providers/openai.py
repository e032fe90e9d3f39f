"""OpenAI's Responses API: a run to the exact request, a response to what it says.

Source: the types of openai 3.54 and OpenAI's API reference, read on 2026-11-23.
"""

from typing import Any

import orjson

from sidecar.core.documents import Contract, ModelRow
from sidecar.core.messages import Message, Usage
from sidecar.core.run import Run
from sidecar.core.turn import Encoder, Payload
from sidecar.extras.providers.dialect import enforceable, instructions, rooted

OUTCOMES = {"completed": "ok", "incomplete": "truncated"}
FINAL = (None, "final_answer")


def encode(run: Run, row: ModelRow, output_tokens: int) -> Payload:
    frame: dict[str, Any] = {
        "input": [],
        "model": row.model,
        "instructions": instructions(run.setup),
        "max_output_tokens": output_tokens,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "tools": [tool(contract) for contract in run.setup.contracts],
    }
    if run.setup.agent.output_schema is not None:
        schema = rooted(run.setup.agent.output_schema)
        shape = {"type": "json_schema", "name": "answer", "schema": schema}
        frame["text"] = {"format": shape | {"strict": enforceable(schema)}}
    items = [orjson.dumps(item) for message in run.messages for item in spoken(message)]
    return Payload(orjson.dumps(frame), items)


def tool(contract: Contract) -> dict[str, Any]:
    schema = contract.input_schema
    head = {"type": "function", "name": contract.name, "description": contract.description}
    return head | {"parameters": schema, "strict": enforceable(schema)}


def spoken(message: Message) -> list[dict[str, Any]]:
    """OpenAI's own output items go back verbatim and in order; others are told in its words."""
    texts = [part.text for part in message.parts]
    if message.role == "tool":
        return [{"type": "function_call_output", "call_id": message.call, "output": texts[0]}]
    if message.opaque and message.opaque.provider == "openai":
        return orjson.loads(message.opaque.items)
    kind = "input_text" if message.role == "user" else "output_text"
    content = [{"type": kind, "text": text} for text in texts]
    calls = [
        {"type": "function_call", "call_id": c.id, "name": c.tool, "arguments": c.arguments}
        for c in message.calls
    ]
    return [{"role": message.role, "content": content}, *calls] if content else calls


def read(said: dict[str, Any]) -> tuple[Any, ...]:
    items, incomplete = said["output"], said.get("incomplete_details") or {}
    final = [i for i in items if i["type"] == "message" and i.get("phase") in FINAL]
    content = [part for item in final for part in item["content"]]
    asked = [item for item in items if item["type"] == "function_call"]
    calls = [(one["call_id"], one["name"], one["arguments"]) for one in asked]
    refusal = "".join(part.get("refusal", "") for part in content)
    filtered = refusal or incomplete.get("reason") == "content_filter"
    outcome = "refused" if filtered else OUTCOMES[said["status"]]
    return outcome, refusal or "".join(part.get("text", "") for part in content), calls, items


def usage(counted: dict[str, Any]) -> Usage:
    """`input_tokens` includes both cache classes, `output_tokens` the reasoning."""
    put_in, put_out = counted.get("input_tokens_details"), counted.get("output_tokens_details")
    cached, written = [(put_in or {}).get(k, 0) for k in ("cached_tokens", "cache_write_tokens")]
    reasoning = (put_out or {}).get("reasoning_tokens", 0)
    fresh, said = counted["input_tokens"] - cached - written, counted["output_tokens"] - reasoning
    return Usage(input=fresh, cached=cached, cache_write=written, output=said, reasoning=reasoning)


SPEAKS = (Encoder("openai/1", encode), read, usage)
