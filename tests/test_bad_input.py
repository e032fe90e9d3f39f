"""One clear code for each thing that a caller can get wrong, and no run where none exists."""

import time
import uuid
from typing import Any

import pytest

from tests.house.api import Api
from tests.house.installation import Installation
from tests.house.toolserver import ToolServer

NOBODY = str(uuid.UUID(int=7))
FOUR_MIB = 4 << 20


def bomb(levels: int) -> dict[str, Any]:
    """Two references to the level below: 2^levels places when written out."""
    defs: dict[str, Any] = {f"a{levels}": {"type": "string"}}
    for n in range(levels):
        below = {"$ref": f"#/$defs/a{n + 1}"}
        defs[f"a{n}"] = {"type": "object", "properties": {"x": below, "y": below}}
    return {"$ref": "#/$defs/a0", "$defs": defs}


# What a turn says, the status and code of the answer, and the field that it names.
TURNS = [
    ({"agent": "nobody"}, 404, "not_found", "agent"),  # an agent that was never put
    ({"agent": "asker@9"}, 404, "not_found", "agent"),  # a version that is none
    ({"tools": ["nothing"]}, 404, "not_found", "tool"),  # a tool that was never put
    ({"model": "openai/gpt-0"}, 404, "not_found", "model"),  # a model without a row
    ({"agent": "no name"}, 422, "validation", "agent"),  # not even a name
    ({"message": ""}, 200, None, None),  # empty, but a message
    ({"message": []}, 422, "validation", "message"),  # no part at all
    ({"message": [{"type": "image"}]}, 422, "validation", "message"),  # a part nobody reads yet
    ({"message": 7}, 422, "validation", "message"),  # a number
    ({"message": None}, 422, "validation", "message"),  # nothing
    ({"surprise": 1}, 422, "validation", "surprise"),  # a field that is none
    ({"timeout_s": 0}, 422, "validation", "timeout_s"),  # no time at all
    ({"timeout_s": "soon"}, 422, "validation", "timeout_s"),  # no number
    ({"wait_s": -1}, 422, "validation", "wait_s"),  # a wait into the past
    ({"metadata": {"a": 1}}, 422, "validation", "metadata"),  # metadata is text
    ({"customer": "*"}, 422, "validation", "customer"),  # the operator is no customer
    ({"conversation": "x" * 201}, 422, "validation", "conversation"),  # a name too long
    ({"conversation": "nul\0"}, 422, "validation", "conversation"),  # Postgres keeps no NUL
    ({"task": "nul\0"}, 422, "validation", "task"),  # nor in a task
]


@pytest.mark.parametrize("change, status, code, field", TURNS)
async def test_a_turn_that_cannot_start_says_why(
    api: Api,
    house: Installation,
    change: dict[str, Any],
    status: int,
    code: str | None,
    field: str | None,
) -> None:
    await api.agent("asker")
    before = house.sql("SELECT count(*) FROM run")
    turn = {"agent": "asker", "message": "hello", **change}
    answer = await api("POST", "/v1/turns", turn)
    assert answer.status == status, answer
    if code is not None:
        assert answer.code == code
        assert str(answer.body.get("field", "")).startswith(str(field)), answer
        assert house.sql("SELECT count(*) FROM run") == before


# Schemas that are refused wherever a schema is given.
SCHEMAS = [
    {"type": "nonsense"},  # no type of JSON
    {"type": 7},  # no word
    {"properties": []},  # properties are an object
    {"$ref": "https://example.com/schema.json"},  # somebody else's document
    {"$ref": "file:///etc/passwd"},  # somebody else's file
    {"$ref": "#/$defs/missing"},  # leads nowhere
    {"properties": {"a": {"$dynamicRef": "https://example.com/x"}}},  # another way out
    {"pattern": "("},  # no regular expression
    {"$defs": {"a": {"$id": "https://example.com/", "$ref": "x.json"}}},  # a base elsewhere
    bomb(30),  # a billion places when written out
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: str(schema)[:40])
@pytest.mark.parametrize("where", ["turn", "agent", "input_schema", "output_schema"])
async def test_a_schema_that_is_no_schema_is_refused_at_once_and_by_name(
    api: Api, tools: ToolServer, where: str, schema: dict[str, Any]
) -> None:
    await api.agent("schemas")
    field = where if where.endswith("_schema") else "output_schema"
    start = time.monotonic()
    if where == "turn":
        turn = {"agent": "schemas", "message": "hello", field: schema}
        answer = await api("POST", "/v1/turns", turn)
    elif where == "agent":
        answer = await api("PUT", "/v1/agents/schemas", {"instructions": "x", field: schema})
    else:
        contract = tools.contract("schemas", **{field: schema})
        answer = await api("PUT", "/v1/tools/schemas", contract)
    assert (answer.status, answer.code) == (422, "validation"), answer
    assert answer.body["field"] == field and answer.body["remedy"]
    assert time.monotonic() - start < 2


