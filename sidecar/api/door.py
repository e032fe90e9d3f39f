"""The HTTP door: a table of routes, one way through it, and the description made from it."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from sidecar.core.messages import Value
from sidecar.core.schema import parse
from sidecar.errors import Problem, StoreDown
from sidecar.loop import Loop
from sidecar.telemetry import log

BODY_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class App:
    """What a door's function may use. `key` is empty when none is configured."""

    loop: Loop
    key: str
    secret: str
    description: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """`customer` is `*` for the operator."""

    app: App
    customer: str
    path: Mapping[str, str]
    query: Any
    body: Any
    headers: Mapping[str, str]


class Nothing(Value):
    pass


@dataclass(frozen=True, slots=True)
class Route:
    """`function` gives (status, value); `gives` names the model of the value, if it has one."""

    method: str
    path: str
    function: Callable[[Ask], Awaitable[tuple[int, Any]]]
    gives: type[BaseModel] | None = None
    takes: type[Value] | None = None
    query: type[Value] = Nothing
    is_open: bool = False


def customer_of(app: App, headers: Mapping[str, str]) -> str | None:
    """None for a caller who names no key. Problem `unauthorized` for a wrong one."""
    if not app.key:
        return "*"
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    if not key:
        return None
    if scheme.lower() == "bearer" and hmac.compare_digest(key.encode(), app.key.encode()):
        return "*"
    remedy = "Use the key in AGENTRT_KEY, or in .agentrt/key after `make up`."
    raise Problem("unauthorized", "the key is not known", remedy=remedy)


def validated(model: type[Value], given: Any, where: str) -> Any:
    """Problem `validation` that names the first field that is wrong."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first, *more = error.errors(include_url=False, include_input=False)
        field = ".".join(map(str, first["loc"])) or where
        rest = f" (and {len(more)} more)" if more else ""
        raise Problem("validation", f"{field}: {first['msg']}{rest}", field=field) from error


async def body_of(route: Route, request: web.Request) -> Any:
    if route.takes is None:
        return None
    raw = await request.read()
    try:
        given = parse(raw or b"{}")
    except ValueError as error:
        raise Problem("bad_request", f"the body is not JSON: {error}") from error
    return validated(route.takes, given, "body")


async def answer(app: App, route: Route, request: web.Request) -> web.Response:
    customer = customer_of(app, request.headers)
    if customer is None and not route.is_open:
        remedy = "Send the header Authorization: Bearer <key>."
        raise Problem("unauthorized", "this needs a key", remedy=remedy)
    query = validated(route.query, dict(request.query), "query")
    body = await body_of(route, request)
    ask = Ask(app, customer or "", request.match_info, query, body, request.headers)
    status, value = await route.function(ask)
    return reply(status, value)


def reply(status: int, value: Any, kind: str = "application/json") -> web.Response:
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    body = b"" if status == 204 else orjson.dumps(plain)
    return web.Response(status=status, body=body, content_type=kind)


@web.middleware
async def problems(request: web.Request, handler: Any) -> web.StreamResponse:
    """Every error leaves as one problem document; nothing of ours leaks in a 500."""
    try:
        return await handler(request)
    except Problem as problem:
        found = problem
    except StoreDown as error:
        log.error("store down", exc_info=error)
        found = Problem("store_down", "a store is away", remedy="Try again in a few seconds.")
    except web.HTTPException as error:
        codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
        found = Problem(codes.get(error.status, "bad_request"), error.reason)
    return reply(found.status, found.document, "application/problem+json")


def application(app: App, routes: list[Route]) -> web.Application:
    http = web.Application(middlewares=[problems], client_max_size=BODY_BYTES)
    for route in routes:

        async def handler(request: web.Request, route: Route = route) -> web.Response:
            return await answer(app, route, request)

        http.router.add_route(route.method, route.path, handler)
    return http
