"""Decide, write, do, again: drives the runs that this process owns."""

import asyncio
from contextlib import suppress
from typing import Any

from sidecar.core import events as e
from sidecar.core.messages import Reply
from sidecar.core.route import row_of, untried
from sidecar.core.run import Run
from sidecar.core.schema import answer, checked
from sidecar.core.turn import CallModel, Providers, Wait, called, conversation, decide
from sidecar.errors import Fenced, ModelFault, Problem, StoreDown, ToolFault
from sidecar.stores.db import Db, unpacked
from sidecar.stores.doorbell import Doorbell
from sidecar.stores.runlog import Journal, opened
from sidecar.telemetry import log, now_ms

ATTEMPT_S = 60


class Loop:
    """`owner` is this process; `providers` are those that have a key."""

    def __init__(self, db: Db, doorbell: Doorbell, providers: Providers, owner: str) -> None:
        self.db, self.doorbell, self.providers, self.owner = db, doorbell, providers, owner
        self.encoders = {name: provider.encoder for name, provider in providers.items()}
        self.driven: dict[asyncio.Task[None], Journal] = {}

    def begin(self, journal: Journal) -> asyncio.Task[None]:
        task = asyncio.create_task(self.own(journal), name=journal.run.id)
        self.driven[task] = journal
        task.add_done_callback(self.driven.pop)
        task.add_done_callback(lambda _: journal.rested.set())
        return task

    def busy(self) -> list[asyncio.Task[None]]:
        """What would be paid twice if this process went away now."""
        return [task for task, one in self.driven.items() if isinstance(one.run.last, e.Called)]

    async def beat(self) -> None:
        """Once a second: alive, ring for what nobody rang for, take up what nobody drives."""
        await self.db("beat", process=self.owner, role="sidecar")
        await self.db("sweep")
        news = await self.db("news", runs=list(self.doorbell.rings))
        self.doorbell.wake(run for (run,) in news)
        driven = [task.get_name() for task in self.driven]
        for run, epoch in await self.db("adopt", owner=self.owner, driven=driven):
            log.warning("run %s is taken up", run)
            with suppress(Problem):  # a damaged log: its replay says where
                self.begin(await opened(self.db, self.owner, epoch, run))

    async def own(self, journal: Journal) -> None:
        """Until the run rests, or a store or another owner is in the way: `beat` takes it up."""
        try:
            await self.drive(journal)
        except (Fenced, StoreDown) as error:
            log.warning("run %s is given up: %s", journal.run.id, error)
            if not journal.flushed:
                raise

    async def drive(self, journal: Journal) -> None:
        run, rung = journal.run, self.doorbell.next_ring(journal.run.id)
        if isinstance(run.last, e.Called):
            lost = ModelFault("lost", "its process went away before the answer")
            journal.write(*failed(run, lost, call=run.last.call, latency_ms=0))
        if journal.flushed:
            self.doorbell.wake([run.id])
        while not journal.run.ended_ms:
            if rung.is_set():
                rung = self.doorbell.next_ring(run.id)
                await self.hear(journal)
            if now_ms() > journal.run.deadline_ms:
                journal.write(e.Stopped(kind="expired"))
            await self.act(journal, rung)
        await self.land(journal)

    async def land(self, journal: Journal) -> None:
        """Whoever waits for the run hears when it comes to rest."""
        before = journal.rest
        await journal.flush()
        if journal.rest != before:
            await self.doorbell.ring(journal.run.id)

    async def act(self, journal: Journal, rung: asyncio.Event) -> None:
        run = journal.run
        match decide(run):
            case CallModel(after_ms) if run.at_ms + after_ms > now_ms():
                await self.pause(journal, rung, min(run.at_ms + after_ms, run.deadline_ms))
            case CallModel():
                await self.call_model(journal)
            case e.ToolsAsked() as asked:
                journal.write(asked)
                refuse_broken(journal, asked)
                await self.land(journal)
                await self.doorbell.enqueue(f"{run.id}/{call.id}" for call in asked.for_workers())
            case Wait():
                await self.pause(journal, rung, run.deadline_ms)
            case e.Ended() as end:
                journal.write(end, conversation(run))

    async def pause(self, journal: Journal, rung: asyncio.Event, until_ms: int) -> None:
        await self.land(journal)
        with suppress(TimeoutError):
            await asyncio.wait_for(rung.wait(), max(0, until_ms - now_ms() + 1) / 1_000)

    async def hear(self, journal: Journal) -> None:
        """Folds what workers and the API have left for the run, each word once."""
        run = journal.run
        awaited = ["cancel", *(call.call for call in run.calls("pending"))]
        for key, said, result in await self.db("told", run=run.id, keys=awaited):
            kept = [e.part(unpacked(result))] if result else []
            journal.write(e.READ.validate_json(said), kept)
            journal.beside.append(("heard", {"run": run.id, "key": key}))

    async def call_model(self, journal: Journal) -> None:
        simulated = tuple(sorted(name for name, wire in self.providers.items() if wire.simulated))
        names = tuple(sorted(self.providers))
        troubles = await self.doorbell.troubles(names)
        seen = e.Seen(at_ms=now_ms(), providers=names, simulated=simulated, troubles=troubles)
        said, parts, body = called(journal.run, seen, self.encoders)
        journal.write(said, parts)
        if not isinstance(said, e.Called):
            return
        await journal.flush()
        run, start_ms, write = journal.run, now_ms(), journal.write
        left_s = max(0.1, (run.deadline_ms - start_ms) / 1_000) / max(1, untried(said.route))
        try:
            raw = await self.send(run, said.provider, body, min(ATTEMPT_S, left_s))
            reply, latency_ms = self.providers[said.provider].decode(raw), now_ms() - start_ms
            write(*replied(run, reply, raw, call=said.call, latency_ms=latency_ms))
            if said.provider in troubles:
                await self.doorbell.trouble(said.provider, over=True)
        except ModelFault as fault:
            write(*failed(run, fault, call=said.call, latency_ms=now_ms() - start_ms))
            if fault.kind not in (*e.HOPELESS, "lost"):
                await self.doorbell.trouble(said.provider, over=False)

    async def send(self, run: Run, provider: str, body: bytes, timeout_s: float) -> bytes:
        """The raw answer; who cancels the turn meanwhile does not wait for it."""
        sending = asyncio.ensure_future(self.providers[provider].send(body, timeout_s))
        while not sending.done():
            ringing = asyncio.ensure_future(self.doorbell.next_ring(run.id).wait())
            await asyncio.wait([sending, ringing], return_when=asyncio.FIRST_COMPLETED)
            if not ringing.cancel() and await self.db("told", run=run.id, keys=["cancel"]):
                sending.cancel()
                raise ModelFault("lost", "the turn was cancelled before the answer")
        return sending.result()


