"""Anthropic's wire format: the exact bytes of a request, and what is read from an answer."""

from typing import Any

import orjson
import pytest
from anthropic.types import Message as Response
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter

from sidecar.core.events import Ended
from sidecar.core.messages import Message, Text, ToolCall, Usage
from sidecar.core.turn import Payload, decide
from sidecar.errors import ModelFault
from sidecar.extras.providers.dialect import ABOUT_ANSWER, ABOUT_TOOLS, compilable
from sidecar.extras.providers.wire import decode, fault
from tests.house.runs import ENCODERS, SEEN, TITLED, Story, call_item, contract, setup, text_item
from tests.house.runs import response as openai_says
from tests.test_core_dialect import TEXT, closed

HAIKU = "anthropic/claude-haiku-5-5"
BOTH = SEEN.model_copy(update={"providers": ("anthropic", "openai")})
PARAMS: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsNonStreaming)
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
HIDDEN = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
COUNTS: Any = {"input_tokens": 50, "output_tokens": 40}


def text_block(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def use(number: int, tool: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": tool, "input": given}


def says(*blocks: Any, stop: str | None = "end_turn", **changes: Any) -> bytes:
    """What Anthropic answers, with these blocks."""
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-5-5"}
    head |= {"stop_reason": stop, "stop_sequence": None, "stop_details": None, "usage": COUNTS}
    return orjson.dumps({**head, "content": blocks, **changes})


def claude(*tools: str, **agent: Any) -> Story:
    return Story(setup(*tools, models=(HAIKU,), **agent))


def encoded(story: Story) -> Payload:
    rows = {row.ref: row for row in story.run.setup.models}
    return ENCODERS["anthropic"].encode(story.run, rows[HAIKU], 8_192)


def spoken(story: Story) -> list[Any]:
    return [orjson.loads(item) for item in encoded(story).items]


def with_tool_round() -> Story:
    """An agent with a tool and a schema, whose tool was called twice at once."""
    story = claude("one", persona="You are Ada.", output_schema=TITLED)
    asked = [THOUGHT, text_block("Let me look."), use(1, "one", a=1), use(2, "one")]
    story.hears(says(*asked, stop="tool_use"), BOTH)
    first, second = story.goes_on(BOTH).calls
    return story.gives(second.id, {"n": 2}).gives(first.id, {"n": 1})


HELLO = b'{"role":"user","content":[{"type":"text","text":"Hello"}]}'
BARE = b'{"messages":[],"model":"claude-haiku-5-5","max_tokens":8192,"system":"Be brief."}'
TOOLED = (
    b'{"messages":[],"model":"claude-haiku-5-5","max_tokens":8192,'
    b'"system":"Be brief.\\n\\nYou are Ada.\\n\\n' + ABOUT_TOOLS.encode() + b'",'
    b'"tools":[{"name":"one","description":"Does one","input_schema":{"type":"object"}}],'
    b'"cache_control":{"type":"ephemeral"},'
    b'"output_config":{"format":{"type":"json_schema","schema":{"type":"object",'
    b'"properties":{"title":{"type":"string"}},"required":["title"],'
    b'"additionalProperties":false}}}}'
)
ASKED = (
    b'{"role":"assistant","content":['
    b'{"type":"thinking","thinking":"Hm.","signature":"c2lnbmVk"},'
    b'{"type":"text","text":"Let me look."},'
    b'{"type":"tool_use","id":"toolu_1","name":"one","input":{"a":1}},'
    b'{"type":"tool_use","id":"toolu_2","name":"one","input":{}}]}'
)
RESULTS = (
    b'{"role":"user","content":['
    b'{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text",'
    b'"text":"{\\"from_tool\\":\\"one@1\\",\\"data\\":{\\"n\\":1}}"}]},'
    b'{"type":"tool_result","tool_use_id":"toolu_2","content":[{"type":"text",'
    b'"text":"{\\"from_tool\\":\\"one@1\\",\\"data\\":{\\"n\\":2}}"}]}]}'
)


def test_the_first_request_is_byte_for_byte() -> None:
    payload = encoded(claude())
    assert (payload.frame, payload.items) == (BARE, [HELLO])
    assert payload.body() == BARE.replace(b'"messages":[]', b'"messages":[' + HELLO + b"]")


def test_a_request_with_parallel_results_and_a_schema_is_byte_for_byte() -> None:
    payload = encoded(with_tool_round())
    assert payload.frame == TOOLED
    assert payload.items == [HELLO, ASKED, RESULTS]


def test_thinking_goes_back_verbatim_within_a_turn_and_not_after_it() -> None:
    story = with_tool_round()
    assert spoken(story)[1]["content"][0] == THOUGHT
    story.hears(says(THOUGHT, HIDDEN, text_block('{"title":"A"}')), BOTH)
    end = story.goes_on(BOTH)
    history = {"history": end.parts["conversation"], "stored": story.parts}
    later = Story(setup("one", models=(HAIKU,), instructions="Be long."), **history)
    kinds = [[block["type"] for block in said["content"]] for said in spoken(later)]
    assert kinds == [
        ["text"],
        ["text", "tool_use", "tool_use"],
        ["tool_result"] * 2,
        *[["text"]] * 2,
    ]


def test_a_round_of_openai_s_is_told_in_anthropic_s_words_under_ids_that_it_takes() -> None:
    story = Story(setup("one", models=("openai/gpt-6-luna", HAIKU)))
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x=="}
    odd = call_item(0, "one", "[1]") | {"call_id": "call|0.a"}
    story.hears(openai_says(thought, text_item("Hm."), odd, call_item(1, "one", '{"a":')))
    first, second = story.goes_on().calls
    story.gives(first.id, 1).gives(second.id, 2)
    _, asked, results = spoken(story)
    said, one, two = asked["content"]
    assert said == text_block("Hm.")
    assert (one["input"], two["input"]) == ({"arguments": "[1]"}, {"arguments": '{"a":'})
    assert (len(one["id"]), two["id"]) == (64, "call_1") and one["id"].isalnum()
    assert [block["tool_use_id"] for block in results["content"]] == [one["id"], two["id"]]


def test_a_round_of_anthropic_s_is_told_in_openai_s_words() -> None:
    story = with_tool_round()
    payload = ENCODERS["openai"].encode(story.run, story.run.setup.models[0], 8_192)
    kinds = [orjson.loads(item).get("type", "message") for item in payload.items]
    assert kinds == ["message", "message", *["function_call"] * 2, *["function_call_output"] * 2]
    assert b"Hm." not in payload.body() and b'"arguments":"{\\"a\\":1}"' in payload.body()


def test_an_answer_that_says_nothing_is_told_as_empty() -> None:
    story = claude().hears(says(THOUGHT, text_block("")), BOTH)
    roles = [(said["role"], said["content"][0]["text"][:7]) for said in spoken(story)]
    assert roles == [("user", "Hello"), ("assistant", "(empty)"), ("user", "Your an")]


def test_a_blank_message_and_one_of_the_assistant_first_are_told_as_empty() -> None:
    blank = Story(setup(models=(HAIKU,)), message=" \n")
    assert spoken(blank)[0]["content"] == [text_block("(empty)")]
    late = claude()
    first = Message(role="assistant", parts=(Text(text="Welcome."),))
    late.run = late.run.after(messages=(first, *late.run.messages))
    assert [said["role"] for said in spoken(late)] == ["user", "assistant", "user"]


def test_without_tools_the_rounds_of_earlier_turns_are_told_in_words() -> None:
    story = with_tool_round().hears(says(text_block('{"title":"A"}')), BOTH)
    history = {"history": story.goes_on(BOTH).parts["conversation"], "stored": story.parts}
    later = spoken(Story(setup(models=(HAIKU,)), **history))
    assert {block["type"] for said in later for block in said["content"]} == {"text"}
    assert [said["role"] for said in later] == ["user", "assistant", "user", "assistant", "user"]
    assert text_block("I called one.") in later[1]["content"]


NESTED: list[tuple[dict[str, Any], bool]] = [
    (closed(a=TEXT, b={"type": "array", "items": closed(c=TEXT)}), True),  # closed all the way
    (closed(a={"$ref": "#/$defs/n"}) | {"$defs": {"n": closed(b=TEXT)}}, True),  # a definition
    (
        closed(a={"$ref": "#/$defs/n"})
        | {"$defs": {"n": closed(b={"$ref": "#/$defs/m"}), "m": closed(c=TEXT)}},
        True,  # one within another
    ),
    (closed(n={"$ref": "#/$defs/n"}) | {"$defs": {"n": closed(n={"$ref": "#/$defs/n"})}}, False),
    (
        closed(a={"$ref": "#/$defs/n"})
        | {"$defs": {"n": closed(b={"$ref": "#/$defs/m"}), "m": closed(c={"$ref": "#/$defs/n"})}},
        False,  # one within another within the first
    ),
    (closed(a={"$ref": "#"}), False),  # the whole within itself
    (closed(a={"type": "integer", "minimum": 0}), False),  # a bound
    (closed(a=TEXT | {"pattern": "^a"}), False),  # a pattern
    (closed(a=TEXT) | {"additionalProperties": True}, False),  # open
    (closed(a=True), False),  # anything
]


@pytest.mark.parametrize(("schema", "whole"), NESTED)
def test_a_schema_is_enforced_whole_or_told_in_the_instructions(
    schema: dict[str, Any], whole: bool
) -> None:
    assert compilable(schema) is whole
    frame = orjson.loads(encoded(claude(output_schema=schema)).frame)
    assert ("output_config" in frame, ABOUT_ANSWER in frame["system"]) == (whole, not whole)


def test_a_schema_without_an_object_at_its_root_is_wrapped() -> None:
    frame = orjson.loads(encoded(claude(output_schema={"type": "array", "items": TEXT})).frame)
    assert frame["output_config"]["format"]["schema"]["required"] == ["result"]


def test_a_tool_s_schema_is_one_of_an_object() -> None:
    given = setup(models=(HAIKU,))
    any_ = contract("one", input_schema={"properties": {"a": TEXT}})
    story = Story(given.model_copy(update={"contracts": (any_,)}))
    shown = orjson.loads(encoded(story).frame)["tools"][0]["input_schema"]
    assert shown == {"type": "object", "properties": {"a": TEXT}}


STORIES = [
    claude(),  # a message alone
    with_tool_round(),  # tools, schema, thinking and results
    claude().hears(says(text_block("Once"), stop="max_tokens"), BOTH),  # after a truncation
    claude(output_schema=TITLED).hears(says(text_block("?")), BOTH),  # a repair
    claude(output_schema=TITLED).hears(says(), BOTH),  # after an empty answer
]


@pytest.mark.parametrize("story", STORIES)
def test_the_sdk_knows_every_field_that_is_sent(story: Story) -> None:
    body = orjson.loads(encoded(story).body())
    known = PARAMS.validate_python(body)
    assert len(list(known["messages"])) == len(body["messages"])  # Pydantic checks when read
    assert body.keys() <= PARAMS.json_schema()["properties"].keys()


NO = {"type": "refusal", "category": "cyber", "explanation": "It could do harm."}
LATER = {"type": "later", "what": [1]}
ANSWERS: list[tuple[bytes, tuple[str, str, list[str]], int]] = [
    # A text, in one block or in several; and how many blocks are kept for the next request.
    (says(THOUGHT, text_block("Hi")), ("ok", "Hi", []), 2),
    (says(text_block("Hi "), text_block("you")), ("ok", "Hi you", []), 2),
    (says(text_block("Hi"), stop="stop_sequence"), ("ok", "Hi", []), 1),
    # Nothing at all, or nothing but thoughts, is an answer too: an empty one.
    (says(), ("ok", "", []), 0),
    (says(THOUGHT, text_block("")), ("ok", "", []), 0),
    # Tool calls, one and parallel, with words beside them, whatever the reason says.
    (says(HIDDEN, use(0, "one"), stop="tool_use"), ("tool_calls", "", ["one"]), 2),
    (says(use(0, "one"), use(1, "two"), stop="tool_use"), ("tool_calls", "", ["one", "two"]), 2),
    (says(text_block("Hm."), use(0, "one")), ("tool_calls", "Hm.", ["one"]), 2),
    (says(text_block(""), use(0, "one"), stop="tool_use"), ("tool_calls", "", ["one"]), 1),
    # The reason for a call that is not there.
    (says(text_block("Hm."), stop="tool_use"), ("ok", "Hm.", []), 1),
    # It declines, with and without saying why.
    (says(stop="refusal", stop_details=NO), ("refused", "It could do harm.", []), 0),
    (says(text_block("I cannot."), stop="refusal"), ("refused", "I cannot.", []), 1),
    # Cut at a cap, in a text and in a call: half a call is never made.
    (says(text_block("Once"), stop="max_tokens"), ("truncated", "Once", []), 1),
    (says(use(0, "one"), stop="max_tokens"), ("truncated", "", ["one"]), 1),
    (says(text_block("Once"), stop="model_context_window_exceeded"), ("truncated", "Once", []), 1),
    (says(text_block("Once"), stop="pause_turn"), ("truncated", "Once", []), 1),
    # A block that nobody knows yet.
    (says(LATER, text_block("Hi")), ("ok", "Hi", []), 2),
]


@pytest.mark.parametrize(("raw", "wanted", "kept"), ANSWERS)
def test_an_answer_reads(raw: bytes, wanted: tuple[str, str, list[str]], kept: int) -> None:
    reply = decode("anthropic", raw)
    assert (reply.outcome, reply.text, [call.tool for call in reply.calls]) == wanted
    blocks, given = orjson.loads(reply.opaque.items), orjson.loads(raw)["content"]
    assert len(blocks) == kept and all(block in given for block in blocks)
    assert reply.opaque.provider == "anthropic"


@pytest.mark.parametrize("raw", [raw for raw, _, _ in ANSWERS if b"later" not in raw])
def test_the_answers_of_these_tests_are_what_the_sdk_documents(raw: bytes) -> None:
    Response.model_validate_json(raw)


def test_a_call_has_its_id_and_its_arguments_as_text() -> None:
    (call,) = decode("anthropic", says(use(3, "one", a=[1]), stop="tool_use")).calls
    assert call == ToolCall(id="toolu_3", tool="one", arguments='{"a":[1]}')


CACHED: Any = {"cache_read_input_tokens": 20, "cache_creation_input_tokens": 30}
NULLS: Any = dict.fromkeys([*CACHED, "output_tokens_details"])
USAGES: list[tuple[Any, Usage | None]] = [
    (None, None),  # not counted
    (COUNTS, Usage(input=50, output=40)),  # nothing cached, no thought
    (COUNTS | NULLS, Usage(input=50, output=40)),  # said to be nothing
    (COUNTS | CACHED, Usage(input=50, cached=20, cache_write=30, output=40)),  # beside the input
    (
        COUNTS | {"output_tokens_details": {"thinking_tokens": 15}},
        Usage(input=50, output=25, reasoning=15),  # thoughts are within the output
    ),
]


@pytest.mark.parametrize(("counted", "wanted"), USAGES)
def test_usage_is_disjoint(counted: Any, wanted: Usage | None) -> None:
    assert decode("anthropic", says(text_block("Hi"), usage=counted)).usage == wanted


def test_an_answer_costs_what_the_row_says() -> None:
    story = claude().hears(says(text_block("Hi"), usage=COUNTS | CACHED), BOTH)
    # 50 x 0.10 + 20 x 0.01 + 30 x 0.125 + 40 x 0.50 = 28.95 micro-dollars, rounded up
    assert story.run.cost_micros == 29


def problem(kind: str, message: str = "It says why.", **error: Any) -> bytes:
    told = {"type": kind, "message": message, **error}
    return orjson.dumps({"type": "error", "error": told, "request_id": "req_1"})


SPENT: dict[str, Any] = {"details": {"error_code": "enforced_spend_limit_reached"}}
STATUSES: list[tuple[int, bytes, str]] = [
    (400, problem("invalid_request_error"), "rejected"),  # the request is wrong
    (400, problem("invalid_request_error", "prompt is too long: 9 > 8"), "context"),  # too long
    (400, problem("invalid_request_error", "Your credit balance is too low"), "quota"),  # no money
    (401, problem("authentication_error"), "auth"),  # a wrong key
    (402, problem("billing_error"), "quota"),  # no money either
    (403, problem("permission_error"), "auth"),  # a key without this right
    (404, problem("not_found_error", "model: x"), "unknown_model"),  # no such model
    (413, problem("request_too_large"), "rejected"),  # more than 32 MB
    (429, problem("rate_limit_error"), "rate_limited"),  # too fast
    (429, problem("rate_limit_error", **SPENT), "quota"),  # enough money spent
    (500, problem("api_error"), "server"),  # theirs
    (504, problem("timeout_error"), "server"),  # theirs, too slow
    (529, problem("overloaded_error"), "overloaded"),  # busy
    (529, b"<html>", "overloaded"),  # a gateway's page
]


@pytest.mark.parametrize(("status", "raw", "kind"), STATUSES)
def test_an_http_error_is_of_a_class(status: int, raw: bytes, kind: str) -> None:
    found = fault(status, raw)
    assert (found.kind, found.raw) == (kind, raw) and str(status) in str(found)


GARBAGE: list[tuple[bytes, str]] = [
    (b"{}", "garbled"),  # an empty document
    (b"<html>", "garbled"),  # somebody else's page
    (says(text_block("Hi"))[:-9], "garbled"),  # cut off on the way
    (says(text_block("Hi"), stop="later"), "garbled"),  # it may be cut: nobody knows
    (says(text_block("Hi"), stop=None), "garbled"),  # no reason at all
    (says(text_block("Hi"), content=None), "garbled"),  # no content
    (says(text_block("Hi"), content="Hi"), "garbled"),  # content that is no list
    (says({"type": "text"}), "garbled"),  # a text without text
    (says({"text": "Hi"}), "garbled"),  # a block without a type
    (says({"type": "tool_use", "id": "a", "name": "one"}, stop="tool_use"), "garbled"),  # no input
    (says(text_block("Hi"), usage={"input_tokens": "many"}), "garbled"),  # words for a count
    (says(text_block("Hi"), model=None), "garbled"),  # no model
    (problem("overloaded_error"), "server"),  # an error with status 200
]


@pytest.mark.parametrize(("raw", "kind"), GARBAGE)
def test_what_does_not_read_is_a_fault_and_is_kept(raw: bytes, kind: str) -> None:
    with pytest.raises(ModelFault) as found:
        decode("anthropic", raw)
    assert (found.value.kind, found.value.raw) == (kind, raw)


def test_a_refusal_ends_the_run_in_the_provider_s_words() -> None:
    end = decide(claude().hears(says(stop="refusal", stop_details=NO), BOTH).run)
    assert isinstance(end, Ended) and end.error
    assert (end.error.code, end.error.message) == ("refused", "It could do harm.")
