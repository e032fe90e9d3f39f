"""State is the list of events: `fold` reads them, one by one, into a Run."""

from typing import Annotated, Any

import orjson

from sidecar.core import events as e
from sidecar.core.documents import Setup
from sidecar.core.messages import Message, Text, Usage
from sidecar.core.view import HIDDEN, REMEDIES, RunError, RunView, ShownCall, ShownMessage, Waiting

PROMPTS = "prompts/1"  # the version of every text of ours that a model reads
REPAIRS = 2
EXPIRES_MS = 7 * 86_400_000  # of waiting
SHOWN_BYTES = 65_536  # of a tool's result, to the model; the log keeps it whole
TAKEN = {
    "agent",
    "conversation",
    "turn",
    "metadata",
    "model",
    "provider",
    "route",
    "seen",
    "status",
}


class Run(RunView):
    """What its users see and, hidden, what else `decide` goes by.

    `last` is the newest event that is no tool result; `failures` are (model, error class).
    """

    started: Annotated[e.Started, HIDDEN]
    setup: Annotated[Setup, HIDDEN]
    messages: Annotated[tuple[Message, ...], HIDDEN]
    inherited: Annotated[int, HIDDEN]
    last: Annotated[e.Said, HIDDEN]
    seq: Annotated[int, HIDDEN] = 0
    hash: Annotated[str, HIDDEN] = ""
    at_ms: Annotated[int, HIDDEN] = 0
    waited_ms: Annotated[int, HIDDEN] = 0
    models: Annotated[tuple[str, ...], HIDDEN] = ()
    seen: Annotated[e.Seen | None, HIDDEN] = None
    failures: Annotated[tuple[tuple[str, str], ...], HIDDEN] = ()
    invalid: Annotated[int, HIDDEN] = 0
    truncated: Annotated[int, HIDDEN] = 0

    @property
    def deadline_ms(self) -> int:
        """The time limit counts while the run runs; whoever it waits for has longer."""
        return self.waiting.until_ms if self.waiting else self.started.deadline_ms + self.waited_ms

    def calls(self, *statuses: str) -> tuple[ShownCall, ...]:
        return tuple(call for call in self.tool_calls if call.status in statuses)

    def after(self, **news: Any) -> "Run":
        return self.model_copy(update=news)


def fold(run: Run | None, event: e.Event, parts: e.Parts) -> Run:
    """KeyError names a part that is missing; ValidationError, an event that is none."""
    said = event.said()
    run = run or begun(event, said, parts)
    news: dict[str, Any] = {name: value for name, value in said if name in TAKEN}
    news |= {"seq": event.seq, "hash": event.hash, "at_ms": event.at_ms}
    news["last"] = run.last if isinstance(said, e.ToolReturned) else said
    news["reserved_micros"] = said.worst_case_micros if isinstance(said, e.Called) else 0
    news["waited_ms"] = run.waited_ms + (event.at_ms - run.at_ms if run.waiting else 0)
    if isinstance(said, e.Answered):
        news["cost_micros"] = run.cost_micros + said.cost_micros
    run = run.after(**news)
    match said:
        case e.Called():
            models = (*run.models, f"{said.provider}/{said.model}")
            return run.after(models=models, simulated=said.provider in said.seen.simulated)
        case e.Replied():
            return heard(run, said)
        case e.ModelFailed():
            return run.after(failures=(*run.failures, (run.models[-1], said.error)))
        case e.ToolsAsked():
            return resting(run, (*run.tool_calls, *map(pending, said.calls)))
        case e.ToolReturned():
            return returned(run, said, parts)
        case e.Ended():
            return over(run, said)
        case _:
            return run


def begun(event: e.Event, said: e.Said, parts: e.Parts) -> Run:
    assert isinstance(said, e.Started)
    setup = Setup.model_validate_json(parts[said.parts["setup"]].body)
    past = e.unchain(parts, said.parts["history"])
    messages = (*map(Message.model_validate_json, past), Message(role="user", parts=said.message))
    told: Any = said.model_dump(include=TAKEN) | {"id": event.run, "started_ms": event.at_ms}
    told |= {"started": said, "setup": setup, "messages": messages, "last": said}
    return Run(**told, inherited=len(past))


