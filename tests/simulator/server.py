"""The HTTP side: keys, headers, the journal and the queue of faults."""

import asyncio
import json
from collections import deque

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.simulator import sealed
from tests.simulator.checks import check
from tests.simulator.faults import CLOSING, KINDS, answered
from tests.simulator.models import MODELS
from tests.simulator.rejected import Rejected

MAX_BODY_BYTES = 32 << 20
FAULTS = web.AppKey("faults", deque)
JOURNAL = web.AppKey("journal", list)
INVALID_KEY = "invalid"  # every other key is good
# OpenAI's rate limit guide, read on 2026-11-23
LIMITS = {
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "1999000",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-reset-tokens": "30ms",
    "openai-version": "2020-10-01",
    "openai-processing-ms": "20",
}


def make_app() -> web.Application:
    app = web.Application(middlewares=[errors], client_max_size=MAX_BODY_BYTES)
    app[FAULTS], app[JOURNAL], app[CLOSING] = deque(), [], asyncio.Event()
    app.on_shutdown.append(let_go)
    app.router.add_post("/v1/responses", respond)
    app.router.add_get("/v1/models", models)
    app.router.add_post("/_sim/faults", add_faults)
    app.router.add_get("/_sim/requests", journal)
    app.router.add_delete("/_sim", reset)
    return app


async def let_go(app: web.Application) -> None:
    app[CLOSING].set()


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Rejected as error:
        headers = {**LIMITS, **error.headers}
        return web.json_response(error.body(), status=error.status, headers=headers)
    except web.HTTPNotFound:
        message = f"Invalid URL ({request.method} {request.path})"
        return web.json_response(Rejected(message).body(), status=404)


async def respond(http: web.Request) -> web.StreamResponse:
    authorized(http)
    text = await http.text()
    body = parsed(http, text)
    http.app[JOURNAL].append({"headers": plain_headers(http), "body": body, "raw": text})
    fault = http.app[FAULTS].popleft() if http.app[FAULTS] else None
    check(body)
    response = await answered(http, body, fault)
    if not response.prepared:
        response.headers.update(LIMITS)
        response.headers["x-request-id"] = sealed.name("req", body)[:36]
    return response


def authorized(http: web.Request) -> None:
    scheme, _, key = http.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        raise Rejected("You didn't provide an API key.", status=401)
    if key == INVALID_KEY:
        raise Rejected("Incorrect API key provided.", status=401, code="invalid_api_key")


def parsed(http: web.Request, text: str) -> dict:
    if http.content_type != "application/json":
        message = f"Unsupported content type: '{http.content_type}'."
        raise Rejected(message, code="unsupported_content_type")
    try:
        body = json.loads(text)
    except ValueError as error:
        raise Rejected("We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise Rejected("The body of your request must be a JSON object.")
    return body


def plain_headers(http: web.Request) -> dict[str, str]:
    named = {name.lower(): value for name, value in http.headers.items()}
    return {name: value for name, value in named.items() if name != "authorization"}


async def models(http: web.Request) -> web.Response:
    authorized(http)
    owner = {"object": "model", "created": 1_760_000_000, "owned_by": "system"}
    return web.json_response({"object": "list", "data": [{"id": name, **owner} for name in MODELS]})


async def add_faults(http: web.Request) -> web.Response:
    faults = await http.json()
    if unknown := sorted({fault["kind"] for fault in faults} - set(KINDS)):
        raise Rejected(f"Unknown faults {unknown}; there are {', '.join(KINDS)}.")
    http.app[FAULTS].extend(faults)
    return web.json_response({"faults": list(http.app[FAULTS])})


async def journal(http: web.Request) -> web.Response:
    left = list(http.app[FAULTS])
    return web.json_response({"requests": http.app[JOURNAL], "faults": left})


async def reset(http: web.Request) -> web.Response:
    http.app[FAULTS].clear()
    http.app[JOURNAL].clear()
    return web.Response(status=204)
