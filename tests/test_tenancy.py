"""Two customers on one installation: neither sees, names or touches what is the other's."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
import redis
import zstandard

from sidecar.api.door import Route
from sidecar.api.routes import ROUTES
from tests.house.api import Answer, Api, opened
from tests.house.installation import KEY, Installation
from tests.house.provider import Provider
from tests.house.toolserver import ToolServer
from tests.house.until import until

SECRET = "acme buys the moon"
NOWHERE = "https://acme.example/hook"
RESULTS = {"results": [{"call": "4.0", "result": 1}]}
POLICY = {"rules": [{"use": [["fast"]]}], "aliases": {"fast": "openai/gpt-6-luna"}}


@dataclass(frozen=True, slots=True)
class Case:
    """What globex asks of acme's things by this route, and the status that it gets."""

    status: int
    body: Any = None
    query: str = ""


# Every route, with the way in which it could be bent to somebody else's things. A run is found by
# its id, a hook by its name; a turn, a list or a result names a customer. What everybody shares is
# an operator's to change (403) and tells nothing of a customer.
FOREIGN = {
    "POST /v1/turns": Case(404, {"agent": "tenant", "message": "hello", "customer": "acme"}),
    "POST /v1/generate": Case(404, {"input": "hello", "customer": "acme"}),
    "GET /v1/runs": Case(404, query="?customer=acme"),
    "GET /v1/runs/{run}": Case(404),
    "GET /v1/runs/{run}/events": Case(404, query="?parts=all"),
    "POST /v1/runs/{run}/tool-results": Case(404, RESULTS),
    "POST /v1/runs/{run}/cancel": Case(404, {}),
    "POST /v1/runs/{run}/replay": Case(404, {}),
    "GET /v1/agents": Case(200),
    "GET /v1/agents/{name}": Case(404),
    "PUT /v1/agents/{name}": Case(403, {"instructions": "Be mine."}),
    "DELETE /v1/agents/{name}": Case(403),
    "GET /v1/tools": Case(200),
    "GET /v1/tools/{name}": Case(404),
    "PUT /v1/tools/{name}": Case(403, {}),
    "DELETE /v1/tools/{name}": Case(403),
    "GET /v1/models": Case(200),
    "GET /v1/models/{provider}/{model:.+}": Case(404),
    "PUT /v1/models/{provider}/{model:.+}": Case(403, {}),
    "DELETE /v1/models/{provider}/{model:.+}": Case(403),
    "GET /v1/policy": Case(200),
    "PUT /v1/policy": Case(403, POLICY),
    "DELETE /v1/policy": Case(403),
    "GET /v1/hooks": Case(200),
    "GET /v1/hooks/{name}": Case(404),
    "PUT /v1/hooks/{name}": Case(200, {"url": "https://globex.example/"}),  # its own, of that name
    "DELETE /v1/hooks/{name}": Case(404),
    "GET /v1/keys": Case(403),
    "GET /v1/keys/{name}": Case(403),
    "PUT /v1/keys/{name}": Case(403, {}),
    "DELETE /v1/keys/{name}": Case(403),
    "GET /health": Case(200),
    "GET /health/live": Case(200),
    "GET /openapi.json": Case(200),
}


def test_every_route_has_a_case() -> None:
    assert FOREIGN.keys() == set(map(label, ROUTES))


