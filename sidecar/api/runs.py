"""Runs: look at one, wait for it, tell it something, replay it."""

import asyncio
import time
import uuid
from contextlib import suppress
from importlib import import_module
from typing import Any

import orjson

from sidecar.api.door import Ask
from sidecar.core import events, requests, schema
from sidecar.core.bundle import Bundle
from sidecar.core.run import Run
from sidecar.core.view import RunList, RunView, Verdict
from sidecar.errors import Fenced, Problem, ToolFault
from sidecar.stores import db, runlog


def customer_of(ask: Ask, named: str) -> str:
    """A key is bound to its customer; an operator's may name one, `*` for all."""
    if ask.customer not in ("*", named) and named != "*":
        raise Problem(404, "not_found", f"there is no customer {named}", field="customer")
    return named if ask.customer == "*" else ask.customer


def run_of(ask: Ask) -> str:
    try:
        return str(uuid.UUID(ask.request.match_info["run"]))
    except ValueError as error:
        raise Problem(404, "not_found", f"{ask.request.path} is no run", field="run") from error


async def log_of(ask: Ask) -> Bundle:
    return await runlog.bundle(ask.app.loop.db, run_of(ask), ask.customer)


async def shown(ask: Ask, run: str, wait_s: int, beyond: int = 0) -> tuple[int, RunView]:
    """The run, once it rests or the wait is over: 200, or 202 for one that still goes.

    A rest counts when its log has grown `beyond` that many events.
    """
    until = time.monotonic() + wait_s
    while True:
        rung = ask.app.loop.doorbell.next_ring(run)
        log = await runlog.bundle(ask.app.loop.db, run, ask.customer)
        found, left_s = log.run(), until - time.monotonic()
        goes_on = found.status == "running" or len(log.events) <= beyond
        if left_s <= 0 or not goes_on:
            return 202 if goes_on else 200, found
        with suppress(TimeoutError):
            await asyncio.wait_for(rung.wait(), left_s)


async def get_run(ask: Ask) -> tuple[int, RunView]:
    return 200, (await shown(ask, run_of(ask), ask.given.wait_s))[1]


async def get_runs(ask: Ask) -> tuple[int, RunList]:
    """Without those whose log is damaged."""
    found = list[RunView]()
    chosen = ask.given.model_dump(mode="json") | {"customer": customer_of(ask, ask.given.customer)}
    names = [run for (run,) in await ask.app.loop.db("runs", **chosen)]
    for name in names:
        with suppress(Problem):
            found.append((await runlog.bundle(ask.app.loop.db, name, ask.customer)).run())
    more = names[-1] if len(names) == ask.given.limit else None
    return 200, RunList(runs=tuple(found), cursor=more)


async def get_events(ask: Ask) -> tuple[int, Any]:
    """With all parts it is the run's portable bundle."""
    return 200, (await log_of(ask)).portable(with_parts=ask.given.parts == "all")


async def tell(
    ask: Ask, log: Bundle, words: dict[str, events.Said], results: dict[str, bytes | None]
) -> tuple[int, RunView]:
    """The run that has heard the words, by their keys, or had before. Problem `conflict`."""
    told: dict[str, Any] = {"run": log.events[0].run, "callback_url": ask.given.callback_url}
    told |= {"keys": list(words), "results": [results.get(key) for key in words]}
    told["bodies"] = [word.model_dump_json() for word in words.values()]
    try:
        await ask.app.loop.db("tell", **told)
    except Fenced as error:
        detail, remedy = "something else was told before", "Look at the run: it has the first word."
        raise Problem(409, "conflict", detail, remedy=remedy) from error
    await ask.app.loop.doorbell.ring(told["run"])
    heard = {call.call for call in log.run().calls("done", "failed")}
    beyond = 0 if words.keys() <= heard else len(log.events)
    return await shown(ask, told["run"], ask.given.wait_s, beyond)


async def post_cancel(ask: Ask) -> tuple[int, RunView]:
    log = await log_of(ask)
    if log.run().ended_ms:
        return await shown(ask, log.events[0].run, 0)
    return await tell(ask, log, {"cancel": events.Stopped(kind="cancelled", by="operator")}, {})


async def post_results(ask: Ask) -> tuple[int, RunView]:
    """What the caller's own tools have made of the calls; of one named twice, the last."""
    log, words, results = await log_of(ask), dict[str, events.Said](), dict[str, bytes | None]()
    for one in ask.given.results:
        fitting(log.run(), one)
        result = None if one.error else events.part(orjson.dumps(one.result))
        told: Any = {"call": one.call, "error": one.error, "worker": "caller", "attempts": 1}
        told["parts"] = {"result": result.name} if result else {}
        words[one.call] = events.ToolReturned(**told)
        results[one.call] = db.packed(result.body) if result else None
    return await tell(ask, log, words, results)


def fitting(run: Run, one: requests.CallResult) -> None:
    """Problem where the result is not asked of the caller, or is not what its contract says."""
    call = {call.call: call for call in run.tool_calls}.get(one.call)
    if not call or call.asked.kind != "caller":
        remedy = "The run's waiting.calls names those that wait for you."
        detail = f"the caller was not asked for {one.call}"
        raise Problem(422, "validation", detail, field="results", remedy=remedy)
    if run.ended_ms and call.status == "pending":
        raise Problem(409, "conflict", "the run has ended", field="results")
    contracts = {contract.ref: contract for contract in run.setup.contracts}
    try:
        if not one.error:
            schema.fit(contracts[call.asked.contract].output_schema, one.result, "result_invalid")
    except ToolFault as fault:
        raise Problem(422, "validation", f"{one.call}: {fault}", field="results") from fault


async def post_replay(ask: Ask) -> tuple[int, Verdict]:
    """By the encoders of every provider, with a key for it or not."""
    encoders = import_module("sidecar.extras.providers.wire").encoders()
    return 200, import_module("sidecar.extras.replay").verdict(await log_of(ask), encoders)
