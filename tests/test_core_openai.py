"""OpenAI's wire format: the exact bytes of a request, and what is read from an answer."""

from typing import Any

import orjson
import pytest
from openai.types.responses import Response
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter

from sidecar.core.messages import Message, Opaque, ToolCall, Usage
from sidecar.core.turn import Payload
from sidecar.errors import ModelFault
from sidecar.extras.providers.dialect import ABOUT_TOOLS
from sidecar.extras.providers.openai import spoken
from sidecar.extras.providers.wire import decode, fault
from tests.house.runs import ENCODERS, TITLED, Story, call_item, cut, response, setup, text_item

PARAMS: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsNonStreaming)
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x=="}
FREE = {"type": "object", "required": [], "additionalProperties": True}


def encoded(story: Story) -> Payload:
    return ENCODERS["openai"].encode(story.run, story.run.setup.models[0], 8_192)


def with_tool_round() -> Story:
    """An agent with a tool and a schema, whose tool was called once."""
    story = Story(setup("one", persona="You are Ada.", output_schema=TITLED, models=("fast",)))
    story.hears(response(THOUGHT, call_item(0, "one", '{"a": 1}')))
    return story.gives(story.goes_on().calls[0].id, {"n": 1})


HELLO = b'{"role":"user","content":[{"type":"input_text","text":"Hello"}]}'
BARE = (
    b'{"input":[],"model":"gpt-6-luna","instructions":"Be brief.","max_output_tokens":8192,'
    b'"store":false,"include":["reasoning.encrypted_content"],"tools":[]}'
)
TOOLED = (
    b'{"input":[],"model":"gpt-6-luna","instructions":"Be brief.\\n\\nYou are Ada.\\n\\n'
    + ABOUT_TOOLS.encode()
    + b'","max_output_tokens":8192,"store":false,"include":["reasoning.encrypted_content"],'
    b'"tools":[{"type":"function","name":"one","description":"Does one",'
    b'"parameters":{"type":"object"},"strict":false}],'
    b'"text":{"format":{"type":"json_schema","name":"answer","schema":{"type":"object",'
    b'"properties":{"title":{"type":"string"}},"required":["title"],'
    b'"additionalProperties":false},"strict":true}}}'
)
OUTPUT = (
    b'{"type":"function_call_output","call_id":"call_0",'
    b'"output":"{\\"from_tool\\":\\"one@1\\",\\"data\\":{\\"n\\":1}}"}'
)


def test_the_first_request_is_byte_for_byte() -> None:
    payload = encoded(Story())
    assert (payload.frame, payload.items) == (BARE, [HELLO])
    assert payload.body() == BARE.replace(b'"input":[]', b'"input":[' + HELLO + b"]")


def test_a_request_with_tools_and_a_schema_is_byte_for_byte() -> None:
    payload, asked = encoded(with_tool_round()), call_item(0, "one", '{"a": 1}')
    assert payload.frame == TOOLED
    assert payload.items == [HELLO, orjson.dumps(THOUGHT), orjson.dumps(asked), OUTPUT]


def test_a_text_that_looks_like_the_place_of_the_items_stays() -> None:
    story = Story(setup(instructions='Say "input":[] and [].'))
    assert orjson.loads(encoded(story).body())["instructions"] == 'Say "input":[] and [].'


def test_a_schema_that_is_no_closed_object_is_wrapped_or_a_hint() -> None:
    listed = encoded(Story(setup(output_schema={"type": "array", "items": {"type": "string"}})))
    form = orjson.loads(listed.frame)["text"]["format"]
    assert (form["strict"], form["schema"]["required"]) == (True, ["result"])
    form = orjson.loads(encoded(Story(setup(output_schema=FREE))).frame)["text"]["format"]
    assert (form["strict"], form["schema"]) == (False, FREE)


def test_opaque_items_go_back_verbatim_and_only_to_openai() -> None:
    items = '[{"type":"reasoning","id":"rs_1","secret":[1]},{"type":"later"}]'
    call = ToolCall(id="c", tool="one", arguments="{}")
    message = Message(role="assistant", calls=(call,), opaque=opaque("openai", items))
    assert spoken(message) == orjson.loads(items)
    foreign = message.model_copy(update={"opaque": opaque("gemini", items)})
    own_words = {"type": "function_call", "call_id": "c", "name": "one", "arguments": "{}"}
    assert spoken(foreign) == [own_words]


def opaque(provider: str, items: str) -> Opaque:
    return Opaque(provider=provider, model="m", items=items)


STORIES = [
    Story(),  # a message alone
    with_tool_round(),  # tools, schema, reasoning and results
    Story().hears(cut("Once")),  # after a truncation
    Story(setup(output_schema=TITLED)).hears(response(text_item("?"))),  # a repair
    Story(setup(output_schema=TITLED)).hears(response(text_item(""))),  # after an empty answer
]


@pytest.mark.parametrize("story", STORIES)
def test_the_sdk_knows_every_field_that_is_sent(story: Story) -> None:
    body = orjson.loads(encoded(story).body())
    known = PARAMS.validate_python(body)
    assert len(list(known["tools"])) == len(body["tools"])  # Pydantic checks them when read
    assert body.keys() <= PARAMS.json_schema()["properties"].keys()


