"""Schemas from outside, and answers held against them."""

from typing import Any

import pytest

from sidecar.core.schema import answer, check_schema, flaws
from sidecar.errors import Problem
from sidecar.extras.providers.dialect import enforceable, rooted
from tests.house.runs import TITLED

DOUBLING = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
DEEP: dict[str, Any] = {}
for _ in range(70):
    DEEP = {"items": DEEP}

# Schemas that are refused, with a word of the reason.
REFUSED = [
    ({"type": "objec"}, "/type"),  # no such type
    ({"properties": []}, "/properties"),  # the wrong kind
    ({"$ref": "https://example.com/s"}, "example.com"),  # not local
    ({"$ref": "file:///etc/passwd"}, "passwd"),  # not even this machine's
    ({"$ref": "#/$defs/gone"}, "$defs"),  # nowhere
    ({"$defs": {**DOUBLING, "d40": {}}, "$ref": "#/$defs/d0"}, "too "),  # 2^40 places
    (DEEP, "too deep"),  # deeper than any form
    ({"pattern": "(a"}, "regex"),  # no regular expression
]


@pytest.mark.parametrize("schema, reason", REFUSED)
def test_a_schema_that_cannot_be_used_is_refused_with_its_field(
    schema: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Problem) as caught:
        check_schema(schema, "output_schema")
    assert reason in str(caught.value)
    document = caught.value.document
    assert (document["status"], document["field"]) == (422, "output_schema")
    assert document["remedy"]


def test_a_schema_may_refer_to_itself() -> None:
    tree = {"type": "object", "properties": {"kids": {"items": {"$ref": "#"}}}}
    check_schema(tree, "output_schema")
    check_schema({"$defs": {"n": {"anyOf": [{"$ref": "#/$defs/n"}, {}]}}}, "output_schema")


def test_what_is_wrong_is_said_in_the_schemas_words() -> None:
    (flaw,) = flaws({"properties": {"age": {"minimum": 18}}}, {"age": 3})
    assert (flaw.path, flaw.rule, flaw.expected) == ("/age", "minimum", "18")


# A model's text, and the JSON that it is taken for.
ANSWERS = [
    ('{"title":"A"}', '{"title":"A"}'),  # plain
    ('```json\n{"title":"A"}\n```', '{"title":"A"}'),  # in a fence
    ('{"result":{"title":"A"}}', '{"title":"A"}'),  # in a wrapper
    ('Sure! {"title":"A"}', None),  # with prose around it
    ('{"title":1}', None),  # another type
    ('{"title":"A"', None),  # cut
    (" ", None),  # nothing
]


@pytest.mark.parametrize("text, taken", ANSWERS)
def test_harmless_wrappers_are_undone_and_the_rest_has_flaws(text: str, taken: str | None) -> None:
    found, wrong = answer(text, TITLED)
    assert found == taken and bool(wrong) == (taken is None)


def test_without_a_schema_any_text_is_an_answer_but_none() -> None:
    assert answer("Hi.", None) == (None, ())
    assert answer("", None)[1][0].rule == "empty"


# What strict mode takes. Source: OpenAI's guide to structured outputs, read on 2026-11-23.
STRICT = [
    (TITLED, True),  # closed, all required
    ({**TITLED, "additionalProperties": True}, False),  # open
    ({**TITLED, "required": []}, False),  # optional
    ({**TITLED, "properties": {"title": {"type": "string", "minLength": 1}}}, False),  # a keyword
    ({"type": "object", "properties": {}, "required": [], "additionalProperties": False}, True),
    ({"type": "array"}, False),  # of anything
]


@pytest.mark.parametrize("schema, enforced", STRICT)
def test_only_what_strict_mode_carries_is_sent_as_strict(
    schema: dict[str, Any], enforced: bool
) -> None:
    assert enforceable(schema) is enforced


def test_a_root_that_is_no_object_is_wrapped_and_unwrapped() -> None:
    listed = {"type": "array", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}}
    wrapped = rooted(listed)
    check_schema(wrapped, "output_schema")
    assert not flaws(wrapped, {"result": [1]}) and rooted(TITLED) is TITLED
    assert answer('{"result":[1,2]}', listed) == ("[1,2]", ())
