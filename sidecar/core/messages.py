"""What is said between caller, model and tools, in one shape for every provider."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Value(BaseModel):
    """A frozen value that crosses HTTP or rests in the log; an unknown field is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def json_bytes(self) -> bytes:
        """In the writer's key order: models answer in the order of a schema's properties."""
        return orjson.dumps(self.model_dump(mode="json"))


def rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def canonical(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys: what hashes cover."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


class Text(Value):
    type: Literal["text"] = "text"
    text: str


def plain_text(said: Any) -> Any:
    """A tuple, because what is strict makes none of a list."""
    if isinstance(said, str):
        return ({"text": said},)
    return tuple(said) if isinstance(said, list) else said  # pyright: ignore


Parts = Annotated[tuple[Text, ...], Field(min_length=1)]
Content = Annotated[Parts, BeforeValidator(plain_text, json_schema_input_type=str | Parts)]


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
    """`call` is the provider's id of the call that a tool message answers."""

    role: Literal["user", "assistant", "tool"]
    parts: tuple[Text, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    call: str = ""
    opaque: Opaque | None = None


class Usage(Value):
    """Disjoint token classes: their sum is what the provider counted."""

    input: int = Field(default=0, ge=0)
    cached: int = 0
    cache_write: int = 0
    output: int = Field(default=0, ge=0)
    reasoning: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(**{name: count + getattr(other, name) for name, count in self})


class Reply(Value):
    """A provider's answer, normalised; `usage` is None where the provider named none."""

    outcome: Literal["ok", "tool_calls", "truncated", "refused"]
    text: str
    calls: tuple[ToolCall, ...]
    usage: Usage | None
    model: str
    id: str
    opaque: Opaque
