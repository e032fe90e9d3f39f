"""What the operator hears: JSON lines on standard error, and the one place where loops survive."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pythonjsonlogger.json import JsonFormatter

log = logging.getLogger("agentrt")


def to_stderr(level: str) -> None:
    """JSON lines: text from outside cannot leave its string, so nobody forges a line."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx2").setLevel("WARNING")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def settled(work: Awaitable[Any]) -> "asyncio.Future[Any]":
    """`work`, done: its `exception()` is there to be looked at, whatever it is."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()
    return task


async def forever(name: str, work: Callable[[], Awaitable[None]], pause_s: float) -> None:
    """`work` again and again; what it raises is logged and costs it a second."""
    while True:
        error = (await settled(work())).exception()
        if error:
            log.error("%s goes on after an error", name, exc_info=error)
        await asyncio.sleep(1 if error else pause_s)