# Bodies that are no request, with what is wrong with them.
BODIES = [
    (b"{", 400, "bad_request"),  # cut off
    (b"hello", 400, "bad_request"),  # no JSON
    (b'{"agent":NaN}', 400, "bad_request"),  # JSON of Python's making
    (b'{"agent":"\xff"}', 400, "bad_request"),  # not UTF-8
    (b'{"agent":"\\ud800"}', 400, "bad_request"),  # half a character
    (b"[" * 100_000, 400, "bad_request"),  # deeper than any stack
    (b"[]", 422, "validation"),  # no object
    (b'"hello"', 422, "validation"),  # no object either
    (b"null", 422, "validation"),  # nor this
    (b"", 422, "validation"),  # nothing at all: the required fields are missing
    (b'{"message":"' + b"x" * FOUR_MIB + b'"}', 413, "too_large"),  # over the limit
]


@pytest.mark.parametrize("body, status, code", BODIES, ids=lambda value: str(value)[:20])
async def test_a_body_that_is_no_request_is_told_so(
    api: Api, body: bytes, status: int, code: str
) -> None:
    answer = await api("POST", "/v1/turns", data=body)
    assert (answer.status, answer.code) == (status, code)


# Who may come in, and how far. Every path but /health and the description needs a key.
KEYS = [
    ("GET", "/v1/agents", "Bearer wrong", 401),
    ("GET", "/v1/agents", "Bearer operator-key-of-the-tests-and-more", 401),
    ("GET", "/v1/agents", "Bearer ümlaut", 401),
    ("GET", "/v1/agents", "Basic b3BlcmF0b3I6", 401),
    ("GET", "/v1/agents", "", 401),
    ("POST", "/v1/turns", "", 401),
    ("GET", f"/v1/runs/{NOBODY}", "", 401),
    ("GET", "/health", "Bearer wrong", 401),  # n8n's credential test asks here
    ("GET", "/health", "", 200),
    ("GET", "/health/live", "", 200),
    ("GET", "/openapi.json", "", 200),
]


@pytest.mark.parametrize("method, path, key, status", KEYS)
async def test_a_key_opens_what_it_should(
    api: Api, method: str, path: str, key: str, status: int
) -> None:
    answer = await api(method, path, Authorization=key)
    assert answer.status == status
    if status == 401:
        assert answer.code == "unauthorized" and answer.body["remedy"]


async def test_health_tells_everything_only_to_those_with_a_key(api: Api) -> None:
    assert (await api("GET", "/health", Authorization="")).body == {"status": "up"}
    known = (await api("GET", "/health")).body
    assert known["status"] == "up" and known["version"] and known["migrations"] >= 1
    assert known["stores"] == {"postgres": "up", "redis": "up"}
    assert known["workers"] == 1 and known["queue"]["pending"] >= 0
    assert known["providers"]["openai"] == {"configured": True, "simulated": True}


# What is not there, as a problem document.
ROUTES = [
    ("GET", "/v1/nothing", 404, "not_found"),  # no such path
    ("GET", "/", 404, "not_found"),  # nor a page
    ("DELETE", "/v1/turns", 405, "method_not_allowed"),  # another method
    ("GET", "/v1/turns", 405, "method_not_allowed"),  # and another
    ("GET", f"/v1/runs/{NOBODY}", 404, "not_found"),  # a run that never was
    ("GET", f"/v1/runs/{NOBODY}/events", 404, "not_found"),
    ("POST", f"/v1/runs/{NOBODY}/cancel", 404, "not_found"),
    ("POST", f"/v1/runs/{NOBODY}/replay", 404, "not_found"),
    ("GET", "/v1/runs/no-uuid", 404, "not_found"),  # an id that is none
    ("GET", "/v1/runs/%00", 404, "not_found"),  # nor this
    ("POST", "/v1/runs/no-uuid/replay", 404, "not_found"),
    ("GET", "/v1/agents/nobody", 404, "not_found"),
    ("DELETE", "/v1/agents/nobody", 404, "not_found"),
    ("GET", "/v1/tools/nothing", 404, "not_found"),
    ("GET", "/v1/tools/a@b@c", 404, "not_found"),  # a version that is no number
    ("GET", "/v1/tools/a@99999999999999999999", 404, "not_found"),  # one beyond all numbers
    ("DELETE", "/v1/tools/nothing", 404, "not_found"),
    ("GET", "/v1/runs?limit=0", 422, "validation"),  # an empty page
    ("GET", "/v1/runs?limit=all", 422, "validation"),
    ("GET", "/v1/runs?surprise=1", 422, "validation"),
    ("GET", "/v1/runs?cursor=no-uuid", 422, "validation"),
    ("GET", f"/v1/runs/{NOBODY}?wait_s=x", 422, "validation"),
]


@pytest.mark.parametrize("method, path, status, code", ROUTES)
async def test_what_is_not_there_is_a_problem_document(
    api: Api, method: str, path: str, status: int, code: str
) -> None:
    body = {} if method == "POST" else None
    answer = await api(method, path, body)
    assert (answer.status, answer.code) == (status, code)


async def test_a_foreign_run_is_not_found(api: Api) -> None:
    """Under another id, one hex digit away from a real one."""
    await api.agent("mine")
    run = (await api.turn("mine", "hello"))["run"]
    other = run[:-1] + ("0" if run[-1] != "0" else "1")
    answer = await api("GET", f"/v1/runs/{other}")
    assert (answer.status, answer.code) == (404, "not_found")
