"""From a caller's JSON Schema to what a provider takes.

A schema that a provider's grammar carries whole is enforced there; any other goes as a hint.
The answer is validated against the original either way.
"""

from typing import Any

# Keywords that strict mode enforces. Source: OpenAI's structured outputs guide, read on 2026-11-23.
STRICT = frozenset(
    [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "anyOf",
        "enum",
        "const",
        "$ref",
        "$defs",
        "pattern",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "description",
        "title",
    ]
)
TYPED = frozenset(("type", "anyOf", "$ref", "enum", "const"))
FORMATS = frozenset(
    ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"]
)


def enforceable(schema: Any) -> bool:
    """Whether strict mode takes this schema as it is."""
    if not isinstance(schema, dict) or not schema.keys() <= STRICT:
        return False
    if schema.get("format", "date") not in FORMATS or not schema.keys() & TYPED:
        return False
    properties = schema.get("properties", {})
    if schema.get("type") == "object":
        closed = schema.get("additionalProperties") is False
        if not closed or set(schema.get("required", ())) != properties.keys():
            return False
    items = [schema.get("items")] if schema.get("type") == "array" else []
    inner = [*properties.values(), *schema.get("anyOf", ()), *schema.get("$defs", {}).values()]
    return all(map(enforceable, inner + items))


def rooted(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, in an object with the one property `result` if its own root is no object."""
    if schema.get("type") == "object":
        return schema
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    outer = {"type": "object", "properties": {"result": inner}, "required": ["result"]}
    definitions = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    return {**outer, "additionalProperties": False, **definitions}
