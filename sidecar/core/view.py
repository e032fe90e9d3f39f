"""A run as its users see it."""

from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from pydantic import Field

from sidecar.core.events import Candidate, Failure
from sidecar.core.messages import Text, Usage, Value
from sidecar.core.run import Run, Step
from sidecar.core.turn import REPAIRS, Wait, decide

REMEDIES = {
    "output_invalid": "Read the three answers in the run's events; simplify the output schema.",
    "providers_exhausted": "Look at /health and at the run's model_failed events; then run again.",
    "provider_rejected": "The provider refused the request itself: its message says why.",
    "context_exceeded": "Start a new conversation, or use a model with a larger context.",
    "refused": "The model declined: change the instructions or the message.",
    "truncated": "Ask for a shorter answer, or use a model with a larger output cap.",
    "turn_limit": "Raise limits.model_calls of the agent, or give it fewer tools.",
    "deadline": "Raise timeout_s; the events show what took long.",
}
Status = Literal["running", "waiting", "completed", "failed", "cancelled"]


class ShownMessage(Value):
    role: Literal["assistant"] = "assistant"
    parts: tuple[Text, ...]


class ShownCall(Value):
    call: str
    tool: str
    arguments: Any
    status: Literal["pending", "done", "failed", "unknown"]
    result: Any
    error: Failure | None


class Waiting(Value):
    """A person has to say what became of the calls."""

    reason: Literal["decision"] = Field(default="decision", serialization_alias="for")
    calls: tuple[str, ...]


class RunError(Failure):
    remedy: str
    seq: int


class RunView(Value):
    """`output` is JSON that fits the output schema, or the text where there is none."""

    run: str
    status: Status
    agent: str
    conversation: str
    turn: int
    messages: tuple[ShownMessage, ...]
    output: Any
    tool_calls: tuple[ShownCall, ...]
    waiting: Waiting | None
    error: RunError | None
    model: str | None = None
    provider: str | None = None
    repairs: int
    failovers: int
    usage: Usage
    cost_usd: str
    reserved_usd: str
    route: tuple[Candidate, ...] = ()
    simulated: bool = False
    metadata: dict[str, str]
    started_at: str
    ended_at: str | None


def usd(micros: int) -> str:
    return f"{micros // 1_000_000}.{micros % 1_000_000:06}"


def rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def status(run: Run) -> Status:
    if run.ended:
        return run.ended.status
    return "waiting" if decide(run) == Wait("decision") else "running"


def parsed(text: str) -> Any:
    """JSON where it is JSON; the model's own text where it is not."""
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def shown_call(step: Step) -> ShownCall:
    error = step.returned.error if step.returned else None
    word = "unknown" if step.in_doubt else "failed" if error else "done"
    return ShownCall(
        call=step.asked.id,
        tool=step.asked.tool,
        arguments=parsed(step.asked.arguments),
        status=word if step.returned else "pending",
        result=orjson.loads(step.result) if step.result else None,
        error=error,
    )


def shown_error(run: Run) -> RunError | None:
    error = run.ended.error if run.ended else None
    remedy = REMEDIES.get(error.code, "") if error else ""
    return RunError(**dict(error), remedy=remedy, seq=run.seq) if error else None


def view(run: Run) -> RunView:
    called, text = run.called, run.ended.output if run.ended else None
    own = [m for m in run.messages[run.inherited :] if m.role == "assistant" and m.parts]
    structured = text is not None and run.setup.agent.output_schema is not None
    doubts = tuple(step.asked.id for step in run.open_steps if step.in_doubt)
    unsettled = called.worst_case_micros if called and run.last is called else 0
    told = called.model_dump(include={"model", "provider", "route"}) if called else {}
    told["simulated"] = called is not None and called.provider in called.seen.simulated
    return RunView(
        **told,
        **run.started.model_dump(include={"agent", "conversation", "turn", "metadata"}),
        run=run.id,
        status=status(run),
        messages=tuple(ShownMessage(parts=message.parts) for message in own),
        output=orjson.loads(text) if text and structured else text,
        tool_calls=tuple(map(shown_call, run.steps)),
        waiting=Waiting(calls=doubts) if status(run) == "waiting" else None,
        error=shown_error(run),
        repairs=min(run.invalid, REPAIRS),
        failovers=run.failovers,
        usage=run.usage,
        cost_usd=usd(run.cost_micros),
        reserved_usd=usd(unsettled),
        started_at=rfc3339(run.started_at_ms),
        ended_at=rfc3339(run.at_ms) if run.ended else None,
    )
