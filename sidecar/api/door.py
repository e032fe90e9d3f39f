"""The HTTP door: a table of routes, and the one way through it."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from sidecar.core.documents import Scope
from sidecar.core.messages import Value
from sidecar.errors import Problem, StoreDown
from sidecar.loop import Loop
from sidecar.stores.documents import holder
from sidecar.telemetry import log, settled

BODY_BYTES = 4 << 20
HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}


@dataclass(frozen=True, slots=True)
class App:
    """What a door's function may use. `key` is empty when none is configured."""

    loop: Loop
    key: str
    secret: str
    allow_hosts: str


@dataclass(frozen=True, slots=True)
class Ask:
    """`customer` is `*` for an operator, empty for who shows no key at an open door."""

    app: App
    customer: str
    given: Any
    request: web.Request


@dataclass(frozen=True, slots=True)
class Route:
    """`function` answers (status, value); without a scope it is open; `Value` takes nothing."""

    method: str
    path: str
    function: Callable[[Ask], Awaitable[tuple[int, Any]]]
    scope: Scope | None
    takes: type[Value] = Value


async def customer_of(app: App, route: Route, request: web.Request) -> str:
    """An open door asks for no key, yet refuses a wrong one."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    given = key if scheme.lower() == "bearer" else ""
    if hmac.compare_digest(given.encode(), app.key.encode()):
        return "*"
    found = await holder(app.loop.db, given) if given else None
    if found and route.scope in (None, *found.scopes):
        return found.name
    if found:
        detail, remedy = f"this key has no scope {route.scope}", "PUT /v1/keys/… gives scopes."
        raise Problem(403, "forbidden", detail, remedy=remedy)
    if key or (app.key and route.scope):
        remedy = "Send Authorization: Bearer <key>; `make up` keeps its key in .agentrt/key."
        raise Problem(401, "unauthorized", "the key is missing or not known", remedy=remedy)
    return "" if app.key else "*"


def validated(model: type[Value], given: Any) -> Any:
    """Problem `validation` that names the first field that is wrong; in JSON, 1 is no "1"."""
    try:
        if isinstance(given, bytes):
            return model.model_validate_json(given, strict=True)
        return model.model_validate(given)
    except ValidationError as error:
        first, *more = error.errors(include_url=False, include_input=False)
        field = ".".join(map(str, first["loc"])) or "body"
        rest = f" (and {len(more)} more)" if more else ""
        raise Problem(422, "validation", f"{field}: {first['msg']}{rest}", field=field) from error


async def asked(route: Route, request: web.Request) -> Any:
    """What body, query and path say, as one; a GET and a DELETE say it in words."""
    try:
        given = orjson.loads(await request.read() or b"{}")
        if isinstance(given, dict):
            given |= request.query
            path, known = request.match_info.items(), route.takes.model_fields
            given |= {name: value for name, value in path if name in known}
        raw = orjson.dumps(given)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError) as error:
        raise Problem(400, "bad_request", f"the body is not JSON: {error}", field="body") from error
    return validated(route.takes, given if request.method in ("GET", "DELETE") else raw)


async def answer(app: App, route: Route, request: web.Request) -> web.Response:
    customer = await customer_of(app, route, request)
    ask = Ask(app, customer, await asked(route, request), request)
    return reply(*await route.function(ask))


def reply(status: int, value: Any, kind: str = "application/json") -> web.Response:
    plain = value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else value
    body = None if value is None else orjson.dumps(plain)
    return web.Response(status=status, body=body, content_type=kind)


def problem(error: BaseException, path: str) -> Problem:
    match error:
        case Problem():
            return error
        case web.HTTPException():
            code = error.reason.lower().replace(" ", "_").removeprefix("request_entity_")
            return Problem(error.status, code, f"{path}: {error.reason}")
        case StoreDown():
            log.error("a store is down", exc_info=error)
            return Problem(503, "store_down", "a store is away", remedy="Try again in a moment.")
        case _:
            log.error("%s broke", path, exc_info=error)
            return Problem(500, "internal", "agentrt broke here", remedy="Its log says more.")


@web.middleware
async def problems(request: web.Request, handler: Any) -> web.StreamResponse:
    """Every refusal leaves as one problem document."""
    error = await settled(handler(request))
    if not isinstance(error, BaseException):
        return error
    found = problem(error, request.path)
    answer = reply(found.status, found.document, "application/problem+json")
    answer.headers.update(HEADERS.get(found.status, {}))
    if isinstance(error, web.HTTPMethodNotAllowed):
        answer.headers["Allow"] = error.headers["Allow"]
    return answer


def application(app: App, routes: list[Route]) -> web.Application:
    http = web.Application(middlewares=[problems], client_max_size=BODY_BYTES)
    for route in routes:
        http.router.add_route(route.method, route.path, partial(answer, app, route))
    return http
