"""What the operator hears: JSON lines on standard error, and the one place where loops survive."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from pythonjsonlogger.json import JsonFormatter

log = logging.getLogger("agentrt")


def to_stderr(level: str) -> None:
    """JSON lines: text from outside cannot leave its string, so nobody forges a line."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Tasks(set[asyncio.Task[Any]]):
    """Those that go on: nothing else keeps a task alive."""

    def start(self, work: Coroutine[Any, Any, Any], name: str = "") -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=name)
        self.add(task)
        task.add_done_callback(self.discard)
        return task


async def settled(work: Awaitable[Any]) -> Any:
    """What `work` gives, or the exception that it raises, whatever it is."""
    return (await asyncio.gather(work, return_exceptions=True))[0]


async def forever(name: str, work: Callable[[], Awaitable[None]], pause_s: float) -> None:
    """`work` again and again; what it raises is logged and costs it a second."""
    while True:
        if error := await settled(work()):
            log.error("%s goes on after an error", name, exc_info=error)
        await asyncio.sleep(1 if error else pause_s)
