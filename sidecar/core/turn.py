"""The agent: a pure function over the fold of its events.

`decide` says what comes next: a model to call, tools to call, something to wait for, or the
end. The loop writes that down, does it, writes down what happened, folds, and asks again.
Failover, schema repair, tool calls, cancellation and crash recovery are branches here, not
loops of their own: a crash anywhere is a fold away from going on, and a replay is a
comparison. No I/O, no clock, no randomness.
"""

import hashlib
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sidecar.core import events as e
from sidecar.core.documents import Contract, ModelRow
from sidecar.core.messages import Reply, ToolCall, canonical, rfc3339
from sidecar.core.route import route, row_of, untried
from sidecar.core.run import PROMPTS, REPAIRS, Run

Intent = e.Called | e.Ended
ATTEMPTS = 3  # of one model call, over all candidates
OUTPUT_TOKENS = 8_192  # asked for first; four times as many after a truncation


@dataclass(frozen=True, slots=True)
class Payload:
    """`frame` is the request's JSON with an empty first array, which takes the items."""

    frame: bytes
    items: list[bytes]

    def body(self) -> bytes:
        return self.frame.replace(b"[]", b"[" + b",".join(self.items) + b"]", 1)


@dataclass(frozen=True, slots=True)
class Encoder:
    """`version` changes whenever `encode` (run, row, output cap) may give other bytes."""

    version: str
    encode: Callable[[Run, ModelRow, int], Payload]


@dataclass(frozen=True, slots=True)
class Provider:
    """One that has a key. `decode` and `send` (a body, within seconds) raise ModelFault."""

    encoder: Encoder
    decode: Callable[[bytes], Reply]
    send: Callable[[bytes, float], Coroutine[Any, Any, bytes]]
    close: Callable[[], Awaitable[None]]
    simulated: bool


Encoders = Mapping[str, Encoder]
Providers = Mapping[str, Provider]


@dataclass(frozen=True, slots=True)
class CallModel:
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    on: Literal["model", "tools", "decision"]


def decide(run: Run) -> CallModel | e.ToolsAsked | Wait | e.Ended:
    match run.last:
        case e.Stopped(kind="cancelled"):
            return ended(run, "cancelled")
        case e.Stopped() if run.waiting:
            return failed(run, "deadline", f"nobody answered by {rfc3339(run.waiting.until_ms)}")
        case e.Stopped():
            return failed(run, "deadline", "the turn was not done within its timeout_s")
        case e.Called():
            return Wait("model")
        case e.ModelFailed() as last:
            return after_failure(run, last)
        case e.Replied() as last:
            return after_reply(run, last)
        case e.ToolsAsked() if run.calls("pending", "unknown"):
            return Wait(run.waiting.reason if run.waiting else "tools")
        case e.Ended() as end:
            return end
        case _:
            return call(run)


def call(run: Run, after_ms: int = 0) -> CallModel | e.Ended:
    limit = run.setup.agent.limits.model_calls
    spent = len(run.models) >= limit
    return failed(run, "turn_limit", f"{limit} model calls") if spent else CallModel(after_ms)


def after_failure(run: Run, last: e.ModelFailed) -> CallModel | e.Ended:
    """Whoever has not been tried is asked at once; then all share what is left of ATTEMPTS."""
    assert run.seen
    message = f"{run.models[-1]}: {last.detail}"
    if last.error in e.HOPELESS:
        return failed(run, e.HOPELESS[last.error], message)
    fresh = untried(route(run, run.seen)) if last.error != "lost" else 0
    if len(run.failures) >= ATTEMPTS and not fresh:
        return failed(run, "providers_exhausted", f"{len(run.failures)} attempts; {message}")
    backoff_ms = max(last.retry_after_ms, 250 << len(run.failures))
    return call(run, 0 if fresh or last.error in e.ELSEWHERE else backoff_ms)


