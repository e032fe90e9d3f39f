"""Turns and runs: start one, look at it, wait for it, cancel it, replay it."""

import asyncio
import hashlib
import secrets
import time
import uuid
from typing import Annotated, Any

import orjson
from pydantic import Field

from sidecar.api.door import Ask
from sidecar.core.documents import Agent, Contract, JsonSchema, ModelRef, Seconds, Setup, ToolRef
from sidecar.core.events import Started
from sidecar.core.messages import Content, Value, dump
from sidecar.core.parts import part
from sidecar.core.replay import Verdict, verdict
from sidecar.core.route import row_of
from sidecar.core.schema import check_schema
from sidecar.core.view import RunView, rfc3339, view
from sidecar.errors import Problem, Taken
from sidecar.loop import ENCODERS
from sidecar.stores import documents
from sidecar.stores.db import Db
from sidecar.stores.runlog import Journal, bundle, folded, parts
from sidecar.telemetry import now_ms

Customer = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
WaitSeconds = Annotated[int, Field(ge=0, le=60)]


class TurnRequest(Value):
    agent: ToolRef
    message: Content
    customer: Customer = "default"
    conversation: Annotated[str, Field(max_length=200)] = ""
    model: ModelRef | None = None
    task: str | None = None
    tools: tuple[ToolRef, ...] | None = None
    output_schema: JsonSchema | None = None
    timeout_s: Seconds | None = None
    wait_s: WaitSeconds = 25
    metadata: dict[str, str] = Field(default={}, max_length=32)


class Wait(Value):
    wait_s: WaitSeconds = 0


class Selection(Value):
    customer: str = "*"
    agent: str = ""
    status: str = ""
    cursor: str = ""
    limit: int = Field(20, ge=1, le=100)


class RunList(Value):
    runs: tuple[RunView, ...]
    cursor: str | None


class Which(Value):
    parts: str = ""


class Empty(Value):
    pass


def uuid7() -> str:
    """Sorted by time, so that a page of runs needs no other cursor."""
    stamp = now_ms() << 80 | 7 << 76 | secrets.randbits(12) << 64
    return str(uuid.UUID(int=stamp | 2 << 62 | secrets.randbits(62)))


async def setup_of(db: Db, body: TurnRequest) -> tuple[str, Setup]:
    """The agent as this turn has it, with all that it needs; `name@version` beside it."""
    version, agent = await documents.get(db, Agent, body.agent)
    given = {k: getattr(body, k) for k in ("task", "tools", "output_schema")}
    given = {k: v for k, v in given.items() if v is not None}
    if body.model:
        given["models"] = (body.model,)
    if body.timeout_s:
        given["limits"] = agent.limits.model_copy(update={"timeout_s": body.timeout_s})
    agent = agent.model_copy(update=given)
    if agent.output_schema is not None:
        check_schema(agent.output_schema, "output_schema")
    policy, models = documents.built_in()
    for ref in agent.models:
        if row_of(models, policy.aliases.get(ref, ref)) is None:
            remedy = "GET /v1/models lists what there is."
            raise Problem("not_found", f"there is no model {ref}", field="model", remedy=remedy)
    found = [await documents.get(db, Contract, ref) for ref in agent.tools]
    contracts = tuple(contract for _, contract in found)
    setup = Setup(agent=agent, contracts=contracts, policy=policy, models=models)
    return f"{body.agent.partition('@')[0]}@{version}", setup


async def post_turn(ask: Ask) -> tuple[int, Any]:
    body, db = ask.body, ask.app.loop.db
    key = ask.headers.get("Idempotency-Key")
    seal = hashlib.sha256(dump(body)).hexdigest()
    if key and (earlier := await same_turn(db, body.customer, key, seal)):
        return await shown(ask, earlier, body.wait_s)
    journal = await started(ask, body, key, seal)
    task = ask.app.loop.begin(journal)
    try:
        await asyncio.wait([task], timeout=body.wait_s)
        if task.done():
            task.result()
    except Taken as error:
        if str(error) == "run_idempotency" and key:
            earlier = await same_turn(db, body.customer, key, seal)
            return await shown(ask, earlier or "", body.wait_s)
        detail = "another turn of this conversation is running"
        remedy = "Wait for that run to rest, or cancel it."
        raise Problem("conversation_busy", detail, field="conversation", remedy=remedy) from error
    run = view(journal.run)
    return (202 if run.status == "running" else 200), run


