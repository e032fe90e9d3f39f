"""The run log in Postgres. A Journal is a run in the hands of its one writer."""

import asyncio
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from sidecar.core.bundle import Bundle
from sidecar.core.events import Ended, Event, Part, Said, ToolsAsked, written
from sidecar.core.run import Run, fold
from sidecar.errors import Problem
from sidecar.stores.db import Db, packed, unpacked
from sidecar.telemetry import now_ms


class Journal:
    """Events gather in memory; `flush` lands them all, or none, before the next outward effect.

    `run` is the fold of all events so far; the first `write` makes it.
    """

    run: Run

    def __init__(self, db: Db, owner: str, epoch: int = 0) -> None:
        self.db, self.owner, self.epoch, self.flushed = db, owner, epoch, 0
        self.rest, self.rested = "running", asyncio.Event()
        self.parts: dict[str, Part] = {}
        self.opening: list[tuple[str, dict[str, Any]]] = []
        self.beside: list[tuple[str, dict[str, Any]]] = []

    def write(self, said: Said, parts: Iterable[Part] = (), run: str = "") -> None:
        """`run` names a run that starts with this event."""
        name, seq, before = (run, 1, "") if run else (self.run.id, self.run.seq + 1, self.run.hash)
        event = written(before, name, seq, now_ms(), said)
        fresh = {one.name: one for one in parts if one.name not in self.parts}
        self.parts |= fresh
        self.run = fold(None if run else self.run, event, self.parts)
        who = {"customer": self.run.started.customer}
        for what, one in [("event", event), *(("part", one) for one in fresh.values())]:
            self.beside.append((what, who | asdict(one) | {"body": packed(one.body)}))
        if isinstance(said, ToolsAsked):
            self.beside += [("ask", dict(call) | {"run": name}) for call in said.for_workers()]

    async def flush(self) -> None:
        """Fenced when another owner has the run; Taken when a new run's keys are in use."""
        run = self.run
        if run.seq == self.flushed:
            return
        fit = dict(run) | {"owner": self.owner, "epoch": self.epoch, "before": self.flushed}
        fit["end"] = run.last.parts.get("conversation", "") if isinstance(run.last, Ended) else ""
        if run.status not in ("running", self.rest):
            fit["body"] = packed(run.model_dump_json(by_alias=True).encode())
            self.beside.append(("rest", fit))
        await self.db.together([*self.opening, ("fit", fit), *self.beside])
        self.opening, self.beside = [], []
        self.flushed, self.rest = run.seq, run.status
        if self.rest != "running":
            self.rested.set()


def uuid7() -> str:
    """Sorted by time, so that a page of runs needs no other cursor."""
    stamp = now_ms() << 80 | 7 << 76 | secrets.randbits(12) << 64
    return str(uuid.UUID(int=stamp | 2 << 62 | secrets.randbits(62)))


async def parts(db: Db, customer: str, names: list[str]) -> dict[str, Part]:
    """The named parts, and all that come before them."""
    rows = await db("parts", customer=customer, names=names)
    return {name: Part(name, previous, unpacked(body)) for name, previous, body in rows}


async def bundle(db: Db, run: str, customer: str) -> Bundle:
    """The run's log, whole. Problem `not_found` for a run that this customer does not have."""
    rows = await db("run_row", run=run, customer=customer)
    if not rows:
        raise Problem(404, "not_found", f"there is no run {run}", field="run")
    ((customer, end),) = rows
    found = await db("events", run=run)
    events = [Event(run, seq, at, kind, unpacked(raw), seal) for seq, at, kind, raw, seal in found]
    names = [name for event in events for name in event.parts().values()]
    return Bundle(events, await parts(db, customer, names), end)


async def opened(db: Db, owner: str, epoch: int, run: str) -> Journal:
    """A run's journal, as far as its log goes."""
    log, journal = await bundle(db, run, "*"), Journal(db, owner, epoch)
    journal.parts, journal.run, journal.flushed = dict(log.parts), log.run(), len(log.events)
    journal.rest = journal.run.status
    return journal
