"""A run as its users see it."""

from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from pydantic import ConfigDict, Field

from sidecar.core.events import Candidate, Failure
from sidecar.core.messages import Text, Usage, Value
from sidecar.core.run import Run, Step
from sidecar.core.turn import REPAIRS, Wait, decide

REMEDIES = {
    "output_invalid": "Read the run's events for the three answers; simplify the output schema.",
    "providers_exhausted": "Look at /health and the run's model_failed events; then run it again.",
    "provider_rejected": "The provider refused the request itself: read its message.",
    "context_exceeded": "Start a new conversation or choose a model with a larger context.",
    "refused": "The model declined: change the instructions or the message.",
    "truncated": "Ask for a shorter answer or choose a model with a larger output cap.",
    "turn_limit": "Raise limits.model_calls of the agent, or give it fewer tools.",
    "deadline": "Raise timeout_s, or look in the events for what was slow.",
}


class ShownMessage(Value):
    role: Literal["assistant"] = "assistant"
    parts: tuple[Text, ...]


class ShownCall(Value):
    call: str
    tool: str
    arguments: Any
    status: Literal["pending", "done", "failed", "unknown"]
    result: Any = None
    error: Failure | None = None


class Waiting(Value):
    """For a person's word on calls that may or may not have taken effect."""

    reason: Literal["decision"] = Field(alias="for", default="decision")
    calls: tuple[str, ...]


class RunError(Failure):
    remedy: str
    seq: int


class RunView(Value):
    """`output` is JSON that fits the output schema, or the text when there is none."""

    model_config = ConfigDict(serialize_by_alias=True)
    run: str
    status: Literal["running", "waiting", "completed", "failed", "cancelled"]
    agent: str
    conversation: str
    turn: int
    messages: tuple[ShownMessage, ...]
    output: Any
    tool_calls: tuple[ShownCall, ...]
    waiting: Waiting | None
    error: RunError | None
    model: str | None
    provider: str | None
    repairs: int
    failovers: int
    usage: Usage
    cost_usd: str
    reserved_usd: str
    route: tuple[Candidate, ...]
    simulated: bool
    metadata: dict[str, str]
    started_at: str
    ended_at: str | None


def usd(micros: int) -> str:
    return f"{micros // 1_000_000}.{micros % 1_000_000:06}"


def rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def status(run: Run) -> Literal["running", "waiting", "completed", "failed", "cancelled"]:
    if run.ended:
        return run.ended.status
    return "waiting" if decide(run) == Wait("decision") else "running"


def output(run: Run) -> Any:
    if run.ended is None or run.ended.output is None:
        return None
    structured = run.setup.agent.output_schema is not None
    return orjson.loads(run.ended.output) if structured else run.ended.output


def shown_call(step: Step) -> ShownCall:
    asked, error = step.asked, step.returned.error if step.returned else None
    word = "unknown" if step.in_doubt else "failed" if error else "done"
    return ShownCall(
        call=asked.id,
        tool=asked.tool,
        arguments=asked.arguments,
        status=word if step.returned else "pending",
        result=orjson.loads(step.result) if step.result else None,
        error=error,
    )


def run_error(run: Run) -> RunError | None:
    error = run.ended.error if run.ended else None
    remedy = REMEDIES.get(error.code, "") if error else ""
    return RunError(**error.model_dump(), remedy=remedy, seq=run.seq) if error else None


def view(run: Run) -> RunView:
    said, called = run.started, run.called
    doubts = tuple(step.asked.id for step in run.open_steps if step.in_doubt)
    own = run.messages[run.inherited :]
    return RunView(
        run=run.id,
        status=status(run),
        agent=said.agent,
        conversation=said.conversation,
        turn=said.turn,
        messages=tuple(
            ShownMessage(parts=m.parts) for m in own if m.role == "assistant" and m.parts
        ),
        output=output(run),
        tool_calls=tuple(map(shown_call, run.steps)),
        waiting=Waiting(calls=doubts) if status(run) == "waiting" else None,
        error=run_error(run),
        model=called.model if called else None,
        provider=called.provider if called else None,
        repairs=min(run.invalid, REPAIRS),
        failovers=run.failovers,
        usage=run.usage,
        cost_usd=usd(run.cost_micros),
        reserved_usd=usd(called.worst_case_micros if called and run.unanswered else 0),
        route=called.route if called else (),
        simulated=bool(called and called.provider in called.seen.simulated),
        metadata=said.metadata,
        started_at=rfc3339(run.started_at_ms),
        ended_at=rfc3339(run.at_ms) if run.ended else None,
    )
