"""What the operator hears: JSON lines on standard error, and the one place where loops survive."""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable

import orjson

log = logging.getLogger("agentrt")


class JsonLines(logging.Formatter):
    """Control characters cannot leave their JSON string, so nobody writes a line of ours."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"at": record.created, "level": record.levelname, "message": record.getMessage()}
        error = record.exc_info and record.exc_info[1]
        if error:
            line |= {"error": type(error).__name__, "detail": str(error)}
        return orjson.dumps(line).decode()


def to_stderr(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def forever(name: str, work: Callable[[], Awaitable[None]], pause_s: float) -> None:
    """`work` again and again; what it raises is logged and costs it a pause."""
    while True:
        task = asyncio.ensure_future(work())
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
        if not task.cancelled() and task.exception():
            log.error("%s goes on after an error", name, exc_info=task.exception())
        await asyncio.sleep(pause_s)
