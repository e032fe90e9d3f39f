"""A run told by its events alone: no store, no network, no clock."""

from collections.abc import Iterable
from typing import Any

import orjson

from sidecar.core import events as e
from sidecar.core.bundle import Bundle
from sidecar.core.documents import Agent, Contract, HttpConfig, Limits, Setup
from sidecar.core.events import Part, part
from sidecar.core.run import Run, fold
from sidecar.core.turn import CallModel, Wait, called, conversation, decide
from sidecar.errors import ModelFault
from sidecar.extras.providers.wire import decode, encoders
from sidecar.loop import failed, replied
from sidecar.stores.documents import built_in

ENCODERS = encoders()
RUN = "01990000-0000-7000-8000-000000000001"
LUNA, SOL = "openai/gpt-6-luna", "openai/gpt-6.1-sol"
SEEN = e.Seen(at_ms=7, providers=("openai",), simulated=())
TITLED = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
    "additionalProperties": False,
}
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 30},
    "output_tokens": 40,
    "output_tokens_details": {"reasoning_tokens": 15},
    "total_tokens": 140,
}


def contract(name: str, **changes: Any) -> Contract:
    """Whoever asked for the turn runs what is named `caller…`."""
    document = {"description": f"Does {name}", "input_schema": {"type": "object"}, "version": 1}
    config = HttpConfig(url="http://tools.example/")
    run_by = {"kind": "caller"} if name.startswith("caller") else {"config": config}
    return Contract(**{"name": name, **run_by, **document, **changes})


def setup(*tools: str, **agent: Any) -> Setup:
    """An agent with these tools; `calls` is its limit of model calls."""
    policy, models = built_in("policy")["policy"], tuple(built_in("models").values())
    limits = Limits(model_calls=agent.pop("calls", 10))
    refs = tuple(f"{tool}@1" for tool in tools)
    document = {"instructions": "Be brief.", "name": "desk", "version": 1, "tools": refs}
    made = Agent(**{**document, "limits": limits, **agent})
    contracts = tuple(map(contract, tools))
    return Setup(agent=made, contracts=contracts, policy=policy, models=models)


def text_item(text: str, **changes: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    return {**message, "content": content, **changes}


def call_item(number: int, tool: str, arguments: str = "{}") -> dict[str, Any]:
    named = {"id": f"fc_{number}", "call_id": f"call_{number}", "name": tool}
    return {"type": "function_call", "status": "completed", "arguments": arguments, **named}


def response(*items: dict[str, Any], **changes: Any) -> bytes:
    """What OpenAI answers, with these output items."""
    head = {"id": "resp_1", "object": "response", "created_at": 1_780_000_000, "error": None}
    head |= {"status": "completed", "model": "gpt-6-luna", "incomplete_details": None}
    head |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    return orjson.dumps({**head, "output": items, "usage": USAGE, **changes})


def cut(text: str) -> bytes:
    """An answer that ran into its output cap."""
    why = {"reason": "max_output_tokens"}
    return response(text_item(text), status="incomplete", incomplete_details=why)


class Story:
    """A run as a loop would write it: what is decided, and what the world answered."""

    def __init__(self, given: Setup | None = None, **started: Any) -> None:
        kept = part((given or setup()).json_bytes())
        first = {"customer": "acme", "conversation": "talk", "turn": 1, "agent": "desk@1"}
        first |= {"message": "Hello", "metadata": {}, "traceparent": "", "deadline_ms": 99_000}
        first |= {"parts": {"setup": kept.name, "history": started.pop("history", "")}}
        self.events: list[e.Event] = []
        self.parts: dict[str, Part] = started.pop("stored", {})
        self.run: Run = self._write(None, e.Started(**{**first, **started}), [kept])

    def _write(
        self, run: Run | None, said: Any, parts: Iterable[Part], at_ms: int | None = None
    ) -> Run:
        """An event a second, or later."""
        before, seq, at = (run.hash, run.seq + 1, run.at_ms + 1_000) if run else ("", 1, 1_000)
        self.events.append(e.written(before, RUN, seq, at_ms or at, said))
        self.parts |= {one.name: one for one in parts}
        return fold(run, self.events[-1], self.parts)

    def write(self, said: Any, parts: Iterable[Part] = (), at_ms: int | None = None) -> "Story":
        self.run = self._write(self.run, said, parts, at_ms)
        return self

    def goes_on(self, seen: e.Seen = SEEN) -> Any:
        """Writes what `decide` says, and gives what was written; a Wait is not."""
        match decide(self.run):
            case CallModel():
                said, parts, _ = called(self.run, seen, ENCODERS)
            case e.Ended() as said:
                parts = conversation(self.run)
            case Wait() as wait:
                return wait
            case said:
                parts = []
        self.write(said, parts)
        return said

    def calls(self, seen: e.Seen = SEEN) -> e.Called:
        said = self.goes_on(seen)
        assert isinstance(said, e.Called), said
        return said

    def hears(self, raw: bytes, seen: e.Seen = SEEN) -> "Story":
        """The model is called and answers so."""
        call = self.calls(seen).call
        reply = decode(self.run.models[-1].partition("/")[0], raw)
        return self.write(*replied(self.run, reply, raw, call=call, latency_ms=5))

    def fails(self, error: str, after_ms: int = 0, seen: e.Seen = SEEN) -> "Story":
        """The model is called and fails so."""
        fault, call = ModelFault(error, f"it is {error}", after_ms=after_ms), self.calls(seen).call
        return self.write(*failed(self.run, fault, call=call, latency_ms=5))

    def asks(self, *tools: str) -> e.ToolsAsked:
        """The model asks for these tools, and they are asked."""
        self.hears(response(*(call_item(n, tool) for n, tool in enumerate(tools))))
        said = self.goes_on()
        assert isinstance(said, e.ToolsAsked), said
        return said

    def gives(self, call: str, value: Any, at_ms: int | None = None) -> "Story":
        kept = part(orjson.dumps(value))
        said = e.ToolReturned(call=call, attempts=1, parts={"result": kept.name})
        return self.write(said, [kept], at_ms)

    def lacks(self, call: str, code: str) -> "Story":
        """The tool fails with this code."""
        error = e.Failure(code=code, message=f"it is {code}")
        return self.write(e.ToolReturned(call=call, attempts=1, error=error))

    def bundle(self) -> Bundle:
        return Bundle(tuple(self.events), dict(self.parts), self.run.hash)


def told(story: Story, role: str = "tool") -> list[str]:
    return [one.parts[0].text for one in story.run.messages if one.role == role]
