"""What schemathesis has to know beyond the description; it loads this file as its hooks."""

import hashlib
import json
import re
from typing import Any

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

# Requests that fit the description and are refused all the same, by what their problem says.
# JSON Schema has no words for what is wrong with them.
UNSAYABLE = {
    "post_results": ["the caller was not asked for"],  # only a call that waits gets a result
    "put_keys": ["admin is for the operator's key"],  # the name is in the path
}
EVERYWHERE = [
    "is not public and not in AGENTRT_ALLOW_HOSTS",  # what an address leads to is asked of the DNS
    "is not a usable JSON Schema",  # it has the form of one: a pattern is no regular expression
    "Input should be a valid integer",  # to JSON Schema 34.0 is one; no JSON writer writes it so
]


@schemathesis.hook
def before_call(_: Any, case: Any, **__: Any) -> None:
    """Nobody has a minute for one turn. And schemathesis reads every address in an answer with
    `urlsplit`, which dies of one in brackets that is no IPv6.
    """
    if not isinstance(case.body, dict):
        return
    case.body = json.loads(re.sub(r"://\[[0-9A-Fa-f:.]*\]", "://[::1]", json.dumps(case.body)))
    if type(case.body.get("wait_s")) is int:
        case.body["wait_s"] = min(case.body["wait_s"], 2)
    if case.path in ("/v1/turns", "/v1/generate") and case.meta.generation.mode.is_positive:
        begin(case.body)
        if "Idempotency-Key" in (case.headers or {}):  # one body, one key
            body = json.dumps(case.body).encode()
            case.headers["Idempotency-Key"] = hashlib.sha256(body).hexdigest()


def begin(body: dict[str, Any]) -> None:
    """Names made up of any letters name nothing: without them a run begins."""
    if "agent" not in body:
        body["input"] = body.get("input") or "Company: Acme"
    elif isinstance(body["agent"], str):
        body["agent"] = "writer"
    for asked in (body, body.get("agent")):
        if isinstance(asked, dict):
            for name in ("model", "models", "tools"):
                asked.pop(name, None)


@schemathesis.hook
def filter_failure(_: Any, failure: Any, case: Any, response: Any) -> bool:
    if not isinstance(failure, RejectedPositiveData):
        return True
    said = response.json()["detail"]
    operation = case.operation.definition.raw["operationId"]
    return not any(words in said for words in [*UNSAYABLE.get(operation, []), *EVERYWHERE])
