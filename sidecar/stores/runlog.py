"""The run log in Postgres. A Journal is a run in the hands of its one writer."""

from collections import ChainMap
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from sidecar.core.events import Decided, Event, Input, ToolReturned, written
from sidecar.core.parts import Part
from sidecar.core.replay import Bundle
from sidecar.core.run import Run, fold
from sidecar.core.view import status
from sidecar.errors import Fenced, Problem
from sidecar.stores.db import Db, packed, unpacked
from sidecar.telemetry import now_ms


class Journal:
    """Events gather in memory; `flush` lands them all, or none, before the next outward effect."""

    def __init__(self, db: Db, owner: str, epoch: int = 0) -> None:
        self.db, self.owner, self.epoch = db, owner, epoch
        self.row: dict[str, Any] = {}
        self.flushed = 0
        self.events: list[Event] = []
        self.parts: dict[str, Part] = {}
        self.stored: dict[str, Part] = {}
        self.folded: Run | None = None
        self.inbox: list[str] = []

    @property
    def run(self) -> Run:
        assert self.folded
        return self.folded

    def write(self, said: Input | Decided, parts: Iterable[Part] = (), run: str = "") -> Run:
        """`run` names a run that starts with this event."""
        name, seq, before = (run, 1, "") if run else (self.run.id, self.run.seq + 1, self.run.hash)
        event = written(before, name, seq, now_ms(), said)
        self.events.append(event)
        self.parts |= {one.name: one for one in parts if one.name not in self.stored}
        self.folded = fold(self.folded, event, ChainMap(self.parts, self.stored))
        return self.folded

    async def flush(self) -> None:
        """Fenced when another owner has the run; Taken when a new run's keys are in use."""
        events, run = self.events, self.run
        if not events:
            return
        names = ("append",) if self.flushed else ("start", "append")
        if not await self.db(*names, **self.row, **self.moment(run, events)):
            raise Fenced(run.id)
        self.stored |= self.parts
        self.events, self.parts, self.inbox, self.flushed = [], {}, [], run.seq

    def moment(self, run: Run, events: Sequence[Event]) -> dict[str, Any]:
        """Everything of one commit, as columns."""
        said = [event.said() for event in events]
        parts = list(self.parts.values())
        new = [step for step in run.steps if int(step.asked.id.split(".")[0]) > self.flushed]
        effects = {f"{c.name}@{c.version}": c.side_effects for c in run.setup.contracts}
        return {
            "run": run.id,
            "owner": self.owner,
            "epoch": self.epoch,
            "head": self.flushed,
            "hash": run.hash,
            "status": status(run),
            "conversation_end": run.ended.parts.get("conversation", "") if run.ended else "",
            "seqs": [event.seq for event in events],
            "ats": [event.at_ms for event in events],
            "kinds": [event.kind for event in events],
            "bodies": [packed(event.body) for event in events],
            "hashes": [event.hash for event in events],
            "names": [part.name for part in parts],
            "previous": [part.previous for part in parts],
            "part_bodies": [packed(part.body) for part in parts],
            "setup": run.started.parts["setup"],
            "calls": [step.asked.id for step in new],
            "contracts": [step.asked.contract for step in new],
            "arguments": [step.asked.arguments for step in new],
            "keys": [step.asked.idempotency_key for step in new],
            "effects": [effects.get(step.asked.contract, "none") for step in new],
            "returned": [one.call for one in said if isinstance(one, ToolReturned)],
            "inbox": self.inbox,
        }


async def parts(db: Db, customer: str, names: list[str]) -> dict[str, Part]:
    rows = await db("parts", customer=customer, names=names)
    return {name: Part(name, previous, unpacked(body)) for name, previous, body in rows}


async def bundle(db: Db, run: str, customer: str) -> Bundle:
    """The run's log, whole. Problem `not_found` for a run that this customer does not have."""
    rows = await db("run_row", run=run, customer=customer)
    if not rows:
        raise Problem("not_found", f"there is no run {run}", field="run")
    (_, owned_by, _, end, _, _), *_ = rows
    found = await db("events", run=run)
    events = [
        Event(run, seq, at_ms, kind, unpacked(body), hash) for seq, at_ms, kind, body, hash in found
    ]
    names = {
        name for event in events for name in orjson.loads(event.body).get("parts", {}).values()
    }
    return Bundle(events, await parts(db, owned_by, sorted(names)), end)


def folded(log: Bundle) -> Run:
    run: Run | None = None
    for event in log.events:
        run = fold(run, event, log.parts)
    assert run
    return run


async def opened(db: Db, owner: str, epoch: int, run: str) -> Journal:
    """A run's journal, as far as its log goes."""
    log, journal = await bundle(db, run, "*"), Journal(db, owner, epoch)
    journal.stored, journal.folded, journal.flushed = dict(log.parts), folded(log), len(log.events)
    return journal


async def adopted(db: Db, owner: str, lease_s: int) -> list[Journal]:
    """The journals of runs whose owner is gone; they are this owner's now."""
    rows = await db("adopt", owner=owner, lease_s=lease_s)
    return [await opened(db, owner, epoch, run) for run, epoch in rows]
