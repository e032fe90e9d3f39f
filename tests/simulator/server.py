"""The HTTP side of both APIs: keys, headers, the journal and the queue of faults."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.simulator import built, checks, sealed
from tests.simulator.claude import built as claude_built
from tests.simulator.claude import checks as claude_checks
from tests.simulator.claude import rejected as claude_rejected
from tests.simulator.faults import BODIES, CLOSING, WIRE, Built, answered
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


# platform.claude.com/docs/en/api/rate-limits, read on 2026-11-23
CLAUDE_LIMITS = {
    "anthropic-organization-id": "00000000-0000-4000-8000-000000000000",
    "anthropic-ratelimit-requests-limit": "4000",
    "anthropic-ratelimit-requests-remaining": "3999",
    "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:00Z",
    "anthropic-ratelimit-tokens-limit": "2000000",
    "anthropic-ratelimit-tokens-remaining": "1999000",
    "anthropic-ratelimit-tokens-reset": "2026-11-23T12:00:00Z",
}
VERSIONS = ("2023-06-01", "2026-10-21")  # anthropic 2.12, _constants.py


@dataclass(frozen=True, slots=True)
class Api:
    """One provider: what it refuses, how it answers, and in which form it says no."""

    provider: str
    authorized: Callable[[web.Request], None]
    check: Callable[[dict], None]
    built: Mapping[str, Built]
    refusal: Callable[[Rejected], dict]
    headers: Mapping[str, str]
    request_id: str


def make_app() -> web.Application:
    app = web.Application(middlewares=[errors], client_max_size=MAX_BODY_BYTES)
    app[FAULTS], app[JOURNAL], app[CLOSING] = deque(), [], asyncio.Event()
    app.on_shutdown.append(let_go)
    for path in APIS:
        app.router.add_post(path, respond)
    app.router.add_get("/v1/models", models)
    app.router.add_post("/_sim/faults", add_faults)
    app.router.add_get("/_sim/requests", journal)
    app.router.add_delete("/_sim", reset)
    return app


async def let_go(app: web.Application) -> None:
    app[CLOSING].set()


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    api = APIS.get(request.path, OPENAI)
    try:
        return await handler(request)
    except Rejected as error:
        headers = {**api.headers, **error.headers}
        return web.json_response(api.refusal(error), status=error.status, headers=headers)
    except web.HTTPNotFound:
        message = f"Invalid URL ({request.method} {request.path})"
        return web.json_response(Rejected(message).body(), status=404)


async def respond(http: web.Request) -> web.StreamResponse:
    api = APIS[http.path]
    api.authorized(http)
    text = await http.text()
    body = parsed(http, text)
    kept = {"provider": api.provider, "headers": plain_headers(http), "body": body, "raw": text}
    http.app[JOURNAL].append(kept)
    fault = next_fault(http.app[FAULTS], api.provider)
    api.check(body)
    response = await answered(http, body, fault, api.built)
    if not response.prepared:
        response.headers.update(api.headers)
        response.headers[api.request_id] = sealed.name("req", body)[:36]
    return response


def next_fault(faults: deque, provider: str) -> dict | None:
    """The first that is for this provider, or for any."""
    found = next((one for one in faults if one.get("provider", provider) == provider), None)
    if found is not None:
        faults.remove(found)
    return found


def authorized(http: web.Request) -> None:
    scheme, _, key = http.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        raise Rejected("You didn't provide an API key.", status=401)
    if key == INVALID_KEY:
        raise Rejected("Incorrect API key provided.", status=401, code="invalid_api_key")


def authorized_by_claude(http: web.Request) -> None:
    scheme, _, token = http.headers.get("authorization", "").partition(" ")
    key = http.headers.get("x-api-key") or (token if scheme == "Bearer" else "")
    if not key:
        raise Rejected("x-api-key header is required", status=401)
    if key == INVALID_KEY:
        raise Rejected("invalid x-api-key", status=401)
    if http.headers.get("anthropic-version") not in VERSIONS:
        raise Rejected("anthropic-version: header is required")


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
    secret = ("authorization", "x-api-key")
    return {name: value for name, value in named.items() if name not in secret}


async def models(http: web.Request) -> web.Response:
    authorized(http)
    owner = {"object": "model", "created": 1_760_000_000, "owned_by": "system"}
    return web.json_response({"object": "list", "data": [{"id": name, **owner} for name in MODELS]})


async def add_faults(http: web.Request) -> web.Response:
    faults = await http.json()
    kinds = {*built.BUILT, *BODIES, *WIRE}
    if unknown := sorted({fault["kind"] for fault in faults} - kinds):
        raise Rejected(f"Unknown faults {unknown}; there are {', '.join(sorted(kinds))}.")
    http.app[FAULTS].extend(faults)
    return web.json_response({"faults": list(http.app[FAULTS])})


async def journal(http: web.Request) -> web.Response:
    left = list(http.app[FAULTS])
    return web.json_response({"requests": http.app[JOURNAL], "faults": left})


async def reset(http: web.Request) -> web.Response:
    http.app[FAULTS].clear()
    http.app[JOURNAL].clear()
    return web.Response(status=204)


OPENAI = Api("openai", authorized, checks.check, built.BUILT, Rejected.body, LIMITS, "x-request-id")
CLAUDE = Api(
    "anthropic",
    authorized_by_claude,
    claude_checks.check,
    claude_built.BUILT,
    claude_rejected.body,
    CLAUDE_LIMITS,
    "request-id",
)
APIS = {"/v1/responses": OPENAI, "/v1/messages": CLAUDE}
