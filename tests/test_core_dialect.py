"""Which schemas OpenAI's strict mode takes as they are, and what an answer is wrapped in."""

from typing import Any

import pytest

from sidecar.extras.providers.dialect import enforceable, rooted

TEXT = {"type": "string"}


def closed(**properties: Any) -> dict[str, Any]:
    named = {"type": "object", "properties": properties, "required": list(properties)}
    return named | {"additionalProperties": False}


STRICT: list[tuple[dict[str, Any] | None, bool]] = [
    (closed(a=TEXT), True),  # closed, and every property is required
    (closed(), True),  # closed and empty
    (closed(a=closed(b=TEXT), c={"type": "array", "items": closed()}), True),  # all the way down
    (closed(a={"type": ["string", "null"]}, b={"anyOf": [TEXT, closed()]}), True),  # choices
    (closed(a={"$ref": "#/$defs/n"}) | {"$defs": {"n": closed(b=TEXT)}}, True),  # definitions
    (closed(a=TEXT | {"pattern": "^a", "description": "A"}), True),  # what its grammar carries
    (closed(a={"type": "integer", "minimum": 0, "maximum": 9}), True),  # bounds
    (closed(a=TEXT) | {"required": []}, False),  # an optional property
    (closed(a=TEXT) | {"additionalProperties": True}, False),  # an open object
    ({"type": "object", "properties": {"a": TEXT}, "required": ["a"]}, False),  # open by default
    (closed(a={"type": "object"}), False),  # open further down
    (closed(a={"type": "array"}), False),  # a list of anything
    (closed(a={}), False),  # anything
    (closed(a={"anyOf": [TEXT, {"not": TEXT}]}), False),  # a word it does not know, in a choice
    (closed(a=TEXT | {"minLength": 3}), False),  # a bound that it refuses
    (closed(a={"$ref": "#/$defs/n"}) | {"$defs": {"n": {"type": "object"}}}, False),  # open there
    ({"allOf": [closed(a=TEXT)]}, False),  # composition
    (None, False),  # none at all
]


@pytest.mark.parametrize(("schema", "strict"), STRICT)
def test_strict_mode_takes(schema: dict[str, Any] | None, strict: bool) -> None:
    assert enforceable(schema) is strict


def test_an_object_is_its_own_root() -> None:
    assert rooted(closed(a=TEXT)) == closed(a=TEXT)


def test_anything_else_is_the_result_of_an_object_that_keeps_the_definitions() -> None:
    schema = {"$defs": {"n": TEXT}, "type": "array", "items": {"$ref": "#/$defs/n"}}
    inner = {"type": "array", "items": {"$ref": "#/$defs/n"}}
    assert rooted(schema) == closed(result=inner) | {"$defs": {"n": TEXT}}
    assert enforceable(rooted(schema))