def label(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.fixture
async def acme(api: Api) -> Api:
    return await api.customer("acme")


@pytest.fixture
async def globex(api: Api) -> Api:
    return await api.customer("globex")


async def told_to(acme: Api, api: Api) -> dict[str, str]:
    """Acme's run and hook, by what a path calls them."""
    await api.agent("tenant")
    hook, name = {"url": NOWHERE, "agent": "somebody"}, f"hook-{uuid.uuid4().hex}"
    assert (await acme("PUT", f"/v1/hooks/{name}", hook)).status == 200
    run = await acme.turn("tenant", SECRET, conversation="acme talks")
    return {"run": run["run"], "name": name, "provider": "openai", "model": "none"}


async def world(acme: Api, house: Installation, run: str) -> Any:
    """All that acme sees, and all that is written of its run."""
    paths = [f"/v1/runs/{run}", f"/v1/runs/{run}/events?parts=all", "/v1/hooks", "/v1/runs"]
    seen = [(await acme("GET", path)).body for path in paths]
    rows = house.sql("SELECT to_jsonb(run)::text FROM run WHERE customer = 'acme' ORDER BY run")
    return [*seen, rows, house.sql("SELECT * FROM inbox WHERE run = %s", [run])]


@pytest.mark.parametrize("route", ROUTES, ids=label)
async def test_what_is_acme_s_is_not_there_for_globex(
    api: Api, acme: Api, globex: Api, house: Installation, route: Route
) -> None:
    case, known = FOREIGN[label(route)], await told_to(acme, api)
    before = await world(acme, house, known["run"])
    path = route.path.replace(":.+", "").format(**known) + case.query
    answer = await globex(route.method, path, case.body)
    assert answer.status == case.status, answer
    assert await world(acme, house, known["run"]) == before
    said = json.dumps(answer.body)
    assert SECRET not in said and NOWHERE not in said and "acme talks" not in said
    if case.status == 200:
        assert "acme" not in said, said


UNKNOWN = "01990000-0000-7000-8000-000000000007"


@pytest.mark.parametrize("route", [r for r in ROUTES if "{run}" in r.path], ids=label)
async def test_a_foreign_run_and_one_that_never_was_are_told_alike(
    api: Api, acme: Api, globex: Api, route: Route
) -> None:
    body, run = FOREIGN[label(route)].body, (await told_to(acme, api))["run"]
    foreign = await globex(route.method, route.path.format(run=run), body)
    never = await globex(route.method, route.path.format(run=UNKNOWN), body)
    assert (foreign.status, foreign.code) == (404, "not_found")
    assert json.dumps(foreign.body).replace(run, UNKNOWN) == json.dumps(never.body)


async def test_a_customer_that_is_another_and_one_that_never_was_are_told_alike(
    acme: Api, globex: Api
) -> None:
    turn = {"agent": "tenant", "message": "hello"}
    foreign, never = [
        await globex("POST", "/v1/turns", {**turn, "customer": name}) for name in ("acme", "nobody")
    ]
    assert (foreign.status, foreign.code, foreign.body["field"]) == (404, "not_found", "customer")
    assert json.dumps(foreign.body).replace("acme", "nobody") == json.dumps(never.body)
    own = await globex("POST", "/v1/turns", {**turn, "customer": "globex"})
    assert own.status in (200, 404) and own.body.get("field") != "customer"


async def test_a_list_has_one_s_own_runs_only(api: Api, acme: Api, globex: Api) -> None:
    await api.agent("lister")
    runs = {who: (await who.turn("lister", "hello"))["run"] for who in (acme, globex)}
    for who, other, name in ((acme, globex, "acme"), (globex, acme, "globex")):
        for query in ("", f"?customer={name}", "?agent=lister", f"?cursor={'f' * 32}"):
            listed = [run["run"] for run in (await who("GET", f"/v1/runs{query}")).body["runs"]]
            assert runs[who] in listed and runs[other] not in listed, query


async def test_an_operator_sees_everybody_s_runs(api: Api, acme: Api, globex: Api) -> None:
    await api.agent("seen")
    for who, name in ((acme, "acme"), (globex, "globex")):
        run = (await who.turn("seen", "hello"))["run"]
        assert (await api("GET", f"/v1/runs/{run}")).body["run"] == run
        assert (await api.replay(run))["verdict"] == "identical"
        for query in (f"customer={name}", "agent=seen"):
            listed = (await api("GET", f"/v1/runs?{query}")).body["runs"]
            assert listed[0]["run"] == run
    everybody = (await api("GET", "/v1/runs?agent=seen")).body["runs"]
    assert len(everybody) == 2


async def test_conversations_of_one_name_are_two(
    api: Api, acme: Api, globex: Api, provider: Provider
) -> None:
    await api.agent("namesake")
    await acme.turn("namesake", SECRET, conversation="support")
    run = await globex.turn("namesake", "hello", conversation="support")
    assert run["turn"] == 1
    assert SECRET not in json.dumps((await provider.asked())[-1])


async def test_a_busy_conversation_is_busy_for_its_customer_only(
    api: Api, acme: Api, globex: Api, tools: ToolServer
) -> None:
    await api.tool("hold_on", **tools.contract("hold_on"))
    gate = tools.holds("hold_on", {})
    await api.agent("holder", tools=["hold_on"])
    turn = {"agent": "holder", "message": "Company: Acme", "conversation": "busy", "wait_s": 0}
    first = await acme("POST", "/v1/turns", turn)
    assert (await acme("POST", "/v1/turns", turn)).code == "conversation_busy"
    assert (await globex("POST", "/v1/turns", turn)).status == 202
    gate.set()
    await acme.rested(first.body["run"])


@pytest.mark.parametrize("path", ["/v1/turns", "/v1/generate"])
async def test_idempotency_keys_of_one_name_are_two(
    api: Api, acme: Api, globex: Api, path: str
) -> None:
    await api.agent("keyed")
    bodies = [{"input": SECRET}, {"input": "hello"}]
    if path == "/v1/turns":
        bodies = [{"agent": "keyed", "message": body["input"]} for body in bodies]
    name = f"one-name{path.replace('/', '-')}"
    ours, theirs = [
        await who("POST", path, body, Idempotency_Key=name)
        for who, body in zip((acme, globex), bodies, strict=True)
    ]
    assert (ours.status, theirs.status) == (200, 200), theirs
    assert ours.body["run"] != theirs.body["run"] and SECRET not in json.dumps(theirs.body)


async def test_parts_of_the_same_bytes_are_two_customers_own(
    api: Api, acme: Api, globex: Api, house: Installation
) -> None:
    await api.agent("equal")
    runs = [await who.turn("equal", "the same words") for who in (acme, globex)]
    bundles = [
        (await who("GET", f"/v1/runs/{run['run']}/events?parts=all")).body["parts"]
        for who, run in zip((acme, globex), runs, strict=True)
    ]
    shared = {one["name"] for one in bundles[0]} & {one["name"] for one in bundles[1]}
    assert shared, "the prompts are the same bytes"
    rows = house.sql("SELECT customer FROM part WHERE name = %s", [next(iter(shared))])
    assert {"acme", "globex"} <= {customer for (customer,) in rows}


async def test_a_hook_hears_of_its_customer_s_runs_only(
    api: Api, acme: Api, globex: Api, house: Installation, dead_port: int
) -> None:
    await api.agent("heard")
    hook = {"url": f"http://127.0.0.1:{dead_port}/", "agent": "heard"}
    assert (await acme("PUT", "/v1/hooks/listener", hook)).status == 200
    for who, count in ((acme, 1), (globex, 0)):
        run = (await who.turn("heard", "hello"))["run"]
        to_acme = "SELECT target FROM delivery WHERE run = %s AND target = 'hook:acme/listener'"
        assert len(house.sql(to_acme, [run])) == count
    assert (await acme("DELETE", "/v1/hooks/listener")).status == 204


async def key_of(api: Api, name: str, **document: Any) -> str:
    answer = await api("PUT", f"/v1/keys/{name}", document)
    assert answer.status == 200, answer
    return answer.body["key"]


async def looks(api: Api, key: str) -> int:
    return (await api("GET", "/v1/agents", Authorization=f"Bearer {key}")).status


# Whose key has every scope but the one that the route asks for.
OTHERS = {"run": ("acme", ["read"]), "read": ("acme", ["run"]), "admin": ("*", ["run", "read"])}


@pytest.mark.parametrize("route", [route for route in ROUTES if route.scope], ids=label)
async def test_a_key_without_the_scope_is_refused(api: Api, acme: Api, route: Route) -> None:
    name, scopes = OTHERS[str(route.scope)]
    key = await key_of(api, name, scopes=scopes)
    known, case = await told_to(acme, api), FOREIGN[label(route)]
    path = route.path.replace(":.+", "").format(**known)
    answer = await api(route.method, path, case.body, Authorization=f"Bearer {key}")
    assert (answer.status, answer.code) == (403, "forbidden"), answer
    assert str(route.scope) in answer.body["detail"] and answer.body["remedy"]


async def test_two_keys_of_a_customer_live_and_a_third_ends_the_first(api: Api) -> None:
    keys = [await key_of(api, "rotating") for _ in range(2)]
    assert [await looks(api, key) for key in keys] == [200, 200]
    keys.append(await key_of(api, "rotating"))
    assert [await looks(api, key) for key in keys] == [401, 200, 200]
    assert await looks(api, KEY) == 200


async def test_a_key_is_retired_by_its_version_or_with_all(api: Api) -> None:
    first, second = [await key_of(api, "retired") for _ in range(2)]
    assert (await api("DELETE", "/v1/keys/retired?version=1")).status == 204
    assert [await looks(api, key) for key in (first, second)] == [401, 200]
    assert (await api("DELETE", "/v1/keys/retired")).status == 204
    assert [await looks(api, key) for key in (first, second)] == [401, 401]
    assert (await api("GET", "/v1/keys/retired")).status == 404
    again = await key_of(api, "retired")
    assert [await looks(api, key) for key in (first, second, again)] == [401, 401, 200]


async def test_a_key_of_another_document_is_another_key(api: Api) -> None:
    """Not a new version of the same: what was a reader's stays a reader's."""
    reader = await key_of(api, "grows", scopes=["read"])
    runner = await key_of(api, "grows", scopes=["run"])
    statuses = [(await looks(api, key)) for key in (reader, runner)]
    assert statuses == [200, 403]


async def test_a_key_ends_when_it_says(api: Api) -> None:
    past = await key_of(api, "late", expires_at="2020-01-01T00:00:00Z")
    later = await key_of(api, "late", expires_at="2999-01-01T00:00:00+02:00")
    assert [await looks(api, key) for key in (past, later)] == [401, 200]


async def test_a_key_that_lives_ends_at_its_time(api: Api, house: Installation) -> None:
    ((soon,),) = house.sql("SELECT to_json(now() + interval '2 seconds') #>> '{}'")
    key = await key_of(api, "soon", expires_at=soon)
    assert await looks(api, key) == 200

    async def ended() -> bool:
        return await looks(api, key) == 401

    await until(ended)


# Documents that are no key, and the field that is named.
NO_KEYS = [
    ("acme", {"scopes": ["run", "admin"]}, "admin"),  # everybody's configuration
    ("acme", {"scopes": []}, "scopes"),  # good for nothing
    ("acme", {"scopes": ["write"]}, "scopes"),  # no scope
    ("acme", {"expires_at": "2030-01-01T00:00:00"}, "expires_at"),  # nobody's time zone
    ("acme", {"expires_at": 4102444800}, "expires_at"),  # no text
    ("ac me", {}, "name"),  # no customer's name
    ("-", {}, "name"),
]


@pytest.mark.parametrize("name, document, word", NO_KEYS)
async def test_a_key_that_cannot_be_is_refused(
    api: Api, name: str, document: dict[str, Any], word: str
) -> None:
    answer = await api("PUT", f"/v1/keys/{name}", document)
    assert (answer.status, answer.code) == (422, "validation"), answer
    assert word in answer.body["field"] + answer.body["detail"]


async def test_an_operator_s_key_may_have_every_scope(api: Api) -> None:
    key = await key_of(api, "*", scopes=["run", "read", "admin"])
    operator = Api(api.session, api.process, key)
    assert (await operator("GET", "/v1/keys/*")).body["scopes"] == ["run", "read", "admin"]
    await operator.agent("operated")
    assert (await operator.turn("operated", "hello", customer="acme"))["status"] == "completed"


# Keys that are nobody's.
NOBODY = ["", "x", KEY[:-1], KEY + "x", "acme", "*", "keys", "a" * 7_000, "\u00fc"]


@pytest.mark.parametrize("key", NOBODY, ids=lambda key: key[:10])
async def test_a_key_that_nobody_has_is_refused(api: Api, key: str) -> None:
    answer = await api("GET", "/v1/agents", Authorization=f"Bearer {key}")
    assert (answer.status, answer.code) == (401, "unauthorized")


def bytes_at_rest(house: Installation) -> bytes:
    """Every row of every table, unpacked where it is packed, and all that Redis has."""
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    rows = [row for (name,) in house.sql(tables) for row in house.sql(f'SELECT * FROM "{name}"')]
    found = [repr(row).encode() for row in rows]
    packed = [bytes(value) for row in rows for value in row if isinstance(value, memoryview)]
    found += [zstandard.decompress(one) for one in packed if one[:4] == b"\x28\xb5\x2f\xfd"]
    with redis.Redis.from_url(house.redis_url) as client:
        found += [client.dump(name) or b"" for name in client.scan_iter()]
        found += [*client.scan_iter()]
    return b"\n".join(found)


async def test_a_key_rests_nowhere(api: Api, acme: Api, house: Installation) -> None:
    await told_to(acme, api)
    kept, said = bytes_at_rest(house), "".join(one.said() for one in house.started)
    assert SECRET.encode() in kept, "the dump is blind"
    for key in (acme.key, KEY):
        assert key.encode() not in kept and key not in said
    shown: list[Answer] = [await api("GET", path) for path in ("/v1/keys", "/v1/keys/acme")]
    assert acme.key not in repr(shown) and "signing_secret" not in repr(shown)


async def test_where_no_operator_s_key_is_set_a_wrong_key_is_still_no_key(
    spare: Installation,
) -> None:
    """On loopback whoever shows no key is the operator: a retired key must not become that."""
    async with opened(spare.sidecar(AGENTRT_KEY=""), "") as open_house:
        key = (await open_house("PUT", "/v1/keys/acme", {})).body["key"]
        bearer: Any = {"Authorization": f"Bearer {key}"}
        assert (await open_house("GET", "/v1/runs", **bearer)).status == 200
        assert (await open_house("GET", "/v1/keys", **bearer)).code == "forbidden"
        assert (await open_house("DELETE", "/v1/keys/acme")).status == 204
        for path in ("/v1/runs", "/v1/keys", "/health"):
            assert (await open_house("GET", path, **bearer)).code == "unauthorized"
            assert (await open_house("GET", path)).status == 200
