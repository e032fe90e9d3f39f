"""Decide, write, do, again: drives the runs that this process owns."""

import asyncio
import time
from collections.abc import Mapping

from sidecar.core.answer import check
from sidecar.core.events import (
    UNSETTLED,
    Called,
    Cancelled,
    Ended,
    Expired,
    Failure,
    ModelFailed,
    Replied,
    Seen,
    ToolReturned,
    ToolsAsked,
)
from sidecar.core.parts import Part, part
from sidecar.core.price import cost_micros
from sidecar.core.route import row_of
from sidecar.core.turn import CallModel, Encoder, Wait, called, conversation, decide
from sidecar.core.view import status
from sidecar.errors import Fenced, ModelFault, StoreDown
from sidecar.providers import openai
from sidecar.providers.wire import Wire
from sidecar.stores.db import Db, unpacked
from sidecar.stores.doorbell import Doorbell
from sidecar.stores.runlog import Journal, adopted, opened
from sidecar.telemetry import log, now_ms

ENCODERS: Mapping[str, Encoder] = {openai.NAME: openai.ENCODER}
ATTEMPT_S = 60
LEASE_S = 10
EXPIRES_MS = 7 * 86_400_000


class Loop:
    """`owner` is this process; `wires` are the providers that have a key."""

    def __init__(self, db: Db, doorbell: Doorbell, wires: Mapping[str, Wire], owner: str) -> None:
        self.db, self.doorbell, self.wires, self.owner = db, doorbell, wires, owner
        self.driven: set[asyncio.Task[None]] = set()

    def begin(self, journal: Journal) -> asyncio.Task[None]:
        task = asyncio.create_task(self.own(journal))
        self.driven.add(task)
        task.add_done_callback(self.driven.discard)
        return task

    async def beat(self) -> None:
        """Once a second: alive, adopt the orphans, ring for what nobody rang for."""
        await self.db("beat", process=self.owner, role="sidecar")
        for journal in await adopted(self.db, self.owner, LEASE_S):
            log.warning("adopted run %s", journal.run.id)
            self.begin(journal)
        swept = await self.db("sweep", attempts=6)
        await self.doorbell.enqueue(call for _, call, state in swept if state == "pending")
        for run in {run for run, _, state in swept if state != "pending"}:
            await self.doorbell.ring(run)

    async def own(self, journal: Journal) -> None:
        """Until the run rests. After a store's outage it goes on from what the log has."""
        while True:
            try:
                return await self.drive(journal)
            except Fenced:
                return log.warning("run %s has another owner now", journal.run.id)
            except StoreDown:
                if not journal.flushed:
                    raise
                log.warning("run %s waits for the store", journal.run.id, exc_info=True)
                await asyncio.sleep(1)
                journal = await opened(self.db, self.owner, journal.epoch, journal.run.id)

    async def drive(self, journal: Journal) -> None:
        with self.doorbell.listen(journal.run.id) as rung:
            rung.set()
            while not journal.run.ended:
                if rung.is_set() and journal.flushed:
                    rung.clear()
                    await self.hear(journal)
                if now_ms() > deadline_ms(journal) and not journal.run.stopped:
                    journal.write(Expired(by="deadline"))
                match decide(journal.run):
                    case CallModel(after_ms) if journal.run.at_ms + after_ms > now_ms():
                        await self.pause(journal, rung, journal.run.at_ms + after_ms)
                    case CallModel():
                        await self.call_model(journal)
                    case ToolsAsked() as asked:
                        journal.write(asked)
                        await journal.flush()
                        await self.doorbell.enqueue(f"{journal.run.id}/{c.id}" for c in asked.calls)
                    case Wait("model"):
                        lost = ModelFault("lost", "its process went away before the answer")
                        journal.write(*failure(journal, lost, 0))
                    case Wait():
                        await self.pause(journal, rung, deadline_ms(journal))
                    case Ended() as end:
                        journal.write(end, conversation(journal.run))
            await journal.flush()
        await self.doorbell.ring(journal.run.id)

    async def pause(self, journal: Journal, rung: asyncio.Event, until_ms: int) -> None:
        await journal.flush()
        try:
            await asyncio.wait_for(rung.wait(), max(0.0, (until_ms - now_ms() + 1) / 1_000))
        except TimeoutError:
            return

    async def hear(self, journal: Journal) -> None:
        """Folds what workers and the API have left for the run."""
        run = journal.run
        waiting = {step.asked.id for step in run.open_steps if not step.returned}
        for row in await self.db("results", run=run.id) if waiting else ():
            if row[0] in waiting:
                journal.write(*returned(*row))
        for key, _, by in await self.db("told", run=run.id):
            journal.inbox.append(key)
            if not journal.run.stopped:
                journal.write(Cancelled(by=by))

    async def call_model(self, journal: Journal) -> None:
        simulated = tuple(sorted(name for name, wire in self.wires.items() if wire.simulated))
        seen = Seen(at_ms=now_ms(), providers=tuple(sorted(self.wires)), simulated=simulated)
        said, parts, body = called(journal.run, seen, ENCODERS)
        journal.write(said, parts)
        if not isinstance(said, Called):
            return
        await journal.flush()
        start, left_s = time.monotonic(), (deadline_ms(journal) - now_ms()) / 1_000
        try:
            raw = await self.wires[said.provider].send(body, max(0.1, min(ATTEMPT_S, left_s)))
            journal.write(*answered(journal, raw, since_ms(start)))
        except ModelFault as fault:
            journal.write(*failure(journal, fault, since_ms(start)))


