"""Turns and runs: start one, look at it, wait for it, cancel it, replay it."""

import asyncio
import hashlib
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import Field

from sidecar.api.door import Ask
from sidecar.core.documents import JsonSchema, ModelRef, Seconds, ToolRef
from sidecar.core.events import Started
from sidecar.core.messages import Content, Value, canonical
from sidecar.core.parts import part
from sidecar.core.replay import Bundle, Verdict, verdict
from sidecar.core.view import RunView, view
from sidecar.errors import Problem, StoreDown, Taken
from sidecar.loop import ENCODERS
from sidecar.stores import documents
from sidecar.stores.runlog import Journal, bundle, parts, uuid7
from sidecar.telemetry import now_ms

Customer = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Plain = Annotated[str, Field(pattern=r"^[^\x00-\x1f]{0,200}$")]
WaitSeconds = Annotated[int, Field(ge=0, le=60)]


class TurnRequest(Value):
    """What is left out is as the agent has it."""

    agent: ToolRef
    message: Content
    customer: Customer = "default"
    conversation: Plain = ""
    model: ModelRef | None = None
    task: Plain | None = None
    tools: tuple[ToolRef, ...] | None = None
    output_schema: JsonSchema | None = None
    timeout_s: Seconds | None = None
    wait_s: WaitSeconds = 25
    metadata: dict[str, str] = Field(default={}, max_length=32)


class Look(Value):
    wait_s: WaitSeconds = 0
    parts: Literal["", "all"] = ""


class Selection(Value):
    customer: Plain = "*"
    agent: Plain = ""
    status: Plain = ""
    cursor: uuid.UUID = uuid.UUID(int=(1 << 128) - 1)
    limit: int = Field(20, ge=1, le=100)


class RunList(Value):
    runs: tuple[RunView, ...]
    cursor: str | None


async def started(ask: Ask, body: TurnRequest, key: str | None, seal: str) -> Journal:
    """A journal that holds the new run's first event, not yet written."""
    db, run, setup = ask.app.loop.db, uuid7(), await documents.setup(ask.app.loop.db, body)
    row: dict[str, Any] = {"customer": body.customer, "conversation": body.conversation or run}
    before = await db("conversation", **row)
    turn, history = before[0] if before else (0, "")
    row |= {"turn": turn + 1, "agent": setup.agent.ref}
    journal, kept = Journal(db, ask.app.loop.owner), part(setup.json_bytes())
    journal.stored = await parts(db, body.customer, [history]) if history else {}
    owned = {"run": run, "key": key, "body_sha256": seal, "setup": kept.name}
    journal.opening = [("start", row | owned | {"owner": journal.owner})]
    said = Started(
        **row,
        message=body.message,
        metadata=body.metadata,
        traceparent=ask.headers.get("traceparent", ""),
        deadline_ms=now_ms() + setup.agent.limits.timeout_s * 1_000,
        parts={"setup": kept.name, "history": history},
    )
    journal.write(said, [kept], run=run)
    return journal


async def post_turn(ask: Ask) -> tuple[int, RunView]:
    body, key = ask.body, ask.headers.get("Idempotency-Key")
    seal = hashlib.sha256(canonical(body.model_dump(exclude={"wait_s"}))).hexdigest()
    if earlier := await same_turn(ask, key, seal):
        return await shown(ask, earlier, body.wait_s)
    journal = await started(ask, body, key, seal)
    try:
        if not body.wait_s:
            await journal.flush()
        driving = ask.app.loop.begin(journal)
        with suppress(TimeoutError):
            await asyncio.wait_for(journal.rested.wait(), body.wait_s)
        if driving.done():
            driving.result()
    except Taken:
        return await post_turn(ask)
    if not journal.flushed:
        raise StoreDown("the run log is slow")
    found = view(journal.run)
    return 202 if found.status == "running" else 200, found


async def same_turn(ask: Ask, key: str | None, seal: str) -> str | None:
    """The run that this very request began. Problem where it cannot begin another."""
    asked = {"customer": ask.body.customer, "conversation": ask.body.conversation, "key": key}
    for run, body_sha256, is_same_key in await ask.app.loop.db("rivals", **asked):
        if is_same_key and body_sha256 == seal:
            return run
        if is_same_key:
            detail, remedy = f"{key} came with another body, for run {run}", "Use a new key."
            field = "Idempotency-Key"
            raise Problem(422, "idempotency_mismatch", detail, field=field, remedy=remedy)
        detail, remedy = f"run {run} is its turn now", "Wait until that run rests, or cancel it."
        raise Problem(409, "conversation_busy", detail, field="conversation", remedy=remedy)
    return None


async def shown(
    ask: Ask, run: str, wait_s: int, going: Sequence[str] = ("running",)
) -> tuple[int, RunView]:
    """The run, once it rests or the wait is over: 200, or 202 for one that still goes."""
    until = time.monotonic() + wait_s
    while True:
        rung = ask.app.loop.doorbell.next_ring(run)
        found = view((await bundle(ask.app.loop.db, run, ask.customer)).run())
        left_s = until - time.monotonic()
        if found.status not in going or left_s <= 0:
            return 202 if found.status == "running" else 200, found
        with suppress(TimeoutError):
            await asyncio.wait_for(rung.wait(), left_s)


def run_of(ask: Ask) -> str:
    try:
        return str(uuid.UUID(ask.path["run"]))
    except ValueError as error:
        raise Problem(404, "not_found", f"{ask.path['run']} is no run", field="run") from error


async def log_of(ask: Ask) -> Bundle:
    return await bundle(ask.app.loop.db, run_of(ask), ask.customer)


async def get_run(ask: Ask) -> tuple[int, RunView]:
    return 200, (await shown(ask, run_of(ask), ask.query.wait_s))[1]


async def get_runs(ask: Ask) -> tuple[int, RunList]:
    """Without those whose log is damaged."""
    db, found = ask.app.loop.db, list[RunView]()
    names = [run for (run,) in await db("runs", **ask.query.model_dump(mode="json"))]
    for name in names:
        with suppress(Problem):
            found.append(view((await bundle(db, name, ask.customer)).run()))
    more = names[-1] if len(names) == ask.query.limit else None
    return 200, RunList(runs=tuple(found), cursor=more)


async def get_events(ask: Ask) -> tuple[int, Any]:
    """With all parts it is the run's portable bundle."""
    return 200, (await log_of(ask)).portable(with_parts=ask.query.parts == "all")


async def post_cancel(ask: Ask) -> tuple[int, RunView]:
    run = (await log_of(ask)).events[0].run
    await ask.app.loop.db("tell", run=run, key="cancel", kind="cancel", body="operator")
    await ask.app.loop.doorbell.ring(run)
    return 200, (await shown(ask, run, 5, going=("running", "waiting")))[1]


async def post_replay(ask: Ask) -> tuple[int, Verdict]:
    return 200, verdict(await log_of(ask), ENCODERS)
