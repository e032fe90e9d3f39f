"""Turns: a run begins, and is waited for."""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from sidecar.api.door import Ask, validated
from sidecar.api.runs import Customer, WaitSeconds, customer_of, shown
from sidecar.core.documents import (
    Agent,
    CallerTool,
    Contract,
    JsonSchema,
    ModelRef,
    Plain,
    Seconds,
    Setup,
    ToolRef,
    Url,
)
from sidecar.core.events import Started, chain, part
from sidecar.core.messages import Content, Message, Value, canonical
from sidecar.core.view import RunView
from sidecar.errors import Problem, StoreDown, Taken
from sidecar.stores import documents
from sidecar.stores.runlog import Journal, parts, uuid7
from sidecar.telemetry import now_ms


class Order(Value):
    """What is left out is as the agent has it; the customer, as the key has it."""

    customer: Customer | None = None
    model: ModelRef | None = None
    task: Plain | None = None
    output_schema: JsonSchema | None = None
    timeout_s: Seconds | None = None
    wait_s: WaitSeconds = 25
    callback_url: Url | None = None
    metadata: dict[str, str] = Field(default={}, max_length=32)


class TurnRequest(Order):
    agent: Annotated[
        Annotated[ToolRef, Tag("name")] | Annotated[Agent, Tag("inline")],
        Discriminator(lambda given: "name" if isinstance(given, str) else "inline"),
    ]
    message: Content
    conversation: Plain = ""
    tools: tuple[ToolRef, ...] | None = None


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
    tools: tuple[CallerTool, ...] = Field(default=(), max_length=64)


async def post_turn(ask: Ask) -> tuple[int, RunView]:
    return await begun(ask, ask.body)


async def post_generate(ask: Ask) -> tuple[int, RunView]:
    """A turn of an agent that is made up for it, in no conversation."""
    body = ask.body
    asked = (Said(role="user", parts=body.input),) if body.input else ()
    said = [Message(**dict(one)) for one in (*body.messages, *asked)]
    if not said or said[-1].role != "user":
        remedy = "Send input, or messages that end with the user's."
        raise Problem(422, "validation", "nothing is asked", field="input", remedy=remedy)
    order = {name: getattr(body, name) for name in Order.model_fields}
    agent = Agent(instructions=body.instructions)
    turn = TurnRequest.model_construct(**order, agent=agent, message=said[-1].parts)
    return await begun(ask, turn, body.tools, said[:-1])


async def begun(
    ask: Ask, turn: TurnRequest, own: Sequence[Contract] = (), past: Sequence[Message] = ()
) -> tuple[int, RunView]:
    """`own` contracts are the caller's; `past` is what was said before, by the caller's word."""
    heard = validated(Heard, {"Idempotency-Key": ask.headers.get("Idempotency-Key")})
    seal = hashlib.sha256(canonical(ask.body.model_dump(exclude={"wait_s"}, mode="json")))
    row: dict[str, Any] = {"conversation": turn.conversation, "body_sha256": seal.hexdigest()}
    row["customer"] = customer_of(ask, turn.customer or "*").replace("*", "default")
    row |= {"key": heard.key, "callback_url": turn.callback_url or ""}
    if earlier := await same_turn(ask, row):
        return await shown(ask, earlier, turn.wait_s)
    setup = await documents.setup(ask.app.loop.db, turn, tuple(own))
    journal = await started(ask, turn, row, setup, past)
    try:
        if not turn.wait_s:
            await journal.flush()
        driving = ask.app.loop.begin(journal)
        with suppress(TimeoutError):
            await asyncio.wait_for(journal.rested.wait(), turn.wait_s)
        if driving.done():
            driving.result()
    except Taken:
        return await begun(ask, turn, own, past)
    if not journal.flushed:
        raise StoreDown("the run log is slow")
    return 202 if journal.run.status == "running" else 200, journal.run


async def started(
    ask: Ask, turn: TurnRequest, row: dict[str, Any], setup: Setup, past: Sequence[Message]
) -> Journal:
    """A journal that holds the new run's first event, not yet written."""
    db, run = ask.app.loop.db, uuid7()
    row["conversation"] = row["conversation"] or run
    before = await db("conversation", **row)
    turns, history = before[0] if before else (0, "")
    row |= {"turn": turns + 1, "agent": setup.agent.ref}
    journal, kept = Journal(db, ask.app.loop.owner), part(setup.json_bytes())
    journal.stored = await parts(db, row["customer"], [history]) if history else {}
    links = chain([message.json_bytes() for message in past], history)
    owned = {"run": run, "setup": kept.name, "owner": journal.owner}
    journal.opening = [("start", row | owned)]
    said = Started(
        customer=row["customer"],
        conversation=row["conversation"],
        turn=row["turn"],
        agent=row["agent"],
        message=turn.message,
        metadata=turn.metadata,
        traceparent=ask.headers.get("traceparent", ""),
        deadline_ms=now_ms() + setup.agent.limits.timeout_s * 1_000,
        parts={"setup": kept.name, "history": links[-1].name if links else history},
    )
    journal.write(said, [kept, *links], run=run)
    return journal


async def same_turn(ask: Ask, row: dict[str, Any]) -> str | None:
    """The run that this very request began. Problem where it cannot begin another."""
    for run, body_sha256, is_same_key in await ask.app.loop.db("rivals", **row):
        if is_same_key and body_sha256 == row["body_sha256"]:
            return run
        if is_same_key:
            detail, remedy = f"{row['key']} came with another body, for {run}", "Use a new key."
            field = "Idempotency-Key"
            raise Problem(422, "idempotency_mismatch", detail, field=field, remedy=remedy)
        detail, remedy = f"run {run} is its turn now", "Wait until that run rests, or cancel it."
        raise Problem(409, "conversation_busy", detail, field="conversation", remedy=remedy)
    return None
