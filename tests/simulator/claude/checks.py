"""What the real API refuses about a Messages request, each with where that was read.

Types and unknown fields: the SDK's own parameter types (anthropic 2.12).
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from anthropic import types
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter, ValidationError

from tests.simulator import sealed
from tests.simulator.claude import grammar, thinking
from tests.simulator.claude.models import find
from tests.simulator.rejected import Rejected

PARAMS: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsNonStreaming)
BLOCKS: dict[str, Any] = {
    "text": types.TextBlockParam,
    "thinking": types.ThinkingBlockParam,
    "redacted_thinking": types.RedactedThinkingBlockParam,
    "tool_use": types.ToolUseBlockParam,
    "tool_result": types.ToolResultBlockParam,
}
ID = re.compile(r"[a-zA-Z0-9_-]+")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
BYTES_PER_TOKEN = 4


def check(request: dict) -> None:
    for rule in RULES:
        rule(request)


def documented(request: dict) -> None:
    # Every field is one that the SDK documents, and of its type.
    try:
        exhaust(PARAMS.validate_python(request))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Rejected(f"{where}: {first['msg']}") from error


def known(request: dict) -> None:
    # A field that nobody knows is refused, at every depth.
    closed("", request, MessageCreateParamsNonStreaming)
    for index, message in enumerate(request["messages"]):
        closed(f"messages.{index}.", message, types.MessageParam.__args__[0])
        for number, block in enumerate(blocks(message)):
            where = f"messages.{index}.content.{number}"
            if block["type"] not in BLOCKS:
                tags = ", ".join(f"'{tag}'" for tag in BLOCKS)
                told = f"Input tag '{block['type']}' found using 'type' does not match any of"
                raise Rejected(f"{where}: {told} the expected tags: {tags}")
            closed(f"{where}.{block['type']}.", block, BLOCKS[block["type"]])
    for index, tool in enumerate(request.get("tools") or []):
        closed(f"tools.{index}.custom.", tool, types.ToolParam)


def closed(where: str, given: dict, kind: Any) -> None:
    for name in given.keys() - kind.__required_keys__ - kind.__optional_keys__:
        raise Rejected(f"{where}{name}: Extra inputs are not permitted")


def exhaust(value: object) -> None:
    """Pydantic checks an Iterable when it is read."""
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(inner, Iterable) and not isinstance(inner, str | bytes):
        for one in inner:
            exhaust(one)


def caps(request: dict) -> None:
    # platform.claude.com/docs/en/api/messages
    model, cap = find(request["model"]), request["max_tokens"]
    if cap < 1:
        raise Rejected("max_tokens: Input should be greater than or equal to 1")
    if cap > model.output_tokens:
        why = "which is the maximum allowed number of output tokens for"
        raise Rejected(f"max_tokens: {cap} > {model.output_tokens}, {why} {request['model']}")
    tokens = len(sealed.text([request["messages"], request.get("system")])) // BYTES_PER_TOKEN
    if tokens > model.context_tokens:
        raise Rejected(f"prompt is too long: {tokens} tokens > {model.context_tokens} maximum")
    if request.get("stream"):
        raise Rejected("Streaming is not simulated.")


def roles(request: dict) -> None:
    messages = request["messages"]
    # github.com/anthropics/anthropic-sdk-python/issues/461 and the error pages of its callers
    if not messages:
        raise Rejected("messages: at least one message is required")
    # github.com/jtsang4/claude-to-chatgpt/issues/30
    if messages[0]["role"] != "user":
        raise Rejected('messages: first message must use the "user" role')
    for index, message in enumerate(messages):
        if message["role"] not in ("user", "assistant"):
            raise Rejected(f"messages.{index}: role 'system' is not supported on this model")
    # github.com/jobrunr/JavaClaw/issues/36
    if messages[-1]["role"] != "user":
        told = "This model does not support assistant message prefill."
        raise Rejected(f"{told} The conversation must end with a user message.")


def texts(request: dict) -> None:
    for index, message in enumerate(request["messages"]):
        if not message["content"]:
            raise Rejected(
                f"messages.{index}: {message['role']} messages must have non-empty content"
            )
        for block in blocks(message):
            # github.com/aliasrobotics/cai/issues/182
            if block["type"] == "text" and not block["text"]:
                raise Rejected("messages: text content blocks must be non-empty")
            # github.com/anthropics/claude-code/issues/23369
            if block["type"] == "text" and not block["text"].strip():
                raise Rejected("messages: text content blocks must contain non-whitespace text")
        # github.com/tailcallhq/forgecode/issues/2107
        if blocks(message)[-1]["type"] in ("thinking", "redacted_thinking"):
            kind = blocks(message)[-1]["type"]
            told = f"The final block in an assistant message cannot be `{kind}`."
            raise Rejected(f"messages.{index}: {told}")


def blocks(message: dict) -> list[dict]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def ids(request: dict) -> None:
    seen: set[str] = set()
    for index, message in enumerate(request["messages"]):
        for number, block in enumerate(blocks(message)):
            where = f"messages.{index}.content.{number}.{block['type']}"
            named = {"tool_use": "id", "tool_result": "tool_use_id"}.get(block["type"])
            # github.com/BlockRunAI/ClawRouter/issues/17
            if named and not ID.fullmatch(block[named]):
                pattern = "^[a-zA-Z0-9_-]+$"
                raise Rejected(f"{where}.{named}: String should match pattern '{pattern}'")
            if block["type"] == "tool_use":
                # github.com/agno-agi/agno/issues/2336
                if block["id"] in seen:
                    raise Rejected("messages: `tool_use` ids must be unique")
                named_well(f"{where}.name", block["name"])
                seen.add(block["id"])


def pairs(request: dict) -> None:
    open_calls: list[str] = []
    for index, message in enumerate([*request["messages"], {"role": "user", "content": []}]):
        found = blocks(message)
        results = [block["tool_use_id"] for block in found if block["type"] == "tool_result"]
        # github.com/Zoo-Code-Org/Zoo-Code/pull/1705: results stand at the beginning
        first = [block.get("tool_use_id") for block in found[: len(results)]]
        # github.com/aliasrobotics/cai/issues/182
        if lacking := [call for call in open_calls if call not in first]:
            told = "`tool_use` ids were found without `tool_result` blocks immediately after"
            raise Rejected(f"messages.{index - 1}: {told}: {', '.join(lacking)}.")
        for call in results:
            # github.com/anthropics/claude-code/issues/64383 has it for another sort of result
            if call not in open_calls:
                told = "unexpected `tool_use_id` found in `tool_result` blocks"
                raise Rejected(f"messages.{index}.content: {told}: {call}.")
        if len(set(results)) < len(results):
            raise Rejected(f"messages.{index}: each `tool_use` must have a single result")
        open_calls = [block["id"] for block in found if block["type"] == "tool_use"]


def tools(request: dict) -> None:
    offered = request.get("tools") or []
    used = {block["type"] for message in request["messages"] for block in blocks(message)}
    # github.com/BerriAI/litellm, and the comments of many callers that met it
    if used & {"tool_use", "tool_result"} and not offered:
        told = "Requests which include `tool_use` or `tool_result` blocks must define tools."
        raise Rejected(told)
    for index, tool in enumerate(offered):
        where = f"tools.{index}.custom"
        named_well(f"{where}.name", tool["name"])
        schema = tool["input_schema"]
        if schema.get("type") != "object":
            raise Rejected(f"{where}.input_schema.type: Input should be 'object'")
        if schema.keys() & {"oneOf", "allOf", "anyOf"}:
            told = "input_schema does not support oneOf, allOf, or anyOf at the top level"
            raise Rejected(f"{where}.input_schema: {told}")
        # github.com/n8n-io/n8n/issues/30590
        if not all(map(KEY.fullmatch, schema.get("properties") or {})):
            told = "Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'"
            raise Rejected(f"{where}.input_schema.properties: {told}")
        if tool.get("strict"):
            grammar.check(f"{where}.input_schema", schema)
    if len({tool["name"] for tool in offered}) < len(offered):
        raise Rejected("tools: Tool names must be unique.")


def named_well(where: str, name: str) -> None:
    # github.com/home-assistant/core/issues/147760
    if not NAME.fullmatch(name):
        raise Rejected(f"{where}: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")


def choice(request: dict) -> None:
    asked = request.get("tool_choice") or {"type": "auto"}
    names = [tool["name"] for tool in request.get("tools") or []]
    # pydantic-ai-slim 2.68, profiles/anthropic.py
    if asked["type"] in ("any", "tool") and not find(request["model"]).forced:
        raise Rejected(f"tool_choice: type '{asked['type']}' is not supported on this model")
    if asked["type"] == "tool" and asked["name"] not in names:
        raise Rejected(f"Tool '{asked['name']}' not found in provided tools")


def output(request: dict) -> None:
    asked = (request.get("output_config") or {}).get("format")
    if asked:
        grammar.check("output_config.format.schema", asked["schema"])


RULES: tuple[Callable[[dict], None], ...] = (
    documented,
    known,
    caps,
    roles,
    texts,
    ids,
    tools,
    pairs,
    choice,
    output,
    thinking.check,
)
