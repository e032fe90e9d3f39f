"""From a caller's JSON Schema to what a provider takes.

A schema that a provider's grammar carries whole is enforced there; any other goes as a hint.
The answer is validated against the original either way.
"""

# Walks JSON of any shape.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from typing import Any

# What strict mode enforces. Source: OpenAI's guide to structured outputs, read on 2026-11-23.
STRUCTURE = {"type", "properties", "required", "additionalProperties", "items", "anyOf", "enum"}
NUMBERS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
OTHERS = {"const", "$ref", "$defs", "pattern", "description", "title", "minItems", "maxItems"}


def enforceable(schema: dict[str, Any] | None) -> bool:
    """Whether strict mode takes this schema as it is: typed, closed, every property required."""
    if not schema or not schema.keys() <= STRUCTURE | NUMBERS | OTHERS:
        return False
    properties = schema.get("properties", {})
    if schema.get("type") == "object" and (
        schema.get("additionalProperties") is not False
        or set(schema.get("required", ())) != properties.keys()
    ):
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
    return outer | {"additionalProperties": False, "$defs": schema.get("$defs", {})}