def after_reply(run: Run, last: e.Replied) -> CallModel | e.ToolsAsked | e.Ended:
    if last.reply.outcome == "refused":
        return failed(run, "refused", last.reply.text or "the provider refused to answer")
    if last.reply.outcome == "tool_calls":
        return tools_asked(run, last.reply.calls)
    if run.truncated > 1:
        return failed(run, "truncated", "cut at the output cap, and again at a larger one")
    if run.invalid > REPAIRS:
        return failed(run, "output_invalid", f"{last.flaws[0].path or '/'}: {last.flaws[0].rule}")
    if last.flaws or last.reply.outcome == "truncated":
        return call(run)
    return ended(run, "completed", output=last.answer or last.reply.text)


def failed(run: Run, code: str, message: str, seen: e.Seen | None = None) -> e.Ended:
    return ended(run, "failed", error=e.Failure(code=code, message=message), seen=seen)


def ended(run: Run, status: Literal["completed", "failed", "cancelled"], **told: Any) -> e.Ended:
    if status == "completed":
        told["parts"] = {"conversation": conversation(run)[-1].name}
    return e.Ended(status=status, cost_micros=run.cost_micros, usage=run.usage, **told)


def conversation(run: Run) -> list[e.Part]:
    """What this turn adds to the chain of messages that the next turn starts from."""
    own = run.messages[run.inherited :]
    return e.chain([message.json_bytes() for message in own], run.started.parts["history"])


def tools_asked(run: Run, calls: tuple[ToolCall, ...]) -> e.ToolsAsked:
    contracts = {contract.name: contract for contract in run.setup.contracts}
    asked: list[e.AskedCall] = []
    for number, call in enumerate(calls):
        name, contract = f"{run.seq + 1}.{number}", contracts.get(call.tool)
        arguments = call.arguments.replace("\0", r"\u0000")  # Postgres keeps no NUL in a text
        told = {"tool": call.tool, "arguments": arguments, "provider_id": call.id}
        known = told_of(contract) if contract else {}
        key = str(uuid.uuid5(uuid.UUID(run.id), name))
        asked.append(e.AskedCall(id=name, idempotency_key=key, **told, **known))
    return e.ToolsAsked(calls=tuple(asked))


def told_of(contract: Contract) -> dict[str, str]:
    own = {"side_effects": contract.side_effects, "kind": contract.kind}
    return {"contract": contract.ref, "binding": binding_digest(contract)} | own


def binding_digest(contract: Contract) -> str:
    """What may change under one version: where and how the tool is reached."""
    binding = contract.model_dump(include={"config", "timeout_s", "retries"}, mode="json")
    return hashlib.sha256(canonical(binding)).hexdigest()


def called(run: Run, seen: e.Seen, encoders: Encoders) -> tuple[Intent, list[e.Part], bytes]:
    """The event to write before CallModel is done, its parts, and the exact bytes to send."""
    candidates = route(run, seen)
    row = row_of(run.setup.models, candidates[0].model) if candidates else None
    if row is None or candidates[0].refused:
        why = ", ".join(f"{one.model}: {one.refused}" for one in candidates) or "no rule matches"
        return failed(run, "providers_exhausted", f"no model can be called ({why})", seen), [], b""
    cap = min(row.output_tokens, OUTPUT_TOKENS << 2 * run.truncated)
    payload = encoders[row.provider].encode(run, row, cap)
    body, frame, items = payload.body(), e.part(payload.frame), e.chain(payload.items)
    said = e.Called(
        call=f"{run.seq + 1}.0",
        provider=row.provider,
        model=row.model,
        payload_sha256=hashlib.sha256(body).hexdigest(),
        encoder=encoders[row.provider].version,
        prompts=PROMPTS,
        route=tuple(candidates),
        seen=seen,
        worst_case_micros=row.worst_case_micros(len(body), cap),
        parts={"frame": frame.name, "items": items[-1].name},
    )
    return said, [frame, *items], body
