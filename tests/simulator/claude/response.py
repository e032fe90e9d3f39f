"""The message around an answer, with ids and usage derived from the request."""

import json

from tests.simulator import answer, sealed
from tests.simulator.answer import Call
from tests.simulator.claude import thinking
from tests.simulator.claude.conversation import conversation
from tests.simulator.claude.models import find

BYTES_PER_TOKEN = 4
CACHE_FROM_TOKENS = 1_024  # platform.claude.com/docs/en/build-with-claude/prompt-caching
THOUGHT_TOKENS = 96


def usual(request: dict) -> dict:
    wanted = answer.calls(conversation(request))
    return (
        calls(request, wanted) if wanted else message(request, answer.text(conversation(request)))
    )


def calls(request: dict, wanted: list[Call]) -> dict:
    return response(request, [use(request, n, call) for n, call in enumerate(wanted)], "tool_use")


def use(request: dict, number: int, call: Call) -> dict:
    """Arguments are an object here: what is none cannot be said."""
    try:
        given = json.loads(call.arguments)
    except ValueError:
        given = {"cut": call.arguments}
    name = "toolu_01" + sealed.digest(request, number)[:22]
    given = given if isinstance(given, dict) else {"value": given}
    caller = {"type": "direct"}
    return {"type": "tool_use", "id": name, "name": call.tool, "input": given, "caller": caller}


def message(request: dict, text: str) -> dict:
    """Cut where the text is longer than the request allows."""
    room = max(0, request["max_tokens"] - thought(request)) * BYTES_PER_TOKEN
    if len(text.encode()) <= room:
        return response(request, [said(text)], "end_turn")
    return truncated(request, text.encode()[:room].decode(errors="ignore"))


def truncated(request: dict, text: str) -> dict:
    return response(request, [said(text)], "max_tokens")


def refusal(request: dict, category: str | None = None) -> dict:
    why = "I'm sorry, but I cannot assist with that request."
    details = {"type": "refusal", "category": category, "explanation": why}
    return {**response(request, [], "refusal"), "stop_details": details}


def said(text: str) -> dict:
    return {"type": "text", "text": text, "citations": None}


def response(request: dict, blocks: list[dict], reason: str) -> dict:
    thoughts = [thinking.block(request)] if thought(request) and blocks else []
    return {
        "id": "msg_01" + sealed.digest("msg", request)[:22],
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": [*thoughts, *blocks],
        "container": None,
        "stop_reason": reason,
        "stop_sequence": None,
        "stop_details": None,
        "usage": usage(request, blocks),
    }


def usage(request: dict, blocks: list[dict]) -> dict:
    """With a cache asked for, what the call before sent is read from it and the rest is written."""
    head = [request.get("system"), request.get("tools")]
    whole = tokens([head, request["messages"]])
    caching = "cache_control" in request and whole >= CACHE_FROM_TOKENS
    past = request["messages"][:-2]
    known = tokens([head, past]) if caching and past else 0
    read = known if known >= CACHE_FROM_TOKENS else 0
    spoken = sum(tokens(block.get("text") or block.get("input")) for block in blocks)
    return {
        "input_tokens": 0 if caching else whole,
        "cache_creation_input_tokens": whole - read if caching else 0,
        "cache_read_input_tokens": read,
        "cache_creation": None,
        "output_tokens": spoken + thought(request),
        "output_tokens_details": {"thinking_tokens": thought(request)},
        "server_tool_use": None,
        "service_tier": "standard",
    }


def tokens(value: object) -> int:
    return -(-len(sealed.text(value).encode()) // BYTES_PER_TOKEN)


def thought(request: dict) -> int:
    return THOUGHT_TOKENS if find(request["model"]).thinks else 0
