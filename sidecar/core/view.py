"""A run as its users see it: this is the API's JSON."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer

from sidecar.core.events import AskedCall, Candidate, Failure
from sidecar.core.messages import Text, Usage, Value, rfc3339

REMEDIES = {
    "output_invalid": "Read the three answers in the run's events; simplify the output schema.",
    "providers_exhausted": "Look at /health and at the run's model_failed events; then run again.",
    "provider_rejected": "The provider refused the request itself: its message says why.",
    "context_exceeded": "Start a new conversation, or use a model with a larger context.",
    "refused": "The model declined: change the instructions or the message.",
    "truncated": "Ask for a shorter answer, or use a model with a larger output cap.",
    "turn_limit": "Raise limits.model_calls of the agent, or give it fewer tools.",
    "deadline": "Raise timeout_s, or answer what waits sooner; the events show what took long.",
}


def usd(micros: int) -> str:
    return f"{micros // 1_000_000}.{micros % 1_000_000:06}"


HIDDEN = Field(exclude=True)
Dollars = Annotated[int, PlainSerializer(usd)]
Instant = Annotated[int, PlainSerializer(rfc3339)]


class ShownMessage(Value):
    role: Literal["assistant"] = "assistant"
    parts: tuple[Text, ...]


class ShownCall(Value):
    asked: Annotated[AskedCall, HIDDEN]
    call: str
    tool: str
    arguments: Any
    status: Literal["pending", "done", "failed", "unknown"]
    result: Any
    error: Failure | None


class Waiting(Value):
    """`tools`: for results from whoever asked; `decision`: for a person's word on the calls."""

    reason: Literal["tools", "decision"] = Field(serialization_alias="for")
    calls: tuple[str, ...]
    until_ms: Instant = Field(serialization_alias="until")


class RunError(Failure):
    remedy: str
    seq: int


class RunView(Value, json_schema_serialization_defaults_required=True):
    """`output` is JSON that fits the output schema, or the text where there is none."""

    id: str = Field(serialization_alias="run")
    status: Literal["running", "waiting", "completed", "failed", "cancelled"] = "running"
    agent: str
    conversation: str
    turn: int
    answers: tuple[ShownMessage, ...] = Field(default=(), serialization_alias="messages")
    output: Any = None
    tool_calls: tuple[ShownCall, ...] = ()
    waiting: Waiting | None = None
    error: RunError | None = None
    model: str | None = None
    provider: str | None = None
    repairs: int = 0
    failovers: int = 0
    usage: Usage = Usage()
    cost_micros: Dollars = Field(default=0, serialization_alias="cost_usd")
    reserved_micros: Dollars = Field(default=0, serialization_alias="reserved_usd")
    route: tuple[Candidate, ...] = ()
    simulated: bool = False
    metadata: dict[str, str]
    started_ms: Instant = Field(serialization_alias="started_at")
    ended_ms: Instant | None = Field(default=None, serialization_alias="ended_at")


class RunList(Value):
    runs: tuple[RunView, ...]
    cursor: str | None


class Difference(Value):
    """`path` is a JSON pointer into the event's body or, for class payload, into the payload."""

    seq: int
    path: str
    what: Literal["hash", "part", "decision", "payload"] = Field(serialization_alias="class")
    recorded: str
    derived: str


class Verdict(Value):
    verdict: Literal["identical", "changed", "diverged", "damaged"]
    events: int
    first: Difference | None
    encoders: dict[Literal["recorded", "today"], list[str]]