def refuse_broken(journal: Journal, asked: e.ToolsAsked) -> None:
    """Arguments that break their contract never reach the caller: the model hears of it."""
    contracts = {contract.ref: contract for contract in journal.run.setup.contracts}
    for call in asked.calls:
        try:
            if call.kind == "caller":
                checked(contracts[call.contract], call.arguments)
        except ToolFault as fault:
            error = e.Failure(code=fault.code, message=str(fault)[:2_000])
            journal.write(e.ToolReturned(call=call.id, error=error, attempts=0))


def replied(run: Run, reply: Reply, raw: bytes, **told: Any) -> tuple[e.Replied, list[e.Part]]:
    """What an answer costs and is worth."""
    row, kept = row_of(run.setup.models, run.models[-1]), e.part(raw)
    assert row
    if reply.outcome == "ok":
        told["answer"], told["flaws"] = answer(reply.text, run.setup.agent.output_schema)
    cost = row.cost_micros(reply.usage) if reply.usage else run.reserved_micros
    return e.Replied(reply=reply, cost_micros=cost, parts={"raw": kept.name}, **told), [kept]


def failed(run: Run, fault: ModelFault, **told: Any) -> tuple[e.ModelFailed, list[e.Part]]:
    """What could have been billed is taken as billed."""
    kept, worst = e.part(fault.raw), run.reserved_micros
    told |= {"error": fault.kind, "detail": str(fault)[:2_000], "retry_after_ms": fault.after_ms}
    told |= {"cost_micros": worst if fault.kind in e.UNSETTLED else 0, "parts": {"raw": kept.name}}
    return e.ModelFailed(**told), [kept]
