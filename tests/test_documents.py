"""Agents and tools: versions, bindings, retirement."""

import asyncio
from typing import Any

import pytest

from tests.house.api import Api
from tests.house.provider import Provider
from tests.house.toolserver import ANY_OBJECT, ToolServer

NUMBERS = {"type": "object", "properties": {"n": {"type": "integer"}}}


async def test_the_same_agent_twice_is_one_version_and_another_is_the_next(api: Api) -> None:
    for instructions, version in (("one", 1), ("one", 1), ("two", 2), ("one", 3)):
        put = await api.agent("versioned", instructions=instructions)
        assert (put["name"], put["version"], put["instructions"]) == (
            "versioned",
            version,
            instructions,
        )
    got = (await api("GET", "/v1/agents/versioned")).body
    assert (got["version"], got["instructions"]) == (3, "one")
    assert (await api("GET", "/v1/agents/versioned@2")).body["instructions"] == "two"


async def test_the_same_tool_twice_is_one_version_and_another_signature_is_the_next(
    api: Api, tools: ToolServer
) -> None:
    first = await api.tool("signed", **tools.contract("signed"))
    again = await api.tool("signed", **tools.contract("signed"))
    assert first == again and first["version"] == 1 and first["signing_secret"]
    other = await api.tool("signed", **tools.contract("signed", output_schema=NUMBERS))
    effects = tools.contract("signed", output_schema=NUMBERS, side_effects="once")
    assert other["version"] == 2
    assert (await api.tool("signed", **effects))["version"] == 3
    got = (await api("GET", "/v1/tools/signed")).body
    assert got["version"] == 3 and "signing_secret" not in got
    assert (await api("GET", "/v1/tools/signed@1")).body["output_schema"] == ANY_OBJECT


# A binding is where and how a tool is reached; it may change under one version.
BINDINGS: list[dict[str, Any]] = [
    {"timeout_s": 7},
    {"retries": 0},
    {"config": {"url": "https://example.com/other", "envelope": True}},
]


@pytest.mark.parametrize("change", BINDINGS, ids=lambda change: next(iter(change)))
async def test_another_binding_keeps_the_version_and_changes_the_digest(
    api: Api, tools: ToolServer, change: dict[str, Any]
) -> None:
    name = f"bound_{next(iter(change))}"
    first = await api.tool(name, **tools.contract(name))
    other = await api.tool(name, **tools.contract(name, **change))
    assert (other["version"], first["version"]) == (1, 1)
    assert other["digest"] != first["digest"]
    assert (await api("GET", f"/v1/tools/{name}")).body["digest"] == other["digest"]


async def test_a_version_cannot_get_another_signature(api: Api, tools: ToolServer) -> None:
    await api.tool("frozen", **tools.contract("frozen", version=1))
    same = await api.tool("frozen", **tools.contract("frozen", version=1, timeout_s=5))
    assert same["version"] == 1
    other = tools.contract("frozen", version=1, output_schema=NUMBERS)
    answer = await api("PUT", "/v1/tools/frozen", other)
    assert (answer.status, answer.code) == (409, "version_conflict")
    assert answer.body["field"] == "version" and answer.body["remedy"]
    assert (await api("GET", "/v1/tools/frozen")).body["output_schema"] == ANY_OBJECT
    named = tools.contract("frozen", version=5, output_schema=NUMBERS)
    assert (await api.tool("frozen", **named))["version"] == 5


async def test_twenty_versions_put_at_once_are_twenty_versions(api: Api, tools: ToolServer) -> None:
    async def put(number: int) -> int:
        schema = {"type": "object", "properties": {f"p{number}": {"type": "string"}}}
        return (await api.tool("raced", **tools.contract("raced", output_schema=schema)))["version"]

    assert sorted(await asyncio.gather(*map(put, range(20)))) == list(range(1, 21))


