"""State is the list of events: `fold` reads them, one by one, into a Run."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

import orjson

from sidecar.core import events as e
from sidecar.core.documents import Setup
from sidecar.core.messages import Message, Text, Usage
from sidecar.core.parts import Parts, unchain

PROMPTS = "prompts/1"  # the version of every text of ours that a model reads
SHOWN_BYTES = 65_536  # of a tool's result, to the model; the log keeps it whole


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call and, once it is there, what it returned."""

    asked: e.AskedCall
    returned: e.ToolReturned | None = None
    result: bytes = b""

    @property
    def in_doubt(self) -> bool:
        error = self.returned.error if self.returned else None
        return error is not None and error.code == "unknown"


@dataclass(frozen=True, slots=True)
class Run:
    """`called` is the newest model call; `unanswered`, whether its answer is still out."""

    id: str
    seq: int
    hash: str
    at_ms: int
    started_at_ms: int
    started: e.Started
    setup: Setup
    messages: tuple[Message, ...]
    inherited: int
    called: e.Called | None = None
    unanswered: bool = False
    replied: e.Replied | None = None
    failures: tuple[tuple[str, e.ModelFailed], ...] = ()
    steps: tuple[Step, ...] = ()
    models: tuple[str, ...] = ()
    failovers: int = 0
    invalid: int = 0
    truncated: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_micros: int = 0
    stopped: Literal["", "cancelled", "expired"] = ""
    ended: e.Ended | None = None

    @property
    def open_steps(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if not step.returned or step.in_doubt)


def fold(run: Run | None, event: e.Event, parts: Parts) -> Run:
    """KeyError names a part that is missing; ValidationError, an event that is none."""
    said = event.said()
    if run is None:
        return begun(event, said, parts)
    run = replace(run, seq=event.seq, hash=event.hash, at_ms=event.at_ms)
    match said:
        case e.Called():
            models = (*run.models, f"{said.provider}/{said.model}")
            return replace(run, called=said, unanswered=True, models=models)
        case e.Replied():
            return heard(run, said)
        case e.ModelFailed():
            failures = (*run.failures, (run.models[-1], said))
            cost = run.cost_micros + said.cost_micros
            return replace(run, unanswered=False, failures=failures, cost_micros=cost)
        case e.ToolsAsked():
            steps = (*run.steps, *(Step(asked) for asked in said.calls))
            return replace(run, replied=None, steps=steps)
        case e.ToolReturned():
            return returned(run, said, parts)
        case e.Cancelled() | e.Expired():
            return replace(run, stopped=said.kind)
        case e.Ended():
            return replace(run, ended=said)
        case e.Started():
            raise ValueError(f"event {event.seq} starts a run that runs already")


def begun(event: e.Event, said: e.Input | e.Decided, parts: Parts) -> Run:
    if not isinstance(said, e.Started):
        raise ValueError(f"event {event.seq} is {said.kind}, not started")
    setup = Setup.model_validate_json(parts[said.parts["setup"]].body)
    past = unchain(parts, said.parts["history"])
    messages = (*map(Message.model_validate_json, past), Message(role="user", parts=said.message))
    at_ms = event.at_ms
    return Run(event.run, event.seq, event.hash, at_ms, at_ms, said, setup, messages, len(past))


def heard(run: Run, said: e.Replied) -> Run:
    """A truncated answer is never shown back to the model; a flawed one is, with its flaws."""
    reply, told = said.reply, run.messages
    if reply.outcome != "truncated":
        parts = (Text(text=reply.text),) if reply.text else ()
        message = Message(role="assistant", parts=parts, calls=reply.calls, opaque=reply.opaque)
        told = (*told, message)
    if said.flaws:
        told = (*told, Message(role="user", parts=(Text(text=repair_text(said.flaws)),)))
    return replace(
        run,
        unanswered=False,
        replied=said,
        failures=(),
        failovers=run.failovers + any(model != run.models[-1] for model, _ in run.failures),
        messages=told,
        invalid=run.invalid + bool(said.flaws),
        truncated=run.truncated + (reply.outcome == "truncated"),
        usage=run.usage + (reply.usage or Usage()),
        cost_micros=run.cost_micros + said.cost_micros,
    )


def returned(run: Run, said: e.ToolReturned, parts: Parts) -> Run:
    """The model sees the results of one reply together, in the order in which it asked."""
    result = parts[said.parts["result"]].body if "result" in said.parts else b""
    done = {said.call: lambda step: Step(step.asked, said, result)}
    steps = tuple(done.get(step.asked.id, lambda same: same)(step) for step in run.steps)
    run = replace(run, steps=steps)
    if run.open_steps:
        return run
    batch = said.call.partition(".")[0]
    shown = [message(step) for step in steps if step.asked.id.partition(".")[0] == batch]
    return replace(run, messages=(*run.messages, *shown))


def message(step: Step) -> Message:
    """A tool's result is data: labelled with its source, clipped for the model."""
    body: dict[str, object] = {"from_tool": step.asked.contract or step.asked.tool}
    if step.returned and step.returned.error:
        body["error"] = step.returned.error.model_dump()
    elif len(step.result) > SHOWN_BYTES:
        body["data_clipped"] = step.result[:SHOWN_BYTES].decode(errors="ignore")
    else:
        body["data"] = orjson.Fragment(step.result)
    text = Text(text=orjson.dumps(body).decode())
    return Message(role="tool", parts=(text,), call=step.asked.provider_id)


def repair_text(flaws: Iterable[e.Flaw]) -> str:
    lines = "\n".join(f"- at {f.path or '/'}: {f.rule} {f.expected}".rstrip() for f in flaws)
    return f"Your answer does not fit the required output:\n{lines}\nAnswer again, corrected."
