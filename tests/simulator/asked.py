"""A lead, a tool and an answer format, as the tests send them."""

from collections.abc import Awaitable, Callable
from typing import Any

LEAD = "New lead. Name: Ada Lovelace, Company: Analytical Engines, Email: ada@engines.example"
ENRICH = {
    "type": "function",
    "name": "enrich",
    "description": "Look a company up",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"company": {"type": "string"}, "email": {"type": "string"}},
        "required": ["company", "email"],
        "additionalProperties": False,
    },
}
DRAFT = {
    "type": "object",
    "properties": {
        "subject": {"type": "string"},
        "body": {"type": "string"},
        "priority": {"type": "string", "enum": ["low", "high"]},
        "employees": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "next": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
    },
    "required": ["subject", "body", "priority", "employees", "tags", "next"],
    "additionalProperties": False,
}
FORMAT = {"format": {"type": "json_schema", "name": "draft", "strict": True, "schema": DRAFT}}
BASE: dict[str, Any] = {"model": "gpt-6-luna", "input": LEAD, "store": False}
SEALED = {"include": ["reasoning.encrypted_content"]}
CLAUDE_ENRICH = {
    "name": "enrich",
    "description": "Look a company up",
    "input_schema": ENRICH["parameters"],
}
CLAUDE_DRAFT = {
    "type": "object",
    "properties": {
        "subject": {"type": "string"},
        "body": {"type": "string"},
        "priority": {"type": "string", "enum": ["low", "high"]},
        "employees": {"type": "integer"},
    },
    "required": ["subject", "body", "priority", "employees"],
    "additionalProperties": False,
}
CLAUDE_FORMAT = {"format": {"type": "json_schema", "schema": CLAUDE_DRAFT}}
CLAUDE_BASE: dict[str, Any] = {
    "model": "claude-haiku-5-5",
    "max_tokens": 8_192,
    "messages": [{"role": "user", "content": LEAD}],
}

Ask = Callable[..., Awaitable[Any]]