async def same_turn(db: Db, customer: str, key: str, seal: str) -> str | None:
    rows = await db("run_of_key", customer=customer, key=key)
    if rows and rows[0][1] != seal:
        detail = f"Idempotency-Key {key} was used with another body, in run {rows[0][0]}"
        remedy = "Use a new key for a new turn."
        raise Problem("idempotency_mismatch", detail, field="Idempotency-Key", remedy=remedy)
    return rows[0][0] if rows else None


async def started(ask: Ask, body: TurnRequest, key: str | None, seal: str) -> Journal:
    """A journal that holds the new run's first event, not yet written."""
    db, run = ask.app.loop.db, uuid7()
    agent, setup = await setup_of(db, body)
    conversation = body.conversation or run
    rows = await db("conversation", customer=body.customer, conversation=conversation)
    turn, history = rows[0] if rows else (0, "")
    journal = Journal(db, ask.app.loop.owner)
    journal.stored = await parts(db, body.customer, [history] if history else [])
    journal.row = {
        "customer": body.customer,
        "conversation": conversation,
        "turn": turn + 1,
        "agent": agent,
        "key": key,
        "body_sha256": seal,
    }
    kept = part(dump(setup))
    said = Started(
        customer=body.customer,
        conversation=conversation,
        turn=turn + 1,
        agent=agent,
        message=body.message,
        metadata=body.metadata,
        traceparent=ask.headers.get("traceparent", ""),
        deadline_ms=now_ms() + setup.agent.limits.timeout_s * 1_000,
        parts={"setup": kept.name, "history": history},
    )
    journal.write(said, [kept], run=run)
    return journal


async def shown(ask: Ask, run: str, wait_s: int) -> tuple[int, Any]:
    """The run as it stands, once it rests or the wait is over."""
    with ask.app.loop.doorbell.listen(run) as rung:
        until = time.monotonic() + wait_s
        while True:
            found = view(folded(await bundle(ask.app.loop.db, run, ask.customer)))
            left_s = until - time.monotonic()
            if found.status != "running" or left_s <= 0:
                return (202 if wait_s and found.status == "running" else 200), found
            rung.clear()
            await asyncio.wait([asyncio.ensure_future(rung.wait())], timeout=left_s)


def run_id(ask: Ask) -> str:
    try:
        return str(uuid.UUID(ask.path["run"]))
    except ValueError as error:
        raise Problem("not_found", f"there is no run {ask.path['run']}", field="run") from error


async def get_run(ask: Ask) -> tuple[int, Any]:
    return 200, (await shown(ask, run_id(ask), ask.query.wait_s))[1]


async def get_runs(ask: Ask) -> tuple[int, Any]:
    query = ask.query.model_dump()
    db = ask.app.loop.db
    found = [run for (run,) in await db("runs", **query)]
    runs = tuple([view(folded(await bundle(db, run, ask.customer))) for run in found])
    more = found[-1] if len(found) == query["limit"] else None
    return 200, RunList(runs=runs, cursor=more)


async def get_events(ask: Ask) -> tuple[int, Any]:
    log = await bundle(ask.app.loop.db, run_id(ask), ask.customer)
    events = [
        {
            "seq": event.seq,
            "at": rfc3339(event.at_ms),
            "at_ms": event.at_ms,
            "kind": event.kind,
            "body": orjson.Fragment(event.body),
            "hash": event.hash,
        }
        for event in log.events
    ]
    shown: dict[str, Any] = {"run": run_id(ask), "hash": log.hash, "events": events}
    if ask.query.parts == "all":
        shown["parts"] = [
            {"name": one.name, "previous": one.previous, "body": one.body.decode("latin-1")}
            for one in log.parts.values()
        ]
    return 200, shown


async def post_cancel(ask: Ask) -> tuple[int, Any]:
    run, db = run_id(ask), ask.app.loop.db
    await bundle(db, run, ask.customer)
    await db("tell", run=run, key="cancel", kind="cancel", body="operator")
    await ask.app.loop.doorbell.ring(run)
    return await shown(ask, run, 5)


async def post_replay(ask: Ask) -> tuple[int, Verdict]:
    log = await bundle(ask.app.loop.db, run_id(ask), ask.customer)
    return 200, verdict(log, ENCODERS)
