"""Anthropic's Messages API: a run to the exact request, a response to what it says.

Its own blocks, thinking and all, go back verbatim within a turn. Of earlier turns it is told
texts and calls: it refuses thinking whose instructions, tools or past have changed since.
Sources: the types of anthropic 2.12; Anthropic's pages on the Messages API, on structured outputs
and on preserved thinking; read on 2026-11-23.
"""

import hashlib
import re
from typing import Any

import orjson

from sidecar.core.documents import Contract, ModelRow
from sidecar.core.messages import Message, ToolCall, Usage
from sidecar.core.run import Run, parsed
from sidecar.core.turn import Encoder, Payload
from sidecar.extras.providers.dialect import compilable, instructions, rooted

ENDS = {"end_turn": "ok", "stop_sequence": "ok", "tool_use": "ok", "refusal": "refused"}
ENDS |= dict.fromkeys(("max_tokens", "model_context_window_exceeded", "pause_turn"), "truncated")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # a call's id or a tool's name that is no other is a 400


def encode(run: Run, row: ModelRow, output_tokens: int) -> Payload:
    schema, contracts = run.setup.agent.output_schema, run.setup.contracts
    native = schema is not None and compilable(rooted(schema))
    frame: dict[str, Any] = {
        "messages": [],
        "model": row.model,
        "max_tokens": output_tokens,
        "system": instructions(run.setup, None if native else schema),
    }
    if contracts:
        frame |= {"tools": [tool(one) for one in contracts], "cache_control": {"type": "ephemeral"}}
    if schema and native:
        frame["output_config"] = {"format": {"type": "json_schema", "schema": rooted(schema)}}
    return Payload(orjson.dumps(frame), [orjson.dumps(one) for one in messages(run)])


def tool(contract: Contract) -> dict[str, Any]:
    """Not strict: what the grammars of all tools together may hold is not documented."""
    schema = {"type": "object", **contract.input_schema}
    return {"name": contract.name, "description": contract.description, "input_schema": schema}


def messages(run: Run) -> list[dict[str, Any]]:
    """A user begins, and neighbours of one role are one message, as parallel results have to be."""
    said = [] if run.messages[0].role == "user" else [{"role": "user", "content": [text("")]}]
    for number, message in enumerate(run.messages):
        role = "assistant" if message.role == "assistant" else "user"
        if not said or said[-1]["role"] != role:
            said.append({"role": role, "content": []})
        said[-1]["content"] += blocks(run, message, own=number >= run.inherited)
    return said


def blocks(run: Run, message: Message, *, own: bool) -> list[dict[str, Any]]:
    """Calls and results are a 400 in a request without tools: then they are told in words."""
    if own and message.opaque and message.opaque.provider == "anthropic":
        return orjson.loads(message.opaque.items) or [text("")]
    texts, calls = [text(part.text) for part in message.parts], [*map(tool_use, message.calls)]
    if not run.setup.contracts:
        return [*texts, *(text(f"I called {call.tool}.") for call in message.calls)] or [text("")]
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": plain(message.call), "content": texts}]
    return texts + calls or [text("")]


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said if said.strip() else "(empty)"}


def tool_use(call: ToolCall) -> dict[str, Any]:
    """Arguments that are no object go as the text that they are."""
    given = parsed(call.arguments)
    given = given if isinstance(given, dict) else {"arguments": call.arguments}
    return {"type": "tool_use", "id": plain(call.id), "name": plain(call.tool), "input": given}


def plain(name: str) -> str:
    return name if NAME.fullmatch(name) else hashlib.sha256(name.encode()).hexdigest()


def read(said: dict[str, Any]) -> tuple[Any, ...]:
    """Blocks that say nothing are not kept: they would not be taken back."""
    found = said["content"]
    asked = [block for block in found if block["type"] == "tool_use"]
    calls = [(one["id"], one["name"], orjson.dumps(one["input"]).decode()) for one in asked]
    words = "".join(block["text"] for block in found if block["type"] == "text")
    kept = [block for block in found if block["type"] != "text" or block["text"].strip()]
    why = (said.get("stop_details") or {}).get("explanation")
    return ENDS[said["stop_reason"]], why or words, calls, kept if calls or words.strip() else []


def usage(counted: dict[str, Any]) -> Usage:
    """Both cache classes are beside `input_tokens`, the thinking is within `output_tokens`."""
    cached, written = (counted.get(f"cache_{k}_input_tokens") or 0 for k in ("read", "creation"))
    thought = (counted.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    fresh, said = counted["input_tokens"], counted["output_tokens"] - thought
    return Usage(input=fresh, cached=cached, cache_write=written, output=said, reasoning=thought)


SPEAKS = (Encoder("anthropic/1", encode), read, usage)
