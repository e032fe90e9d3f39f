"""What is said between caller, model and tools, in one shape for every provider."""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Value(BaseModel):
    """A frozen value that crosses HTTP or rests in the log; an unknown field is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def canonical(value: object) -> bytes:
    """UTF-8 JSON with sorted keys: what an event's hash covers."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def dump(value: BaseModel) -> bytes:
    """JSON in the writer's key order: a schema's property order is what a model answers in."""
    return orjson.dumps(value.model_dump(mode="json"))


class Text(Value):
    type: Literal["text"] = "text"
    text: str


def as_parts(said: Any) -> Any:
    return [{"type": "text", "text": said}] if isinstance(said, str) else said


Content = Annotated[tuple[Text, ...], BeforeValidator(as_parts), Field(min_length=1)]


class ToolCall(Value):
    """`id` is the provider's, `arguments` the JSON text as it came."""

    id: str
    tool: str
    arguments: str


class Opaque(Value):
    """A provider's own blocks, as JSON text; they go back only to where they came from."""

    provider: str
    model: str
    items: str


class Message(Value):
    role: Literal["user", "assistant", "tool"]
    parts: tuple[Text, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    call: str = ""
    opaque: Opaque | None = None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)


class Usage(Value):
    """Disjoint token classes: their sum is what the provider counted."""

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(**{k: v + getattr(other, k) for k, v in self.model_dump().items()})


class Reply(Value):
    """A provider's answer, normalised. No `usage` means that the provider named none."""

    outcome: Literal["ok", "tool_calls", "truncated", "refused"]
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    model: str = ""
    id: str = ""
    opaque: Opaque | None = None
