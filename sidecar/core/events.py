"""The run log: what an event says, the hash that chains it to the one before, and its parts.

Inputs come from the world; decisions come from `core.turn.decide`. The body's canonical bytes
are made once, when the event is written: hash and store use those bytes, never a second dump.

A part is content-addressed bytes, named by the sha256 of its predecessor's name and its own
bytes. A conversation and a payload are the name of their last link: each message is stored once
however often it is sent, and one name proves every byte before it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, TypeAdapter

from sidecar.core.messages import Content, Reply, Usage, Value, canonical

# A failed model call is worth trying again, unless its error is one of these.
ELSEWHERE = ("auth", "quota", "unknown_model")
HOPELESS = {"rejected": "provider_rejected", "context": "context_exceeded", "policy": "refused"}
UNSETTLED = ("timeout", "transport", "garbled", "lost")  # may have been billed: at the worst case


class Failure(Value):
    code: str
    message: str


class Started(Value):
    """`parts`: setup (core.documents.Setup), history (last link of the turns before, or empty)."""

    kind: Literal["started"] = "started"
    customer: str
    conversation: str
    turn: int
    agent: str
    message: Content
    metadata: dict[str, str]
    traceparent: str
    deadline_ms: int
    parts: dict[str, str]


class Seen(Value):
    """What the edge looked up for `route`; recorded, so that routing can be derived again.

    `troubles`: how often a provider has failed lately, for any run.
    """

    at_ms: int = 0
    providers: tuple[str, ...] = ()
    simulated: tuple[str, ...] = ()
    troubles: dict[str, int] = Field(default={})


class Candidate(Value):
    """`refused` is empty for a model that may be called."""

    model: str
    refused: str
    failures: int
    in_trouble: bool = False


class Called(Value):
    """`parts`: frame (the payload without its items) and items (their last link)."""

    kind: Literal["called"] = "called"
    call: str
    provider: str
    model: str
    payload_sha256: str
    encoder: str
    prompts: str
    route: tuple[Candidate, ...]
    seen: Seen
    worst_case_micros: int
    parts: dict[str, str]


class Flaw(Value):
    """One way in which an answer breaks its schema, in words that are ours."""

    path: str
    rule: str
    expected: str


class Answered(Value):
    """`parts`: raw, the provider's bytes."""

    call: str
    cost_micros: int
    latency_ms: int
    parts: dict[str, str]


class Replied(Answered):
    """`answer`: the JSON text that fits the output schema."""

    kind: Literal["replied"] = "replied"
    reply: Reply
    answer: str | None = None
    flaws: tuple[Flaw, ...] = ()


class ModelFailed(Answered):
    """`error`: rate_limited, overloaded, server, of ELSEWHERE, of HOPELESS or UNSETTLED."""

    kind: Literal["model_failed"] = "model_failed"
    error: str
    detail: str
    retry_after_ms: int


class AskedCall(Value):
    """`id` is `<seq>.<n>` of this event; `contract` is empty for a tool nobody offered.

    `kind` says who runs it, as its contract does; a worker runs all but `caller`.
    """

    id: str
    provider_id: str
    tool: str
    contract: str = ""
    binding: str = ""
    side_effects: str = "none"
    kind: str = "http"
    arguments: str
    idempotency_key: str


class ToolsAsked(Value):
    kind: Literal["tools_asked"] = "tools_asked"
    calls: tuple[AskedCall, ...]

    def for_workers(self) -> list[AskedCall]:
        return [call for call in self.calls if call.kind != "caller"]


class ToolReturned(Value):
    """`error.code` "unknown": in doubt, a person decides. `parts`: result, JSON."""

    kind: Literal["tool_returned"] = "tool_returned"
    call: str
    error: Failure | None = None
    attempts: int
    latency_ms: int = 0
    worker: str = ""
    parts: dict[str, str] = Field(default={})


class Stopped(Value):
    kind: Literal["cancelled", "expired"]
    by: str = "deadline"


class Ended(Value):
    """`seen`: what left no candidate. `parts`: conversation, the last link, when completed."""

    kind: Literal["ended"] = "ended"
    status: Literal["completed", "failed", "cancelled"]
    error: Failure | None = None
    output: str | None = None
    cost_micros: int
    usage: Usage
    seen: Seen | None = None
    parts: dict[str, str] = Field(default={})


Input = Started | Replied | ModelFailed | ToolReturned | Stopped
Decided = Called | ToolsAsked | Ended
Said = Input | Decided
READ = TypeAdapter[Said](Annotated[Said, Field(discriminator="kind")])


@dataclass(frozen=True, slots=True)
class Event:
    run: str
    seq: int
    at_ms: int
    kind: str
    body: bytes
    hash: str

    def said(self) -> Said:
        """ValidationError if the bytes are not what an event of this kind says."""
        return READ.validate_python({"kind": self.kind, **orjson.loads(self.body)})

    def parts(self) -> dict[str, str]:
        """The names of its parts; none for bytes that are no JSON."""
        with suppress(ValueError):
            return orjson.loads(self.body).get("parts", {})
        return {}

    def sealed(self, before: str) -> "Event":
        """With the hash that it has after the event whose hash is `before`, empty for none."""
        previous = bytes.fromhex(before) if before else hashlib.sha256(self.run.encode()).digest()
        row: Any = {"run": self.run, "seq": self.seq, "at": self.at_ms, "kind": self.kind}
        row["body"] = orjson.Fragment(self.body)
        return replace(self, hash=hashlib.sha256(previous + canonical(row)).hexdigest())


def written(before: str, run: str, seq: int, at_ms: int, said: Said) -> Event:
    body = canonical(said.model_dump(mode="json", exclude={"kind"}))
    return Event(run, seq, at_ms, said.kind, body, "").sealed(before)


@dataclass(frozen=True, slots=True)
class Part:
    """`name` and `previous` are lower-case hex; `previous` is empty for a first part."""

    name: str
    previous: str
    body: bytes


Parts = Mapping[str, Part]


def part(body: bytes, previous: str = "") -> Part:
    return Part(hashlib.sha256(bytes.fromhex(previous) + body).hexdigest(), previous, body)


def chain(bodies: Iterable[bytes], previous: str = "") -> list[Part]:
    links: list[Part] = []
    for body in bodies:
        links.append(part(body, links[-1].name if links else previous))
    return links


def unchain(parts: Parts, last: str) -> list[bytes]:
    """The bodies from first to last. KeyError names the missing link."""
    bodies: list[bytes] = []
    while last:
        bodies.append(parts[last].body)
        last = parts[last].previous
    return bodies[::-1]