def heard(run: Run, said: e.Replied) -> Run:
    """A truncated answer is never shown back to the model; a flawed one is, with its flaws."""
    reply, told, answers = said.reply, run.messages, run.answers
    texts = (Text(text=reply.text),) if reply.text else ()
    if reply.outcome != "truncated":
        told += (Message(role="assistant", parts=texts, calls=reply.calls, opaque=reply.opaque),)
        answers += (ShownMessage(parts=texts),) if texts else ()
    if said.flaws:
        told += (Message(role="user", parts=(Text(text=repair_text(said.flaws)),)),)
    return run.after(
        messages=told,
        answers=answers,
        failures=(),
        failovers=run.failovers + any(model != run.models[-1] for model, _ in run.failures),
        invalid=run.invalid + bool(said.flaws),
        repairs=min(run.invalid + bool(said.flaws), REPAIRS),
        truncated=run.truncated + (reply.outcome == "truncated"),
        usage=run.usage + (reply.usage or Usage()),
    )


def pending(asked: e.AskedCall) -> ShownCall:
    told: Any = {"asked": asked, "call": asked.id, "tool": asked.tool, "status": "pending"}
    return ShownCall(**told, arguments=parsed(asked.arguments), result=None, error=None)


def parsed(text: str) -> Any:
    """JSON where it is JSON; the model's own text where it is not."""
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def returned(run: Run, said: e.ToolReturned, parts: e.Parts) -> Run:
    """The model sees the results of one reply together, in the order in which it asked."""
    result = orjson.loads(parts[said.parts["result"]].body) if said.parts else None
    word = "unknown" if said.error and said.error.code == "unknown" else "failed"
    told = {"status": word if said.error else "done", "result": result, "error": said.error}
    calls = [c.model_copy(update=told) if c.call == said.call else c for c in run.tool_calls]
    run = resting(run, tuple(calls))
    if not isinstance(run.last, e.ToolsAsked) or run.calls("pending", "unknown"):
        return run
    batch = calls[-len(run.last.calls) :]
    return run.after(messages=(*run.messages, *map(message, batch)))


def resting(run: Run, calls: tuple[ShownCall, ...]) -> Run:
    """Where no worker has a call, the run waits: for results first, then for a person's word."""
    run = run.after(tool_calls=calls, waiting=None, status="running")
    asked, doubts = run.calls("pending"), run.calls("unknown")
    if any(call.asked.kind != "caller" for call in asked) or not asked + doubts:
        return run
    told: Any = {"reason": "tools" if asked else "decision", "until_ms": run.at_ms + EXPIRES_MS}
    waiting = Waiting(**told, calls=tuple(call.call for call in asked or doubts))
    return run.after(waiting=waiting, status="waiting")


def message(call: ShownCall) -> Message:
    """A tool's result is data: labelled with its source, clipped for the model."""
    result = orjson.dumps(call.result)
    body: dict[str, object] = {"from_tool": call.asked.contract or call.tool}
    if call.error:
        body["error"] = call.error.model_dump()
    elif len(result) > SHOWN_BYTES:
        body["data_clipped"] = result[:SHOWN_BYTES].decode(errors="ignore")
    else:
        body["data"] = call.result
    text = Text(text=orjson.dumps(body).decode())
    return Message(role="tool", parts=(text,), call=call.asked.provider_id)


def repair_text(flaws: tuple[e.Flaw, ...]) -> str:
    lines = "\n".join(f"- at {f.path or '/'}: {f.rule} {f.expected}" for f in flaws)
    return f"Your answer does not fit the required output:\n{lines}\nAnswer again, corrected."


def over(run: Run, said: e.Ended) -> Run:
    error, output = said.error, said.output
    if error:
        error = RunError(**dict(error), remedy=REMEDIES.get(error.code, ""), seq=run.seq)
    if output and run.setup.agent.output_schema is not None:
        output = orjson.loads(output)
    return run.after(waiting=None, error=error, output=output, ended_ms=run.at_ms)
