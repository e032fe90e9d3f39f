"""Whatever a provider answers: a reply, or one fault that says so. Never another exception."""

import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from sidecar.errors import ModelFault
from sidecar.extras.providers.wire import decode, fault
from tests.house.runs import call_item, response, text_item
from tests.test_core_anthropic import THOUGHT, says, text_block, use

WHOLE = response(text_item("Hi"), call_item(0, "one"))
COUNTS: Any = {"input_tokens": 5, "output_tokens": 1}
GARBAGE = [
    b"",  # nothing
    b"<html><body>502</body></html>",  # somebody else's page
    b"null",  # JSON, but nothing
    b"[]",  # a list
    b'"completed"',  # a word
    b"{}",  # an empty document
    b"\xff\xfe",  # no UTF-8
    WHOLE[:-20],  # cut off on the way
    WHOLE + b"}",  # something behind it
    b"[" * 5_000,  # deeper than a parser goes
    response(output=None),  # no output
    response(output={"type": "message"}),  # an output that is no list
    response({"id": "x"}),  # an item without a type
    response(text_item("", content=None)),  # a message without content
    response(text_item("", content=["Hi"])),  # content that is no part
    response(text_item("", content=[{"type": "output_text", "text": 5}])),  # a text that is none
    response(call_item(0, "one") | {"arguments": {"a": 1}}),  # arguments that are no text
    response({"type": "function_call", "name": "one", "arguments": "{}"}),  # a call without id
    response(text_item("Hi"), model=None),  # no model
    response(text_item("Hi"), id=7),  # an id that is no text
    response(text_item("Hi"), usage={"input_tokens": "many"}),  # words for a count
    response(text_item("Hi"), usage=[1]),  # a list of counts
    response(text_item("Hi"), usage={"input_tokens": 1.5, "output_tokens": 1}),  # half a token
    response(text_item("Hi"), usage=COUNTS | {"input_tokens_details": {"cached_tokens": 9}}),
]


@pytest.mark.parametrize("raw", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_garbled_and_kept(raw: bytes) -> None:
    with pytest.raises(ModelFault) as found:
        decode("openai", raw)
    assert (found.value.kind, found.value.raw) == ("garbled", raw)
    assert 10 < len(str(found.value)) <= 300


ODD = ("null", "true", "-1", "1.5", "9223372036854775808", '""', '"failed"', '"\\u0000"')
ODD += ("[]", '["x"]', "{}", '{"code":"x"}')


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a JSON document, with each of its keys."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from places(node[key])


def mutated(raw: bytes, draw: random.Random) -> bytes:
    """Some values of another kind, some fields away; sometimes a byte off."""
    document = orjson.loads(raw)
    for _ in range(draw.randint(1, 3)):
        node, key = draw.choice(list(places(document)))
        if draw.random() < 0.3:
            del node[key]
        else:
            node[key] = orjson.loads(draw.choice(ODD))
        if not document:
            break
    made = bytearray(orjson.dumps(document))
    if draw.random() < 0.2:
        made[draw.randrange(len(made))] = draw.randrange(256)
    return bytes(made)


FAILED = response(status="failed", error={"code": "server_error", "message": "x"}, usage=None)


CLAUDE = says(THOUGHT, text_block("Hi"), use(0, "one", a=1), stop="tool_use")
WELL = [("openai", WHOLE), ("openai", FAILED), ("anthropic", CLAUDE)]


@pytest.mark.parametrize(("name", "raw"), WELL, ids=["completed", "failed", "anthropic"])
def test_a_response_with_anything_changed_is_a_reply_or_a_fault(name: str, raw: bytes) -> None:
    draw, faults = random.Random(20_261_123), 0
    for _ in range(4_000):
        changed = mutated(raw, draw)
        try:
            assert decode(name, changed).opaque.provider == name
        except ModelFault as found:
            faults += found.raw == changed
    assert faults > 400


def test_an_error_answer_with_anything_changed_is_a_fault() -> None:
    draw = random.Random(20_261_123)
    raw = b'{"error":{"message":"x","type":"t","param":null,"code":"server_error"}}'
    for _ in range(2_000):
        changed = mutated(raw, draw)
        assert fault(400, changed).raw == changed
