"""What the API takes: in a body, in a query, or in a header."""

import uuid
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from sidecar.core import documents as d
from sidecar.core.events import Failure
from sidecar.core.messages import Content, Value

Customer = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
WaitSeconds = Annotated[int, Field(ge=0, le=60)]


class Order(Value):
    """What is left out is as the agent has it; the customer, as the key has it."""

    customer: Customer | None = None
    model: d.ModelRef | None = None
    task: d.Plain | None = None
    output_schema: d.JsonSchema | None = None
    timeout_s: d.Seconds | None = None
    wait_s: WaitSeconds = 25
    callback_url: d.Url | None = None
    metadata: dict[str, str] = Field(default={}, max_length=32)


class TurnRequest(Order):
    agent: Annotated[
        Annotated[d.ToolRef, Tag("name")] | Annotated[d.Agent, Tag("inline")],
        Discriminator(lambda given: "name" if isinstance(given, str) else "inline"),
    ]
    message: Content
    conversation: d.Plain = ""
    tools: tuple[d.ToolRef, ...] | None = None


class Heard(Value):
    """The headers that a new run heeds."""

    key: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")] | None = Field(alias="Idempotency-Key")


class Said(Value):
    role: Literal["user", "assistant"]
    parts: Content


class GenerateRequest(Order):
    """`messages` end with the user's, and `input` is one such message. The caller runs `tools`."""

    instructions: str = Field(default="", max_length=200_000)
    input: Content | None = None
    messages: tuple[Said, ...] = Field(default=(), max_length=1_000)
    tools: tuple[d.CallerTool, ...] = Field(default=(), max_length=64)


class Look(Value):
    wait_s: WaitSeconds = 0
    parts: Literal["", "all"] = ""


class Selection(Value):
    customer: d.Plain = "*"
    agent: d.Plain = ""
    status: d.Rest | Literal["", "running"] = ""
    cursor: uuid.UUID = uuid.UUID(int=(1 << 128) - 1)
    limit: int = Field(20, ge=1, le=100)


class Told(Value):
    wait_s: WaitSeconds = 5
    callback_url: d.Url | None = None


class CallResult(Value):
    """Any JSON as its result, or what went wrong."""

    call: str
    result: Any = None
    error: Failure | None = None


class Results(Told):
    results: tuple[CallResult, ...] = Field(min_length=1, max_length=100)


class Which(Value):
    """0 is the newest, or for DELETE all of them."""

    version: int = Field(default=0, ge=0, le=999_999_999)
