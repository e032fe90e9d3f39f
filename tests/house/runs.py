"""Runs made of events alone: no store, no network, no clock."""

from dataclasses import dataclass, field
from typing import Any

from sidecar.core.documents import Agent, Contract, HttpConfig, ModelRow, Policy, Price, Setup
from sidecar.core.events import (
    Decided,
    Ended,
    Event,
    Input,
    ModelFailed,
    Replied,
    Seen,
    Started,
    ToolReturned,
    written,
)
from sidecar.core.messages import Opaque, Reply, ToolCall, Usage
from sidecar.core.parts import Part, part
from sidecar.core.replay import Bundle
from sidecar.core.run import Run, fold
from sidecar.core.turn import CallModel, Encoder, called, conversation, decide
from sidecar.providers import openai

RUN = "01990000-0000-7000-8000-000000000001"
ENCODERS = {openai.NAME: openai.ENCODER}
SEEN = Seen(at_ms=1, providers=("openai",))
PRICE = Price(input=100_000, cached=10_000, cache_write=125_000, output=500_000)
SIZES: Any = {"context_tokens": 100_000, "output_tokens": 32_768, "source": "made up"}
SMALL = ModelRow(provider="openai", model="small", price=PRICE, **SIZES)
LARGE = ModelRow(provider="openai", model="large", price=PRICE, **SIZES)
LOOKUP = Contract(
    name="lookup",
    version=3,
    description="Looks a company up.",
    input_schema={"type": "object"},
    config=HttpConfig(url="http://tools.example/lookup"),
    side_effects="none",
)
NAMED = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}


@dataclass
class Story:
    """A run, told event by event; `made` is its log so far."""

    agent: dict[str, Any] = field(default_factory=dict)
    encoders: dict[str, Encoder] = field(default_factory=lambda: dict(ENCODERS))
    made: list[Event] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)
    run: Run = field(init=False)

    def __post_init__(self) -> None:
        agent = Agent(instructions="Answer.", models=("small", "large"), **self.agent)
        policy = Policy(rules=())
        setup = Setup(agent=agent, contracts=(LOOKUP,), policy=policy, models=(SMALL, LARGE))
        kept = self.keep(setup.json_bytes())
        told = {"customer": "default", "conversation": "c", "turn": 1, "agent": "answerer@1"}
        more = {"message": "Hello", "metadata": {}, "traceparent": "", "deadline_ms": 9_999}
        self.add(Started(**told, **more, parts={"setup": kept, "history": ""}))

    def keep(self, body: bytes) -> str:
        made = part(body)
        self.parts[made.name] = made
        return made.name

    def add(self, said: Input | Decided) -> "Story":
        before = self.made[-1].hash if self.made else ""
        event = written(before, RUN, len(self.made) + 1, 1_000 + len(self.made), said)
        self.made.append(event)
        self.run = fold(self.run if len(self.made) > 1 else None, event, self.parts)
        return self

    def decide(self) -> "Story":
        """Writes down what `decide` says, as the loop does."""
        decision = decide(self.run)
        if isinstance(decision, CallModel):
            said, parts, _ = called(self.run, SEEN, self.encoders)
            self.parts |= {one.name: one for one in parts}
            return self.add(said)
        assert not hasattr(decision, "on"), decision
        if isinstance(decision, Ended):
            self.parts |= {one.name: one for one in conversation(self.run)}
        return self.add(decision)  # type: ignore[arg-type]

    def reply(self, outcome: Any = "ok", text: str = "Hi.", **told: Any) -> "Story":
        items = Opaque(provider="openai", model="small", items="[]")
        known = {"usage": Usage(input=10, output=5), "model": "small", "id": "r", "opaque": items}
        reply = Reply(outcome=outcome, text=text, calls=told.pop("calls", ()), **known)
        raw = {"raw": self.keep(b"{}")}
        call = self.run.called.call if self.run.called else ""
        return self.add(
            Replied(call=call, reply=reply, cost_micros=4, latency_ms=1, parts=raw, **told)
        )

    def ask(self, *tools: str) -> "Story":
        calls = [ToolCall(id=f"p{n}", tool=name, arguments="{}") for n, name in enumerate(tools)]
        return self.reply("tool_calls", "", calls=tuple(calls)).decide()

    def fail(self, error: str, retry_after_ms: int = 0) -> "Story":
        call = self.run.called.call if self.run.called else ""
        told = {"retry_after_ms": retry_after_ms, "cost_micros": 0, "latency_ms": 1, "parts": {}}
        return self.add(ModelFailed(call=call, error=error, detail=f"it is {error}", **told))

    def tool(self, call: str, result: bytes = b'{"ok":true}', **told: Any) -> "Story":
        parts = {} if "error" in told else {"result": self.keep(result)}
        return self.add(ToolReturned(call=call, attempts=1, parts=parts, **told))

    def bundle(self) -> Bundle:
        return Bundle(tuple(self.made), dict(self.parts), self.made[-1].hash)
