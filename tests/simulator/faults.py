"""What can go wrong once, in the order asked for: one fault is used up by one request.

status         an error: status, headers, code, message; `retry-after` is a header
html, broken_json, empty_object             a 200 whose body is no response
hang, close, cut_body                       no answer, no bytes, half the bytes
delay                                       the usual answer after `ms`
failed, filtered, truncated, refusal, empty, no_usage      a response that is no answer
text, fenced, invalid_answer                the answer's text: given, in a fence, off its schema
call, unknown_tool, bad_arguments           a call of `tool` with `arguments` (a raw string)
"""

import asyncio
import json
from collections.abc import Callable

from aiohttp import web

from tests.simulator import answer, response
from tests.simulator.answer import Call
from tests.simulator.rejected import Rejected

HTML = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
CLOSING = web.AppKey("closing", asyncio.Event)

Fault = dict
Built = Callable[[dict, Fault], dict]


def usual(request: dict, _: Fault) -> dict:
    wanted = answer.calls(request)
    return response.calls(request, wanted) if wanted else said(request, answer.text(request))


def said(request: dict, text: str) -> dict:
    return response.message(request, text)


def called(request: dict, fault: Fault) -> dict:
    tool = fault.get("tool") or (request.get("tools") or [{"name": "no_such_tool"}])[0]["name"]
    return response.calls(request, [Call(tool, fault.get("arguments", "{}"))])


BUILT: dict[str, Built] = {
    "failed": lambda request, fault: response.failed(request, fault.get("code", "server_error")),
    "filtered": lambda request, _: response.filtered(request),
    "truncated": lambda request, _: response.truncated(request, answer.text(request)[:20]),
    "refusal": lambda request, _: response.refusal(request),
    "empty": lambda request, _: said(request, ""),
    "no_usage": lambda request, fault: {**usual(request, fault), "usage": None},
    "text": lambda request, fault: said(request, fault["text"]),
    "fenced": lambda request, _: said(request, f"```json\n{answer.text(request)}\n```"),
    "invalid_answer": lambda request, _: said(request, answer.broken_text(request)),
    "call": called,
    "unknown_tool": lambda request, fault: called(request, {"tool": "no_such_tool", **fault}),
    "bad_arguments": lambda request, fault: called(request, {"arguments": '{"cut', **fault}),
}
BODIES = {
    "html": ("text/html", HTML),
    "broken_json": ("application/json", '{"id": "resp_'),
    "empty_object": ("application/json", "{}"),
}
WIRE = ("status", "hang", "close", "cut_body", "delay")
KINDS = (*BUILT, *BODIES, *WIRE)


async def answered(http: web.Request, request: dict, fault: Fault | None) -> web.StreamResponse:
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
            return await _cut(http, json.dumps(usual(request, fault)).encode())
        case "delay":
            await asyncio.sleep(fault.get("ms", 0) / 1000)
    return web.json_response(BUILT.get(kind, usual)(request, fault))


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
