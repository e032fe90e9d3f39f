"""The responses of OpenAI's that are no answer, or another one than asked for."""

from tests.simulator import answer, response
from tests.simulator.answer import Call
from tests.simulator.faults import Built, Fault


def usual(request: dict, _: Fault) -> dict:
    wanted = answer.calls(request)
    return response.calls(request, wanted) if wanted else said(request, answer.text(request))


def said(request: dict, text: str) -> dict:
    return response.message(request, text)


def called(request: dict, fault: Fault) -> dict:
    tool = fault.get("tool") or (request.get("tools") or [{"name": "no_such_tool"}])[0]["name"]
    return response.calls(request, [Call(tool, fault.get("arguments", "{}"))])


def beside(request: dict, item: dict) -> dict:
    found = usual(request, {})
    return {**found, "output": [item, *found["output"]]}


BUILT: dict[str, Built] = {
    "usual": usual,
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
    "odd_stop": lambda request, fault: {**usual(request, fault), "status": "later_status"},
    "odd_block": lambda request, _: beside(request, {"type": "later_item", "id": "l_1"}),
}
