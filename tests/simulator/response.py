"""The response object around an answer, with ids and usage derived from the request."""

from tests.simulator import sealed
from tests.simulator.answer import Call
from tests.simulator.models import effort

BYTES_PER_TOKEN = 4
CACHE_FROM_TOKENS, CACHE_STEP_TOKENS = 1024, 128  # OpenAI's prompt caching guide
THOUGHT_TOKENS = {"none": 0, "minimal": 16, "low": 64, "medium": 128, "high": 320}
EPOCH_S = 1_780_000_000  # times are derived too: equal requests get equal answers
ECHOED = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def calls(request: dict, wanted: list[Call]) -> dict:
    return _response(request, [_call(request, n, call) for n, call in enumerate(wanted)])


def message(request: dict, text: str) -> dict:
    """Cut, and so `incomplete`, where the text is longer than the request allows."""
    cap = request.get("max_output_tokens")
    room = None if cap is None else max(0, cap - _thought(request)) * BYTES_PER_TOKEN
    if room is None or len(text.encode()) <= room:
        return _response(request, [_message(request, _text_part(text))])
    return truncated(request, text.encode()[:room].decode(errors="ignore"))


def truncated(request: dict, text: str) -> dict:
    item = {**_message(request, _text_part(text)), "status": "incomplete"}
    return _incomplete(_response(request, [item]), "max_output_tokens")


def filtered(request: dict) -> dict:
    return _incomplete(_response(request, []), "content_filter")


def refusal(request: dict) -> dict:
    part = {"type": "refusal", "refusal": "I'm sorry, but I cannot assist with that request."}
    return _response(request, [_message(request, part)])


def failed(request: dict, code: str) -> dict:
    error = {"code": code, "message": "The model could not complete the response."}
    found = _response(request, [])
    return {**found, "status": "failed", "error": error, "usage": None, "output": []}


def _incomplete(response: dict, reason: str) -> dict:
    changed = {"status": "incomplete", "incomplete_details": {"reason": reason}}
    return {**response, **changed, "completed_at": None}


def _response(request: dict, items: list[dict]) -> dict:
    at = EPOCH_S + int(sealed.digest(request)[:6], 16)
    asked = {name: request[name] for name in ECHOED if request.get(name) is not None}
    return {
        **ECHOED,
        **asked,
        "id": sealed.name("resp", request),
        "object": "response",
        "created_at": at,
        "completed_at": at + 1,
        "status": "completed",
        "billing": {"payer": "developer"},
        "error": None,
        "incomplete_details": None,
        "model": request["model"],
        "output": [*_reasoning(request), *items],
        "reasoning": {
            "summary": None,
            **(request.get("reasoning") or {}),
            "effort": effort(request),
        },
        "usage": _usage(request, items),
    }


def _call(request: dict, n: int, call: Call) -> dict:
    return {
        "type": "function_call",
        "id": sealed.name("fc", request, n),
        "call_id": sealed.name("call", request, n)[:29],
        "name": call.tool,
        "arguments": call.arguments,
        "status": "completed",
    }


def _message(request: dict, part: dict) -> dict:
    phase = {"phase": "final_answer"} if request["model"].startswith("gpt-6") else {}
    return {
        "type": "message",
        "id": sealed.name("msg", request),
        "status": "completed",
        "role": "assistant",
        **phase,
        "content": [part],
    }


def _text_part(text: str) -> dict:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def _reasoning(request: dict) -> list[dict]:
    if not _thought(request):
        return []
    name = sealed.name("rs", request)
    included = "reasoning.encrypted_content" in (request.get("include") or [])
    sealed_content = {"encrypted_content": sealed.seal(name)} if included else {}
    return [{"type": "reasoning", "id": name, "summary": [], **sealed_content}]


def _usage(request: dict, items: list[dict]) -> dict:
    """What precedes the newest item counts as cached: it was sent the call before."""
    given = request["input"]
    prefix = given[:-1] if isinstance(given, list) else []
    head = [request.get("instructions"), request.get("tools")]
    read = _tokens([*head, given])
    cached = _tokens([*head, prefix]) // CACHE_STEP_TOKENS * CACHE_STEP_TOKENS
    written = _tokens([item.get("content") or item.get("arguments") for item in items])
    thought = _thought(request)
    return {
        "input_tokens": read,
        "input_tokens_details": {
            "cached_tokens": cached if cached >= CACHE_FROM_TOKENS and prefix else 0,
            "cache_write_tokens": 0,
        },
        "output_tokens": written + thought,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": read + written + thought,
    }


def _tokens(value: object) -> int:
    return -(-len(sealed.text(value).encode()) // BYTES_PER_TOKEN)


def _thought(request: dict) -> int:
    return THOUGHT_TOKENS.get(effort(request), 640)