async def test_a_retired_tool_is_gone_by_name_and_there_by_version(
    api: Api, tools: ToolServer
) -> None:
    await api.tool("leaving", **tools.contract("leaving"))
    tools.gives("leaving", {"still": "here"})
    await api.agent("loyal", tools=["leaving@1"])
    await api.agent("modern", tools=["leaving"])
    assert (await api("DELETE", "/v1/tools/leaving")).status == 204
    gone = [
        await api("GET", "/v1/tools/leaving"),
        await api("DELETE", "/v1/tools/leaving"),
        await api("POST", "/v1/turns", {"agent": "modern", "message": "Company: Acme"}),
    ]
    assert [(answer.status, answer.code) for answer in gone] == [(404, "not_found")] * 3
    listed = (await api("GET", "/v1/tools")).body["tools"]
    assert "leaving" not in [tool["name"] for tool in listed]
    run = await api.turn("loyal", "Company: Acme")
    assert run["tool_calls"][0]["result"] == {"still": "here"}
    assert (await api.tool("leaving", **tools.contract("leaving")))["version"] == 1
    assert (await api("GET", "/v1/tools/leaving")).status == 200


async def test_a_retired_agent_takes_no_more_turns(api: Api) -> None:
    await api.agent("retiring")
    await api.turn("retiring", "hello")
    assert (await api("DELETE", "/v1/agents/retiring")).status == 204
    turn = {"agent": "retiring", "message": "hello"}
    answer = await api("POST", "/v1/turns", turn)
    assert (answer.status, answer.code) == (404, "not_found")
    listed = (await api("GET", "/v1/agents")).body["agents"]
    assert "retiring" not in [agent["name"] for agent in listed]
    assert (await api.turn("retiring@1", "hello"))["status"] == "completed"


async def test_an_agent_by_version_answers_as_it_did(api: Api, provider: Provider) -> None:
    await api.agent("remembered", instructions="the old way")
    await api.agent("remembered", instructions="the new way")
    for ref, said in (("remembered@1", "the old way"), ("remembered", "the new way")):
        await api.turn(ref, "hello")
        assert said in (await provider.asked())[-1]["instructions"]


# Names and documents that are refused, with the field that is named.
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/agents/1st", {"instructions": "x"}, "name"),  # begins with a digit
    ("/v1/agents/" + "x" * 65, {"instructions": "x"}, "name"),  # too long for a provider
    ("/v1/agents/caf%C3%A9", {"instructions": "x"}, "name"),  # no ASCII
    ("/v1/agents/fine", {}, "instructions"),  # nothing to do
    ("/v1/agents/fine", {"instructions": "x", "surprise": 1}, "surprise"),  # no such field
    ("/v1/agents/fine", {"instructions": "x", "tools": ["a b"]}, "tools"),  # no tool's name
    ("/v1/agents/fine", {"instructions": "x", "sampling": {"temperature": 9}}, "sampling"),
    ("/v1/agents/fine", {"instructions": "x", "limits": {"model_calls": 0}}, "limits"),
    ("/v1/tools/fine", {"description": "x"}, "input_schema"),  # nothing to call
]


@pytest.mark.parametrize("path, document, field", REFUSED)
async def test_a_document_that_is_none_is_refused_by_its_field(
    api: Api, path: str, document: dict[str, Any], field: str
) -> None:
    answer = await api("PUT", path, document)
    assert (answer.status, answer.code) == (422, "validation"), answer
    assert answer.body["field"].startswith(field)


# Addresses that no http tool may have.
URLS = ["ftp://example.com/", "file:///etc/passwd", "example.com", "http://", ""]


@pytest.mark.parametrize("url", URLS)
async def test_a_tool_has_an_http_address(api: Api, tools: ToolServer, url: str) -> None:
    contract = tools.contract("addressed", config={"url": url})
    answer = await api("PUT", "/v1/tools/addressed", contract)
    assert (answer.status, answer.code) == (422, "validation")
    assert answer.body["field"].endswith("url")


async def test_the_models_are_listed_with_their_prices_and_sources(api: Api) -> None:
    models = (await api("GET", "/v1/models")).body["models"]
    assert {(one["provider"], one["model"]) for one in models} >= {("openai", "gpt-6-luna")}
    for one in models:
        assert one["price"]["output"] > 0 and one["source"], one
