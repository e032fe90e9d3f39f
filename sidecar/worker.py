"""Claim a tool call, run it, write its result. A worker holds no run and appends no event."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson

from sidecar.core.documents import Contract, Setup
from sidecar.core.events import Failure, ToolReturned, part
from sidecar.core.schema import checked, fit
from sidecar.errors import StoreDown, ToolFault
from sidecar.stores.db import Db, packed, unpacked
from sidecar.stores.doorbell import Doorbell
from sidecar.telemetry import Tasks, now_ms
from sidecar.tools.http import Call

SLOTS = 64
ENDS = dict.fromkeys(range(200, 300), "done") | {404: "buried", 410: "buried"}
Tools = Mapping[str, Callable[..., Awaitable[Any]]]


class Worker:
    """`tools` runs a call of each kind and gives its parsed result, or raises ToolFault.

    Its `delivery` (target, url, body) gives the receiver's HTTP status, or raises ToolFault.
    """

    def __init__(self, db: Db, doorbell: Doorbell, tools: Tools, name: str) -> None:
        self.db, self.doorbell, self.tools, self.name = db, doorbell, tools, name
        self.running, self.telling = Tasks(), Tasks()
        self.lease = {"worker": name, "lease_s": 30}

    async def beat(self) -> None:
        await self.db("beat", process=self.name, role="worker")
        await self.db("hold", **self.lease, calls=[task.get_name() for task in self.running])

    async def take(self) -> None:
        """One round: what the queue offers, and what has waited a second without being offered."""
        while len(self.running) >= SLOTS:
            await asyncio.wait(self.running, return_when=asyncio.FIRST_COMPLETED)
        offered = await self.doorbell.take(self.name, SLOTS - len(self.running))
        for row in await self.db("due") if len(self.telling) < SLOTS else ():
            self.telling.start(self.tell(*row))
        for row in await self.db("claim", **self.lease, calls=offered):
            self.running.start(self.run(*row), f"{row[0]}/{row[1]}")

    async def tell(self, run: str, seq: int, target: str, url: str, body: memoryview) -> None:
        """2xx ends a delivery; 404, 410 and an address that is refused bury it.

        All else comes again (409: too early).
        """
        try:
            status = await self.tools["delivery"](target, url, unpacked(body))
            state, answer = ENDS.get(status, "pending"), f"HTTP {status}"
        except ToolFault as fault:
            state, answer = "pending" if fault.again else "buried", str(fault)[:500]
        await self.note("delivered", run=run, seq=seq, target=target, state=state, answer=answer)

    async def run(self, run: str, name: str, customer: str, *row: Any) -> None:
        ref, arguments, key, attempt, setup = row
        contracts = {one.ref: one for one in Setup.model_validate_json(unpacked(setup)).contracts}
        contract, start_ms = contracts.get(ref), now_ms()
        state, error, kept, parts = "done", None, None, {}
        try:
            call = Call(run, name, customer, *checked(contract, arguments), key)
            result = orjson.dumps(await self.result(call))
            kept, parts = packed(result), {"result": part(result).name}
        except ToolFault as fault:
            state, error = judged(fault, contract, attempt)
        told: Any = {"call": name, "worker": self.name, "error": error, "parts": parts}
        said = ToolReturned(**told, attempts=attempt, latency_ms=now_ms() - start_ms)
        told |= {"run": run, "attempt": attempt, "state": state, "result": kept}
        await self.note("finish", **told, said=said.model_dump_json())
        await self.doorbell.ring(run)

    async def note(self, name: str, **told: Any) -> list[Any]:
        """Lands after an outage as well: what has happened is not done again, nor doubted."""
        while True:
            with suppress(StoreDown):
                return await self.db(name, **told)
            await asyncio.sleep(1)

    async def result(self, call: Call) -> Any:
        if call.contract.kind not in self.tools:
            raise ToolFault("no_worker", "this worker has no AGENTRT_TOOLS", again=True)
        value = await self.tools[call.contract.kind](call)
        fit(call.contract.output_schema, value, "result_invalid")
        return value


def judged(fault: ToolFault, contract: Contract | None, attempt: int) -> tuple[str, Failure]:
    """The call's state after a fault: pending (again, later), unknown (in doubt) or done."""
    message = str(fault)[:2_000]
    if contract and contract.side_effects == "once" and fault.in_doubt:
        return "unknown", Failure(code="unknown", message=message)
    tries = 10 if fault.code == "no_worker" else contract.retries if contract else 0
    again = fault.again and attempt <= tries
    return "pending" if again else "done", Failure(code=fault.code, message=message)
