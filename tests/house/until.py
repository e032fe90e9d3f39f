"""The one way to wait: ask again and again, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")
POLL_S = 0.02


async def until(look: Callable[[], Awaitable[Found]], timeout_s: float = 15) -> Found:
    """The first true answer of `look`; a test that waits longer fails with the last one."""
    deadline = time.monotonic() + timeout_s
    while not (found := await look()):
        assert time.monotonic() < deadline, f"still {found!r} after {timeout_s} s"
        await asyncio.sleep(POLL_S)
    return found
