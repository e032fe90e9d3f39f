"""Claim a tool call, run it, write its result. A worker holds no run and appends no event."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from sidecar.core.documents import Contract, Setup
from sidecar.core.schema import flaws, parse
from sidecar.errors import ToolFault
from sidecar.stores.db import Db, packed, unpacked
from sidecar.stores.doorbell import Doorbell
from sidecar.tools.http import Call

LEASE_S = 30
SLOTS = 64


class Worker:
    """`tools` runs a call of each kind and gives its parsed result, or raises ToolFault."""

    def __init__(
        self,
        db: Db,
        doorbell: Doorbell,
        tools: Mapping[str, Callable[[Call], Awaitable[Any]]],
        name: str,
    ) -> None:
        self.db, self.doorbell, self.tools, self.name = db, doorbell, tools, name
        self.running: set[asyncio.Task[None]] = set()

    async def beat(self) -> None:
        await self.db("beat", process=self.name, role="worker")
        if self.running:
            await self.db("hold", worker=self.name, lease_s=LEASE_S)

    async def take(self) -> None:
        """One round: what the queue offers and Postgres still has to give."""
        if len(self.running) >= SLOTS:
            await asyncio.wait(self.running, return_when=asyncio.FIRST_COMPLETED)
        offered = await self.doorbell.take(self.name, SLOTS - len(self.running), 1_000)
        if not offered:
            return
        pairs = [call.split("/") for _, call in offered]
        runs, calls = [run for run, _ in pairs], [call for _, call in pairs]
        rows = await self.db("claim", worker=self.name, lease_s=LEASE_S, runs=runs, calls=calls)
        for row in rows:
            task = asyncio.create_task(self.run(*row))
            self.running.add(task)
            task.add_done_callback(self.running.discard)
        await self.doorbell.done([number for number, _ in offered])

    async def run(
        self,
        run: str,
        name: str,
        customer: str,
        ref: str,
        arguments: str,
        key: str,
        attempt: int,
        setup: memoryview,
    ) -> None:
        contracts = Setup.model_validate_json(unpacked(setup)).contracts
        contract = next((c for c in contracts if f"{c.name}@{c.version}" == ref), None)
        start, state, result, fault = time.monotonic(), "done", None, None
        try:
            checked = arguments_of(contract, arguments)
            value = await self.call(Call(run, name, customer, *checked, key))
            result = packed(orjson.dumps(value))
        except ToolFault as raised:
            fault = raised
            once = contract is None or contract.side_effects == "once"
            state = "unknown" if fault.in_doubt and once else "done"
            if contract and fault.again and state == "done" and attempt <= contract.retries:
                state = "pending"
        row = {"run": run, "call": name, "worker": self.name, "attempt": attempt}
        if state == "pending":
            delay_ms = int(500 * 2**attempt * random.uniform(0.5, 1.5))
            await self.db("put_back", **row, delay_ms=delay_ms)
            return
        await self.db(
            "finish",
            **row,
            state=state,
            result=result,
            error_code=fault.code if fault else None,
            error_message=str(fault) if fault else None,
            latency_ms=int((time.monotonic() - start) * 1_000),
        )
        await self.doorbell.ring(run)

    async def call(self, call: Call) -> Any:
        value = await self.tools[call.contract.kind](call)
        broken = flaws(call.contract.output_schema, value)
        if broken:
            detail = f"the answer breaks the contract at {broken[0].path or '/'}: {broken[0].rule}"
            raise ToolFault("result_invalid", detail)
        return value


def arguments_of(contract: Contract | None, text: str) -> tuple[Contract, dict[str, Any]]:
    """ToolFault when nobody offered the tool or the arguments break its contract."""
    if contract is None:
        raise ToolFault("tool_unknown", "no tool of this name was offered")
    try:
        value = parse(text)
    except ValueError as error:
        raise ToolFault("arguments_invalid", f"the arguments are not JSON: {error}") from error
    broken = flaws(contract.input_schema, value)
    if broken or not isinstance(value, dict):
        listed = "; ".join(f"at {f.path or '/'}: {f.rule} {f.expected}" for f in broken)
        raise ToolFault("arguments_invalid", listed or "the arguments are no object")
    return contract, value
