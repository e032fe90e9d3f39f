"""Is the model's text an answer? Harmless wrappers are undone; the rest is named as flaws."""

# Walks JSON of any shape.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import re
from typing import Any

import orjson

from sidecar.core.events import Flaw
from sidecar.core.schema import flaws

FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL)


def check(text: str, schema: dict[str, Any] | None) -> tuple[str | None, tuple[Flaw, ...]]:
    """The JSON text that fits `schema` (None without one), or the flaws in it."""
    if not text.strip():
        return None, (Flaw(path="", rule="empty", expected="an answer"),)
    if schema is None:
        return None, ()
    fenced = FENCE.fullmatch(text)
    try:
        value = orjson.loads(fenced[1] if fenced else text)
    except ValueError:
        return None, (Flaw(path="", rule="json", expected="JSON and nothing around it"),)
    found = flaws(schema, value)
    if found and isinstance(value, dict) and len(value) == 1:
        (inner,) = value.values()
        if not flaws(schema, inner):
            value, found = inner, ()
    return (None, found) if found else (orjson.dumps(value).decode(), ())
