"""State is the list of events: `fold` reads them, one by one, into a Run."""

from dataclasses import dataclass, replace

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
        return bool(self.returned and self.returned.error and self.returned.error.code == "unknown")


@dataclass(frozen=True, slots=True)
class Run:
    """`last` is the newest event that is no tool result; `failures` are (model, error class)."""

    id: str
    started_at_ms: int
    started: e.Started
    setup: Setup
    messages: tuple[Message, ...]
    inherited: int
    last: e.Input | e.Decided
    seq: int = 0
    hash: str = ""
    at_ms: int = 0
    called: e.Called | None = None
    models: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    failovers: int = 0
    steps: tuple[Step, ...] = ()
    invalid: int = 0
    truncated: int = 0
    usage: Usage = Usage()  # noqa: RUF009
    cost_micros: int = 0

    @property
    def open_steps(self) -> list[Step]:
        return [step for step in self.steps if not step.returned or step.in_doubt]

    @property
    def ended(self) -> e.Ended | None:
        return self.last if isinstance(self.last, e.Ended) else None


def fold(run: Run | None, event: e.Event, parts: Parts) -> Run:
    """KeyError names a part that is missing; ValidationError, an event that is none."""
    said = event.said()
    run = run or begun(event, said, parts)
    last = run.last if isinstance(said, e.ToolReturned) else said
    run = replace(run, seq=event.seq, hash=event.hash, at_ms=event.at_ms, last=last)
    match said:
        case e.Called():
            models = (*run.models, f"{said.provider}/{said.model}")
            return replace(run, called=said, models=models)
        case e.Replied():
            return heard(run, said)
        case e.ModelFailed():
            failures = (*run.failures, (run.models[-1], said.error))
            return replace(run, failures=failures, cost_micros=run.cost_micros + said.cost_micros)
        case e.ToolsAsked():
            return replace(run, steps=(*run.steps, *map(Step, said.calls)))
        case e.ToolReturned():
            return returned(run, said, parts)
        case _:
            return run


def begun(event: e.Event, said: e.Input | e.Decided, parts: Parts) -> Run:
    assert isinstance(said, e.Started)
    setup = Setup.model_validate_json(parts[said.parts["setup"]].body)
    past = unchain(parts, said.parts["history"])
    messages = (*map(Message.model_validate_json, past), Message(role="user", parts=said.message))
    return Run(event.run, event.at_ms, said, setup, messages, len(past), said)


def heard(run: Run, said: e.Replied) -> Run:
    """A truncated answer is never shown back to the model; a flawed one is, with its flaws."""
    reply, told = said.reply, run.messages
    if reply.outcome != "truncated":
        texts = (Text(text=reply.text),) if reply.text else ()
        told += (Message(role="assistant", parts=texts, calls=reply.calls, opaque=reply.opaque),)
    if said.flaws:
        told += (Message(role="user", parts=(Text(text=repair_text(said.flaws)),)),)
    return replace(
        run,
        messages=told,
        failures=(),
        failovers=run.failovers + any(model != run.models[-1] for model, _ in run.failures),
        invalid=run.invalid + bool(said.flaws),
        truncated=run.truncated + (reply.outcome == "truncated"),
        usage=run.usage + (reply.usage or Usage()),
        cost_micros=run.cost_micros + said.cost_micros,
    )


def returned(run: Run, said: e.ToolReturned, parts: Parts) -> Run:
    """The model sees the results of one reply together, in the order in which it asked."""
    result = parts[said.parts["result"]].body if said.parts else b""
    steps = [Step(s.asked, said, result) if s.asked.id == said.call else s for s in run.steps]
    run = replace(run, steps=tuple(steps))
    batch = run.last.calls if isinstance(run.last, e.ToolsAsked) and not run.open_steps else ()
    shown = [message(step) for step in steps if step.asked in batch]
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


def repair_text(flaws: tuple[e.Flaw, ...]) -> str:
    lines = "\n".join(f"- at {f.path or '/'}: {f.rule} {f.expected}" for f in flaws)
    return f"Your answer does not fit the required output:\n{lines}\nAnswer again, corrected."