REFUSAL = text_item("", content=[{"type": "refusal", "refusal": "I cannot."}])
FILTERED: Any = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
COMMENT = text_item("Looking.", phase="commentary")
FINAL = text_item("Done.", phase="final_answer")
UNCOUNTED: Any = {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10}
FLAT = UNCOUNTED | {
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 0},
}
ANSWERS: list[tuple[bytes, tuple[str, str, list[str]]]] = [
    # A text, in one part or in several.
    (response(THOUGHT, text_item("Hi")), ("ok", "Hi", [])),
    (response(text_item("Hi "), text_item("you")), ("ok", "Hi you", [])),
    # Nothing at all is an answer too: an empty one.
    (response(), ("ok", "", [])),
    # Tool calls, one and parallel, with words beside them.
    (response(call_item(0, "one")), ("tool_calls", "", ["one"])),
    (response(call_item(0, "one"), call_item(1, "two")), ("tool_calls", "", ["one", "two"])),
    (response(text_item("Hm."), call_item(0, "one")), ("tool_calls", "Hm.", ["one"])),
    # What a model says to itself is no part of the answer.
    (response(COMMENT, FINAL), ("ok", "Done.", [])),
    (response(COMMENT, call_item(0, "one")), ("tool_calls", "", ["one"])),
    # It declines; the filter cuts.
    (response(REFUSAL), ("refused", "I cannot.", [])),
    (response(text_item("Wel"), **FILTERED), ("refused", "Wel", [])),
    # Cut at the cap, in a text and in a call: half a call is never made.
    (cut("Once upon"), ("truncated", "Once upon", [])),
    (
        response(
            call_item(0, "one", '{"a'),
            status="incomplete",
            incomplete_details={"reason": "max_output_tokens"},
        ),
        ("truncated", "", ["one"]),
    ),
]


@pytest.mark.parametrize(("raw", "wanted"), ANSWERS)
def test_an_answer_reads(raw: bytes, wanted: tuple[str, str, list[str]]) -> None:
    reply = decode("openai", raw)
    assert (reply.outcome, reply.text, [call.tool for call in reply.calls]) == wanted
    assert orjson.loads(reply.opaque.items) == orjson.loads(raw)["output"]


@pytest.mark.parametrize("raw", [raw for raw, _ in ANSWERS])
def test_the_answers_of_these_tests_are_what_the_sdk_documents(raw: bytes) -> None:
    Response.model_validate_json(raw)


USAGES: list[tuple[Any, Usage | None]] = [
    (None, None),  # not counted
    (FLAT, Usage(input=9, output=1)),  # nothing cached, no thought
    (UNCOUNTED, Usage(input=9, output=1)),  # without its details
    (
        FLAT | {"input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}},
        Usage(input=2, cached=4, cache_write=3, output=1),  # both caches are within the input
    ),
    (
        FLAT | {"output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 7}},
        Usage(input=9, output=2, reasoning=7),  # thoughts are within the output
    ),
]


@pytest.mark.parametrize(("counted", "wanted"), USAGES)
def test_usage_is_disjoint(counted: Any, wanted: Usage | None) -> None:
    assert decode("openai", response(text_item("Hi"), usage=counted)).usage == wanted


FAILURES = [
    # A response that says itself that it failed: by its code, else the server's.
    ({"code": "server_error", "message": "Sorry."}, "server"),
    ({"code": "rate_limit_exceeded", "message": "Slower."}, "rate_limited"),
    ({"code": "context_length_exceeded", "message": "Too long."}, "context"),
    ({"code": "insufficient_quota", "message": "Pay."}, "quota"),
    ({"code": "image_parse_error", "message": "?"}, "server"),
    ({"code": ["odd"], "message": "?"}, "server"),
    ("no", "server"),
    # A policy forbids the request, whoever answers it.
    ({"code": "bio_policy", "message": "No."}, "policy"),
    ({"code": "invalid_prompt", "message": "No."}, "policy"),
    # One that does not even say why.
    ({}, "garbled"),
    (None, "garbled"),
]


@pytest.mark.parametrize(("error", "kind"), FAILURES)
def test_a_failed_response_is_a_fault(error: Any, kind: str) -> None:
    raw = response(status="failed", error=error, usage=None)
    with pytest.raises(ModelFault) as found:
        decode("openai", raw)
    assert (found.value.kind, found.value.raw) == (kind, raw)


def problem(**error: Any) -> bytes:
    return orjson.dumps({"error": {"message": "It says why.", "type": "t", "param": None, **error}})


STATUSES: list[tuple[int, bytes, str]] = [
    (400, problem(code="invalid_value"), "rejected"),  # the request is wrong
    (422, problem(), "rejected"),  # likewise, without a code
    (400, problem(code="context_length_exceeded"), "context"),  # it is too long
    (401, problem(code="invalid_api_key"), "auth"),  # a wrong key
    (403, problem(code=None), "auth"),  # a key without this right
    (404, problem(code="model_not_found"), "unknown_model"),  # no such model
    (429, problem(code="rate_limit_exceeded"), "rate_limited"),  # too fast
    (429, problem(code="insufficient_quota"), "quota"),  # no money
    (429, problem(code="project_spend_limit_exceeded"), "quota"),  # enough money spent
    (400, problem(code="invalid_prompt"), "policy"),  # forbidden
    (402, b"", "quota"),  # a proxy that wants to be paid
    (408, b"", "server"),  # they waited for our bytes
    (429, b"slow down", "rate_limited"),  # a proxy's words
    (500, problem(code="server_error"), "server"),  # theirs
    (502, b"<html>", "server"),  # a gateway's page
    (503, b"", "overloaded"),  # busy
    (529, b"{}", "overloaded"),  # busier
    (504, b'{"error":"late"}', "server"),  # a document of another shape
    (520, b"", "server"),  # a CDN's own
    (400, b'{"error":null}', "rejected"),  # nothing said
    (400, problem(code=["odd"]), "rejected"),  # a code of another type
]


@pytest.mark.parametrize(("status", "raw", "kind"), STATUSES)
def test_an_http_error_is_of_a_class(status: int, raw: bytes, kind: str) -> None:
    found = fault(status, raw)
    assert (found.kind, found.raw) == (kind, raw) and str(status) in str(found)
