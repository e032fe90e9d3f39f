"""Schemas and answers at the edge of what is taken, and the words in which flaws are told."""

from typing import Any

import pytest

from sidecar.core.schema import FLAWS, answer, check_schema, flaws
from sidecar.errors import Problem
from tests.house.runs import TITLED


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


TAKEN: list[Any] = [
    {},  # anything
    {"properties": {"$ref": {"type": "string"}, "$defs": {}}},  # properties of these names
    {"$defs": {"a/b": {}}, "$ref": "#/$defs/a~1b"},  # an escaped name
    {"anyOf": [{}], "properties": {"a": {"$ref": "#/anyOf/0"}}},  # a reference into a list
    nested(60),  # deep
]


@pytest.mark.parametrize("schema", TAKEN)
def test_a_schema_is_taken(schema: dict[str, Any]) -> None:
    check_schema(schema, "input_schema")


def test_a_schema_deeper_than_python_recurses_is_refused() -> None:
    with pytest.raises(Problem, match="too deep"):
        check_schema(nested(400), "input_schema")


BROKEN: list[tuple[Any, Any, tuple[str, str, str]]] = [
    ({"type": "string"}, 1, ("", "type", '"string"')),  # at the root
    ({"items": {"enum": [1, "é"]}}, [1, 2], ("/1", "enum", '[1,"é"]')),  # in a list
    (TITLED, {}, ("", "required", '["title"]')),  # what is missing
    (TITLED, {"title": "a", "b": 1}, ("", "additionalProperties", "false")),  # what is too much
    ({"anyOf": [{"minimum": 3}]}, 1, ("", "anyOf", '[{"minimum":3}]')),  # a choice, whole
    # Behind a reference.
    ({"$defs": {"n": {"minLength": 3}}, "$ref": "#/$defs/n"}, "x", ("", "minLength", "3")),
    ({"pattern": "^a+$"}, "b", ("", "pattern", '"^a+$"')),  # never the value itself
    ({"required": ["x" * 300]}, {}, ("", "required", '["' + "x" * 198)),  # clipped
]


@pytest.mark.parametrize(("schema", "value", "wanted"), BROKEN)
def test_a_flaw_is_told_in_the_words_of_the_schema(
    schema: dict[str, Any], value: Any, wanted: tuple[str, str, str]
) -> None:
    (flaw,) = flaws(schema, value)
    assert (flaw.path, flaw.rule, flaw.expected) == wanted


def test_only_the_first_flaws_are_told() -> None:
    assert len(flaws({"items": {"type": "string"}}, [1] * 99)) == FLAWS


NO_ANSWER = [
    ('{"title": NaN}', "json"),  # Python's, not JSON
    ('{"title": "\\ud800"}', "json"),  # half a character
    ("[" * 2_000 + "]" * 2_000, "json"),  # deeper than a parser goes
    ('{"result": {"x": {"title": "Hi"}}}', "required"),  # in two wrappers
    ('{"a": {"title": "Hi"}, "b": 1}', "required"),  # in one of two keys
]


@pytest.mark.parametrize(("text", "rule"), NO_ANSWER)
def test_an_answer_does_not_fit(text: str, rule: str) -> None:
    fitting, found = answer(text, TITLED)
    assert fitting is None and rule in [flaw.rule for flaw in found]


def test_a_wrapper_that_the_schema_wants_stays() -> None:
    schema = {"type": "object", "required": ["result"]}
    assert answer('{"result":{"result":1}}', schema)[0] == '{"result":{"result":1}}'


def test_an_answer_too_deep_to_write_is_a_flaw() -> None:
    assert answer("[" * 300 + "]" * 300, {})[1]
