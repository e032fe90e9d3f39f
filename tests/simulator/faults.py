"""What can go wrong once, in the order asked for: one fault is used up by one request.

`provider` keeps a fault for the requests to that one.

status         an error: status, headers, code, message; `retry-after` is a header
html, broken_json, empty_object             a 200 whose body is no response
hang, close, cut_body                       no answer, no bytes, half the bytes
delay                                       the usual answer after `ms`
failed, filtered, truncated, refusal, empty, no_usage      a response that is no answer
text, fenced, invalid_answer                the answer's text: given, in a fence, off its schema
call, unknown_tool, bad_arguments           a call of `tool` with `arguments` (a raw string)
odd_stop, odd_block                         a reason and a block that nobody has heard of
"""

import asyncio
import json
from collections.abc import Callable, Mapping

from aiohttp import web

from tests.simulator.rejected import Rejected

HTML = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
CLOSING = web.AppKey("closing", asyncio.Event)

Fault = dict
Built = Callable[[dict, Fault], dict]


BODIES = {
    "html": ("text/html", HTML),
    "broken_json": ("application/json", '{"id": "resp_'),
    "empty_object": ("application/json", "{}"),
}
WIRE = ("status", "hang", "close", "cut_body", "delay")


async def answered(
    http: web.Request, request: dict, fault: Fault | None, built: Mapping[str, Built]
) -> web.StreamResponse:
    """The usual answer without a fault."""
    kind = fault["kind"] if fault else "delay"
    fault = fault or {}
    if kind in BODIES:
        content_type, body = BODIES[kind]
        return web.Response(
            body=body.encode(), content_type=content_type, headers=fault.get("headers")
        )
    match kind:
        case "status":
            raise_status(fault)
        case "hang":
            await http.app[CLOSING].wait()
        case "close":
            _abort(http)
        case "cut_body":
            return await _cut(http, json.dumps(built["usual"](request, fault)).encode())
        case "delay":
            await asyncio.sleep(fault.get("ms", 0) / 1000)
    return web.json_response(built.get(kind, built["usual"])(request, fault))


def raise_status(fault: Fault) -> None:
    message = fault.get("message", "The simulator was asked to fail.")
    named = {"kind": fault.get("type", "server_error"), "code": fault.get("code")}
    raise Rejected(message, status=fault["status"], headers=fault.get("headers", {}), **named)


def _abort(http: web.Request) -> None:
    if http.transport is not None:
        http.transport.abort()


async def _cut(http: web.Request, body: bytes) -> web.StreamResponse:
    half = web.StreamResponse(headers={"content-length": str(len(body))})
    half.content_type = "application/json"
    await half.prepare(http)
    await half.write(body[: len(body) // 2])
    _abort(http)
    return half
