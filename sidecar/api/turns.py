"""Turns: a run begins, and is waited for."""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from sidecar.api.door import Ask, validated
from sidecar.api.runs import customer_of, shown
from sidecar.core import events as e
from sidecar.core.documents import Agent, Contract, Setup
from sidecar.core.messages import Message, canonical
from sidecar.core.requests import Heard, Order, TurnRequest
from sidecar.core.view import RunView
from sidecar.errors import Problem, StoreDown, Taken
from sidecar.stores import documents, runlog
from sidecar.telemetry import now_ms


async def post_turn(ask: Ask) -> tuple[int, RunView]:
    return await begun(ask, ask.given)


async def post_generate(ask: Ask) -> tuple[int, RunView]:
    """A turn of an agent that is made up for it, in no conversation."""
    given = ask.given
    said = [Message(**dict(one)) for one in given.messages]
    said += [Message(role="user", parts=given.input)] if given.input else []
    if not said or said[-1].role != "user":
        remedy = "Send input, or messages that end with the user's."
        raise Problem(422, "validation", "nothing is asked", field="input", remedy=remedy)
    order = {name: getattr(given, name) for name in Order.model_fields}
    agent = Agent(instructions=given.instructions)
    turn = TurnRequest.model_construct(**order, agent=agent, message=said[-1].parts)
    return await begun(ask, turn, given.tools, said[:-1])


async def begun(
    ask: Ask, turn: TurnRequest, own: tuple[Contract, ...] = (), past: Sequence[Message] = ()
) -> tuple[int, RunView]:
    """`own` contracts are the caller's; `past` is what was said before, by the caller's word."""
    heard = validated(Heard, {"Idempotency-Key": ask.request.headers.get("Idempotency-Key")})
    seal = hashlib.sha256(canonical(ask.given.model_dump(exclude={"wait_s"}, mode="json")))
    row: Any = {"run": runlog.uuid7(), "key": heard.key, "body_sha256": seal.hexdigest()}
    row["customer"] = customer_of(ask, turn.customer or "*").replace("*", "default")
    row |= {"conversation": turn.conversation or row["run"], "callback_url": turn.callback_url}
    if earlier := await same_turn(ask, row):
        return await shown(ask, earlier, turn.wait_s)
    if turn.callback_url:
        await import_module("sidecar.extras.reach").check(turn.callback_url, ask.app.allow_hosts)
    setup = await documents.setup(ask.app.loop.db, turn, own)
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
) -> runlog.Journal:
    """A journal that holds the new run's first event, not yet written."""
    db, owner = ask.app.loop.db, ask.app.loop.owner
    before = await db("conversation", **row)
    turns, history = before[0] if before else (0, "")
    told: Any = {name: row[name] for name in ("customer", "conversation")}
    told |= {"turn": turns + 1, "agent": setup.agent.ref}
    kept = e.part(setup.json_bytes())
    links = e.chain([message.json_bytes() for message in past], history)
    journal = runlog.Journal(db, owner)
    journal.opening = [("start", row | told | {"setup": kept.name, "owner": owner})]
    journal.parts = await runlog.parts(db, row["customer"], [history]) if history else {}
    told |= {"message": turn.message, "metadata": turn.metadata}
    told["traceparent"] = ask.request.headers.get("traceparent", "")
    told["deadline_ms"] = now_ms() + setup.agent.limits.timeout_s * 1_000
    told["parts"] = {"setup": kept.name, "history": links[-1].name if links else history}
    journal.write(e.Started(**told), [kept, *links], run=row["run"])
    return journal


async def same_turn(ask: Ask, row: dict[str, Any]) -> str | None:
    """The run that this very request began. Problem where it cannot begin another."""
    for run, body_sha256, is_same_key in await ask.app.loop.db("rivals", **row):
        if is_same_key and body_sha256 == row["body_sha256"]:
            return run
        if is_same_key:
            detail = f"{row['key']} came with another body, for {run}"
            more = {"field": "Idempotency-Key", "remedy": "Use a new key."}
            raise Problem(422, "idempotency_mismatch", detail, **more)
        detail, remedy = f"run {run} is its turn now", "Wait until that run rests, or cancel it."
        raise Problem(409, "conversation_busy", detail, field="conversation", remedy=remedy)
    return None
