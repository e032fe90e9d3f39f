"""The messages that are no answer, or another one than asked for."""

from typing import Any

from tests.simulator import answer
from tests.simulator.answer import Call
from tests.simulator.claude import response
from tests.simulator.claude.conversation import conversation
from tests.simulator.faults import Built, Fault


def said(request: dict, text: str) -> dict:
    return response.message(request, text)


def text(request: dict) -> str:
    return answer.text(conversation(request))


def called(request: dict, fault: Fault) -> dict:
    tool = fault.get("tool") or (request.get("tools") or [{"name": "no_such_tool"}])[0]["name"]
    return response.calls(request, [Call(tool, fault.get("arguments", "{}"))])


def failed(fault: Fault) -> dict:
    """An error with status 200, as proxies send it."""
    told: dict[str, Any] = {
        "type": "api_error",
        "message": "The model could not complete the response.",
    }
    if "code" in fault:
        told["details"] = {"error_code": fault["code"]}
    return {"type": "error", "error": told, "request_id": "req_0"}


def beside(request: dict, block: dict) -> dict:
    usual = response.usual(request)
    return {**usual, "content": [block, *usual["content"]]}


BUILT: dict[str, Built] = {
    "usual": lambda request, _: response.usual(request),
    "failed": lambda _, fault: failed(fault),
    "filtered": lambda request, _: response.refusal(request, "general_harms"),
    "truncated": lambda request, _: response.truncated(request, text(request)[:20]),
    "refusal": lambda request, _: response.refusal(request),
    "empty": lambda request, _: said(request, ""),
    "no_usage": lambda request, _: {**response.usual(request), "usage": None},
    "text": lambda request, fault: said(request, fault["text"]),
    "fenced": lambda request, _: said(request, f"```json\n{text(request)}\n```"),
    "invalid_answer": lambda request, _: said(request, answer.broken_text(conversation(request))),
    "call": called,
    "unknown_tool": lambda request, fault: called(request, {"tool": "no_such_tool", **fault}),
    "bad_arguments": lambda request, fault: called(request, {"arguments": '{"cut', **fault}),
    "odd_stop": lambda request, _: {**response.usual(request), "stop_reason": "later_reason"},
    "odd_block": lambda request, _: beside(request, {"type": "later_block", "what": [1]}),
}
