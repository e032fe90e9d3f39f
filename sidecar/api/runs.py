"""Runs: look at one, wait for it, tell it something, replay it."""

import asyncio
import time
import uuid
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field

from sidecar.api.door import Ask
from sidecar.core.bundle import Bundle
from sidecar.core.documents import Plain, Rest, Url
from sidecar.core.events import Failure, Stopped, ToolReturned, part
from sidecar.core.messages import Value
from sidecar.core.run import Run
from sidecar.core.schema import flaws
from sidecar.core.view import RunView, Verdict
from sidecar.errors import Fenced, Problem
from sidecar.stores.db import packed
from sidecar.stores.runlog import bundle

Customer = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
WaitSeconds = Annotated[int, Field(ge=0, le=60)]
LAST = uuid.UUID(int=(1 << 128) - 1)


class Look(Value):
    wait_s: WaitSeconds = 0
    parts: Literal["", "all"] = ""


class Selection(Value):
    customer: Plain = "*"
    agent: Plain = ""
    status: Rest | Literal["", "running"] = ""
    cursor: uuid.UUID = LAST
    limit: int = Field(20, ge=1, le=100)


class RunList(Value):
    runs: tuple[RunView, ...]
    cursor: str | None


class Told(Value):
    wait_s: WaitSeconds = 5
    callback_url: Url | None = None


class CallResult(Value):
    """Any JSON as its result, or what went wrong."""

    call: str
    result: Any = None
    error: Failure | None = None


class Results(Told):
    results: tuple[CallResult, ...] = Field(min_length=1, max_length=100)


def customer_of(ask: Ask, named: str) -> str:
    """A key is bound to its customer; an operator's may name one, `*` for all."""
    if ask.customer not in ("*", named) and named != "*":
        raise Problem(404, "not_found", f"there is no customer {named}", field="customer")
    return named if ask.customer == "*" else ask.customer


def run_of(ask: Ask) -> str:
    try:
        return str(uuid.UUID(ask.path["run"]))
    except ValueError as error:
        raise Problem(404, "not_found", f"{ask.path['run']} is no run", field="run") from error


async def log_of(ask: Ask) -> Bundle:
    return await bundle(ask.app.loop.db, run_of(ask), ask.customer)


async def shown(ask: Ask, run: str, wait_s: int, beyond: int = 0) -> tuple[int, RunView]:
    """The run, once it rests or the wait is over: 200, or 202 for one that still goes.

    A rest counts when its log has grown `beyond` that many events.
    """
    until = time.monotonic() + wait_s
    while True:
        rung = ask.app.loop.doorbell.next_ring(run)
        log = await bundle(ask.app.loop.db, run, ask.customer)
        found, left_s = log.run(), until - time.monotonic()
        if left_s <= 0 or (found.status != "running" and len(log.events) > beyond):
            return 202 if found.status == "running" else 200, found
        with suppress(TimeoutError):
            await asyncio.wait_for(rung.wait(), left_s)


async def get_run(ask: Ask) -> tuple[int, RunView]:
    return 200, (await shown(ask, run_of(ask), ask.query.wait_s))[1]


async def get_runs(ask: Ask) -> tuple[int, RunList]:
    """Without those whose log is damaged."""
    db, found = ask.app.loop.db, list[RunView]()
    chosen = ask.query.model_dump(mode="json") | {"customer": customer_of(ask, ask.query.customer)}
    names = [run for (run,) in await db("runs", **chosen)]
    for name in names:
        with suppress(Problem):
            found.append((await bundle(db, name, ask.customer)).run())
    more = names[-1] if len(names) == ask.query.limit else None
    return 200, RunList(runs=tuple(found), cursor=more)


async def get_events(ask: Ask) -> tuple[int, Any]:
    """With all parts it is the run's portable bundle."""
    return 200, (await log_of(ask)).portable(with_parts=ask.query.parts == "all")


async def tell(
    ask: Ask, log: Bundle, words: dict[str, Stopped | ToolReturned], results: list[bytes | None]
) -> tuple[int, RunView]:
    """The run that has heard the words, by their keys, or had before. Problem `conflict`."""
    told: dict[str, Any] = {"run": log.events[0].run, "keys": list(words), "results": results}
    told["bodies"] = [word.model_dump_json() for word in words.values()]
    told["callback_url"] = ask.body.callback_url
    try:
        await ask.app.loop.db("tell", **told)
    except Fenced as error:
        detail, remedy = "something else was told before", "Look at the run: it has the first word."
        raise Problem(409, "conflict", detail, remedy=remedy) from error
    await ask.app.loop.doorbell.ring(told["run"])
    heard = {call.call for call in log.run().calls("done", "failed")}
    beyond = 0 if words.keys() <= heard else len(log.events)
    return await shown(ask, told["run"], ask.body.wait_s, beyond)


async def post_cancel(ask: Ask) -> tuple[int, RunView]:
    log = await log_of(ask)
    if log.run().ended_ms:
        return await shown(ask, log.events[0].run, 0)
    return await tell(ask, log, {"cancel": Stopped(kind="cancelled", by="operator")}, [None])


async def post_results(ask: Ask) -> tuple[int, RunView]:
    """What the caller's own tools have made of the calls."""
    log, words, results = await log_of(ask), {}, []
    for one in ask.body.results:
        fitting(log.run(), one)
        results.append(None if one.error else orjson.dumps(one.result))
        parts = {} if one.error else {"result": part(results[-1]).name}
        told = {"call": one.call, "error": one.error, "worker": "caller", "parts": parts}
        words[one.call] = ToolReturned(**told, attempts=1)
    return await tell(ask, log, words, [packed(one) if one else None for one in results])


def fitting(run: Run, one: CallResult) -> None:
    """Problem where the result is not asked of the caller, or is not what its contract says."""
    calls = {call.call: call for call in run.tool_calls}
    contracts = {contract.ref: contract for contract in run.setup.contracts}
    call = calls.get(one.call)
    contract = contracts.get(call.asked.contract) if call else None
    if not call or not contract or contract.kind != "caller":
        remedy = "The run's waiting.calls names those that wait for you."
        detail = f"the caller was not asked for {one.call}"
        raise Problem(422, "validation", detail, field="results", remedy=remedy)
    if run.ended_ms and call.status == "pending":
        raise Problem(409, "conflict", "the run has ended", field="results")
    for flaw in flaws(contract.output_schema, one.result) if not one.error else ():
        detail = f"{one.call} at {flaw.path or '/'}: {flaw.rule} {flaw.expected}"
        raise Problem(422, "validation", detail, field="results")


async def post_replay(ask: Ask) -> tuple[int, Verdict]:
    """By the encoders of every provider, with a key for it or not."""
    encoders = import_module("sidecar.extras.providers.wire").encoders()
    return 200, import_module("sidecar.extras.replay").verdict(await log_of(ask), encoders)
