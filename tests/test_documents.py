"""Agents, tools, models, policy, hooks: versions, bindings, retirement, while turns run."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import yarl

from tests.house.api import Api
from tests.house.log import assert_complete
from tests.house.provider import Provider
from tests.house.toolserver import ANY_OBJECT, ToolServer
from tests.house.until import until

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


MODEL = "/v1/models/openai/gpt-5-nano"
PRICE = {"input": 50_000, "cached": 5_000, "cache_write": 50_000, "output": 400_000}
ROW = {"context_tokens": 400_000, "output_tokens": 16_000, "price": PRICE, "source": "a test"}
BUILT_IN = "/v1/models/openai/gpt-6.1-terra"


@pytest.fixture
async def configured(api: Api) -> AsyncIterator[Api]:
    """Policy and models are everybody's: what a test puts, it takes away."""
    terra = (await api("GET", BUILT_IN)).body
    yield api
    await api("DELETE", "/v1/policy")
    await api("DELETE", MODEL)
    kept = {key: terra[key] for key in (*ROW, "long_over", "long_price")}
    assert (await api("PUT", BUILT_IN, kept)).status == 200


async def test_a_model_is_used_by_the_next_turn_and_priced_by_its_row(configured: Api) -> None:
    api = configured
    await api.agent("small")
    unknown = {"agent": "small", "message": "hello", "model": "openai/gpt-5-nano"}
    answer = await api("POST", "/v1/turns", unknown)
    assert (answer.status, answer.code, answer.body["field"]) == (404, "not_found", "model")
    put = (await api("PUT", MODEL, ROW)).body
    assert (put["provider"], put["model"], put["version"]) == ("openai", "gpt-5-nano", 1)
    for times in (1, 3):
        price = {name: rate * times for name, rate in PRICE.items()}
        assert (await api("PUT", MODEL, {**ROW, "price": price})).status == 200
        run = await api.turn("small", "hello", model="openai/gpt-5-nano")
        usage, rates = run["usage"], {**price, "reasoning": price["output"]}
        micros = -(-sum(count * rates[name] for name, count in usage.items()) // 1_000_000)
        assert run["model"] == "gpt-5-nano" and Decimal(run["cost_usd"]) * 1_000_000 == micros
        await assert_complete(api, run["run"])
    assert (await api("GET", MODEL)).body["version"] == 2
    assert (await api("GET", f"{MODEL}?version=1")).body["price"] == PRICE


async def test_a_built_in_model_that_is_deleted_is_gone_until_it_is_put(configured: Api) -> None:
    api = configured
    await api.agent("faithful", models=["openai/gpt-6.1-terra"])
    assert (await api.turn("faithful", "hello"))["model"] == "gpt-6.1-terra"
    assert (await api("DELETE", BUILT_IN)).status == 204
    listed = (await api("GET", "/v1/models")).body["models"]
    assert "gpt-6.1-terra" not in [one["model"] for one in listed]
    assert "gpt-6-luna" in [one["model"] for one in listed]
    gone = [
        await api("GET", BUILT_IN),
        await api("DELETE", BUILT_IN),
        await api("POST", "/v1/turns", {"agent": "faithful", "message": "hello"}),
    ]
    assert [(answer.status, answer.code) for answer in gone] == [(404, "not_found")] * 3
    assert (await api("PUT", BUILT_IN, ROW)).status == 200
    assert (await api.turn("faithful", "hello"))["model"] == "gpt-6.1-terra"


# Rows that no turn could be paid by, and the field that is named.
ROWS: list[tuple[str, dict[str, Any], str]] = [
    (MODEL, {**ROW, "price": {**PRICE, "input": -1}}, "price.input"),  # would pay its users
    (MODEL, {**ROW, "price": {**PRICE, "output": 0}}, "price.output"),  # nobody answers for nothing
    (MODEL, {**ROW, "price": {**PRICE, "output": 1.5}}, "price.output"),  # micro-dollars are whole
    (MODEL, {**ROW, "price": {**PRICE, "input": 1 << 62}}, "price.input"),  # more than there is
    (MODEL, {**ROW, "price": {"input": 1}}, "price.cached"),  # a class of tokens without one
    (MODEL, {key: ROW[key] for key in ROW if key != "price"}, "price"),  # none at all
    (MODEL, {**ROW, "price": None}, "price"),
    (MODEL, {**ROW, "context_tokens": 0}, "context_tokens"),  # reads nothing
    (MODEL, {**ROW, "output_tokens": "many"}, "output_tokens"),
    (MODEL, {**ROW, "output_tokens": True}, "output_tokens"),  # true is not 1
    (MODEL, {**ROW, "long_over": -1}, "long_over"),
    (MODEL, {key: ROW[key] for key in ROW if key != "source"}, "source"),  # says who?
    ("/v1/models/nobody/gpt-5-nano", ROW, "provider"),  # a provider that nobody speaks to
    ("/v1/models/openai/a%20b", ROW, "model"),  # no model's name
    ("/v1/models/openai/a@2", ROW, "model"),  # a version is no part of it
]


@pytest.mark.parametrize("path, row, field", ROWS)
async def test_a_row_that_is_none_is_refused_by_its_field(
    api: Api, path: str, row: dict[str, Any], field: str
) -> None:
    answer = await api("PUT", path, row)
    assert (answer.status, answer.code, answer.body["field"]) == (422, "validation", field), answer
    assert "nobody" not in str((await api("GET", "/v1/models")).body)


def policy(*models: str, **more: Any) -> dict[str, Any]:
    return {"rules": [{"use": [list(models)]}], **more}


async def test_a_policy_is_in_force_with_the_next_turn_and_not_before(
    configured: Api, tools: ToolServer
) -> None:
    api = configured
    await api.tool("midway", **tools.contract("midway"))
    gate = tools.holds("midway", {"ok": True})
    await api.agent("ruled", tools=["midway"])
    running = await api.turn("ruled", "Company: Acme", wait_s=0)
    await until(lambda: tools.called("midway"))
    put = (await api("PUT", "/v1/policy", policy("openai/gpt-6.1-sol"))).body
    gate.set()
    began_before = await api.rested(running["run"])
    began_after = await api.turn("ruled", "hello")
    assert (began_before["model"], began_after["model"]) == ("gpt-6-luna", "gpt-6.1-sol")
    again = (await api("PUT", "/v1/policy", policy("gpt-6.1-terra"))).body
    assert again["version"] == put["version"] + 1
    assert (await api.turn("ruled", "hello"))["model"] == "gpt-6.1-terra"
    older = (await api("GET", f"/v1/policy?version={put['version']}")).body
    assert older["rules"] == put["rules"] != again["rules"]
    for run in (began_before, began_after):
        await assert_complete(api, run["run"])


async def test_the_first_rule_that_matches_wins_and_aliases_are_followed(configured: Api) -> None:
    api = configured
    rules = [
        {"when": {"task": "hard"}, "use": [["best"]]},
        {"when": {"agent": "special"}, "use": [["gpt-6.1-terra"]]},
        {"use": [["openai/gpt-6-luna"]]},
    ]
    document = {"rules": rules, "aliases": {"best": "openai/gpt-6.1-sol"}}
    assert (await api("PUT", "/v1/policy", document)).status == 200
    await api.agent("special")
    await api.agent("plain")
    used = [
        (await api.turn(agent, "hello", task=task))["model"]
        for agent, task in (("special", "hard"), ("special", ""), ("plain", "easy"))
    ]
    assert used == ["gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-luna"]


async def test_a_policy_that_is_deleted_is_the_built_in_one_again(configured: Api) -> None:
    api = configured
    built_in = (await api("GET", "/v1/policy")).body
    assert (await api("PUT", "/v1/policy", policy("openai/gpt-6.1-sol"))).status == 200
    assert (await api("GET", "/v1/policy")).body["rules"] != built_in["rules"]
    for _ in range(2):  # said twice, it is no mistake
        assert (await api("DELETE", "/v1/policy")).status == 204
    assert (await api("GET", "/v1/policy")).body["rules"] == built_in["rules"]
    await api.agent("default")
    assert (await api.turn("default", "hello"))["model"] == "gpt-6-luna"


# Policies that would leave turns without a model, with status and code. A model that is not there
# is told as everywhere: not found, by the field that names it.
POLICIES: list[tuple[dict[str, Any], int, str, str]] = [
    (policy("openai/gpt-0"), 404, "not_found", "rules"),  # a rule that names no model
    (policy("fast", aliases={"fast": "gpt-0"}), 404, "not_found", "rules"),  # nor does its alias
    (policy("gpt-6-luna", aliases={"x": "gpt-0"}), 404, "not_found", "rules"),  # one that is unused
    ({"rules": [{"use": "fast"}]}, 422, "validation", "rules.0.use"),  # tiers are lists
    ({"rules": [{"use": [["a b"]]}]}, 422, "validation", "rules.0.use.0.0"),  # no name
    ({"rules": [{"when": {"mood": "x"}, "use": []}]}, 422, "validation", "rules.0.when.mood"),
    ({"rules": [{}]}, 422, "validation", "rules.0.use"),  # a rule that uses nothing
    ({"surprise": 1}, 422, "validation", "surprise"),
]


@pytest.mark.parametrize("document, status, code, field", POLICIES)
async def test_a_policy_that_leads_nowhere_is_refused(
    api: Api, document: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = await api("PUT", "/v1/policy", document)
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.body["field"].startswith(field), answer
    assert (await api("GET", "/v1/policy")).body["version"] == 0 or status == 404


async def test_a_model_that_is_deleted_from_under_a_policy_is_named_by_the_run(
    configured: Api,
) -> None:
    api = configured
    assert (await api("PUT", MODEL, ROW)).status == 200
    assert (await api("PUT", "/v1/policy", policy("gpt-5-nano"))).status == 200
    assert (await api("DELETE", MODEL)).status == 204
    await api.agent("orphaned")
    run = await api.turn("orphaned", "hello")
    assert (run["status"], run["error"]["code"]) == ("failed", "providers_exhausted")
    assert "gpt-5-nano: unknown_model" in run["error"]["message"]


# Every kind of document that has names, with two contents that are two versions.
KINDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("/v1/agents/doored", {"instructions": "one"}, {"instructions": "two"}),
    (
        "/v1/tools/doored",
        {"description": "x", "input_schema": {}, "config": {"url": "http://a/"}},
        {"description": "x", "input_schema": NUMBERS, "config": {"url": "http://a/"}},
    ),
    (MODEL, ROW, {**ROW, "output_tokens": 8_000}),
    ("/v1/hooks/doored", {"url": "http://a/"}, {"url": "http://b/"}),
]


@pytest.mark.parametrize("path, one, two", KINDS, ids=lambda value: str(value)[:12])
async def test_every_door_keeps_versions_and_retires_one_or_all(
    configured: Api, path: str, one: dict[str, Any], two: dict[str, Any]
) -> None:
    api = configured

    async def seen(query: str = "") -> int:
        answer = await api("GET", path + query)
        return answer.body["version"] if answer.status == 200 else answer.status

    first, same = [(await api("PUT", path, one)).body["version"] for _ in range(2)]
    second = (await api("PUT", path, two)).body["version"]
    assert first == same and second > first
    assert [await seen(), await seen(f"?version={first}")] == [second, first]
    assert await seen("?version=999999") == 404
    assert (await api("DELETE", f"{path}?version={first}")).status == 204
    assert await seen() == second
    folder = path.split("/")[2]
    listed = (await api("GET", f"/v1/{folder}")).body[folder]
    assert path.rsplit("/", 1)[1] in [one["name"].rsplit("/", 1)[-1] for one in listed]
    assert (await api("DELETE", path)).status == 204
    assert [await seen(), (await api("DELETE", path)).status] == [404, 404]


async def test_a_document_is_retired_by_name_and_version_in_one_word(api: Api) -> None:
    for text in ("one", "two"):
        await api.agent("worded", instructions=text)
    assert (await api("DELETE", "/v1/agents/worded@2")).status == 204
    assert (await api("GET", "/v1/agents/worded")).status == 404
    assert (await api("DELETE", "/v1/agents/worded@3")).status == 404
    assert (await api("GET", "/v1/agents/worded@1")).status == 200


async def test_after_the_last_version_there_is_no_next(api: Api) -> None:
    last = {"instructions": "the end", "version": 999_999_999}
    assert (await api("PUT", "/v1/agents/last", last)).body["version"] == 999_999_999
    answer = await api("PUT", "/v1/agents/last", {"instructions": "beyond"})
    assert (answer.status, answer.code) == (409, "version_conflict")
    assert (await api.turn("last", "hello"))["agent"] == "last@999999999"


# What is in the way of a GET or a DELETE, as status and code.
WAYS = [
    ("GET", "/v1/agents/fine?version=-1", 422),  # before the first
    ("GET", "/v1/agents/fine?version=", 422),  # no number
    ("GET", "/v1/agents/fine?version=1e3", 422),
    ("GET", "/v1/agents/fine?surprise=1", 422),
    ("DELETE", "/v1/agents/fine?version=x", 422),
    ("GET", "/v1/agents/%00", 422),  # what Postgres keeps nowhere
    ("GET", "/v1/models/openai/%00", 422),
    ("GET", "/v1/agents/..%2Fpolicy", 404),  # a path is a name, not a way
    ("GET", "/v1/agents/%2e%2e", 404),
    ("GET", "/v1/agents/%ff", 404),  # no UTF-8
    ("GET", "/v1/agents/a%2Fb", 404),
    ("GET", "/v1/hooks/..%2Facme%2Fhook", 404),
    ("PATCH", "/v1/agents/fine", 405),
    ("HEAD", "/v1/agents/fine", 405),
    ("OPTIONS", "/v1/policy", 405),
]


@pytest.mark.parametrize("method, path, status", WAYS)
async def test_what_names_no_document_is_told_so(
    api: Api, method: str, path: str, status: int
) -> None:
    url = yarl.URL(api.url + path, encoded=True)
    headers = {"Authorization": f"Bearer {api.key}"}
    async with api.session.request(method, url, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        assert answer.content_type == "application/problem+json"
        if status == 405:
            assert "PUT" in answer.headers["Allow"].split(",")