def since_ms(start: float) -> int:
    return int((time.monotonic() - start) * 1_000)


def deadline_ms(journal: Journal) -> int:
    """The turn's time limit runs only while it runs; a person has longer."""
    run = journal.run
    return run.at_ms + EXPIRES_MS if status(run) == "waiting" else run.started.deadline_ms


def answered(journal: Journal, raw: bytes, latency_ms: int) -> tuple[Replied, list[Part]]:
    """What a raw answer says, costs and is worth; ModelFault when it says nothing."""
    run, reply, kept = journal.run, openai.decode(raw), part(raw)
    assert run.called
    schema = run.setup.agent.output_schema
    answer, flaws = check(reply.text, schema) if reply.outcome == "ok" else (None, ())
    row = row_of(run.setup.models, run.models[-1])
    cost = cost_micros(row, reply.usage) if row and reply.usage else run.called.worst_case_micros
    said = Replied(
        call=run.called.call,
        reply=reply,
        answer=answer,
        flaws=flaws,
        cost_micros=cost,
        latency_ms=latency_ms,
        parts={"raw": kept.name},
    )
    return said, [kept]


def failure(journal: Journal, fault: ModelFault, ms: int) -> tuple[ModelFailed, list[Part]]:
    made = journal.run.called
    assert made
    kept = [part(fault.raw)] if fault.raw else []
    said = ModelFailed(
        call=made.call,
        error=fault.kind,
        detail=str(fault)[:2_000],
        retry_after_ms=fault.after_ms,
        cost_micros=made.worst_case_micros if fault.kind in UNSETTLED else 0,
        latency_ms=ms,
        parts={"raw": one.name for one in kept},
    )
    return said, kept


def returned(
    call: str,
    state: str,
    attempts: int,
    worker: str,
    result: memoryview | None,
    code: str | None,
    message: str | None,
    latency_ms: int,
) -> tuple[ToolReturned, list[Part]]:
    """A tool_call row, as the event that takes its place."""
    if state == "unknown":
        code, message = "unknown", "its worker went away; it may have taken effect"
    kept = [part(unpacked(result))] if result else []
    said = ToolReturned(
        call=call,
        error=Failure(code=code, message=message or "") if code else None,
        attempts=attempts,
        latency_ms=latency_ms,
        worker=worker,
        parts={"result": one.name for one in kept},
    )
    return said, kept
