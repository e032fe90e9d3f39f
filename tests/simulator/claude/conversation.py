"""A Messages request in the words of `tests.simulator.answer`, which makes every answer."""

import json
import re
from collections.abc import Iterator

TOLD = re.compile(r"JSON Schema[^{]*")


def conversation(request: dict) -> dict:
    """What was said, which tools there are, and which form the answer is to have."""
    told = {"instructions": system(request), "input": list(items(request))}
    tools = [{**tool, "parameters": tool["input_schema"]} for tool in request.get("tools") or []]
    return {**told, "tools": tools, **choice(request), **form(request)}


def system(request: dict) -> str:
    return said(request.get("system") or "")


def said(content: object) -> str:
    """The text of a string or of blocks."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(block["text"] for block in blocks if block["type"] == "text")


def items(request: dict) -> Iterator[dict]:
    for message in request["messages"]:
        content, role = message["content"], message["role"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            match block["type"]:
                case "text":
                    yield {"role": role, "content": block["text"]}
                case "tool_use":
                    call = {"call_id": block["id"], "name": block["name"]}
                    yield {"type": "function_call", **call, "arguments": json.dumps(block["input"])}
                case "tool_result":
                    answered = {"call_id": block["tool_use_id"], "output": said(block["content"])}
                    yield {"type": "function_call_output", **answered}


def choice(request: dict) -> dict:
    asked = request.get("tool_choice") or {"type": "auto"}
    words = {"any": "required", "tool": {"name": asked.get("name")}}
    alone = asked.get("disable_parallel_tool_use", False)
    return {
        "tool_choice": words.get(asked["type"], asked["type"]),
        "parallel_tool_calls": not alone,
    }


def form(request: dict) -> dict:
    """The schema that is enforced, or the one that the system prompt speaks of."""
    asked = (request.get("output_config") or {}).get("format")
    schema = asked["schema"] if asked else hinted(system(request))
    return {"text": {"format": {"type": "json_schema", "schema": schema}}} if schema else {}


def hinted(text: str) -> dict | None:
    found = TOLD.search(text)
    return json.JSONDecoder().raw_decode(text, found.end())[0] if found else None
