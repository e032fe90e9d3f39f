"""What goes wrong, how often, and who starts again what died."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.chaos.stores import Stores
from tests.house.installation import Installation
from tests.house.processes import Process

WORKERS, SIDECARS = 3, 2
RATES = {"worker": 2.2, "sidecar": 16, "redis": 7.5, "postgres": 22}  # seconds between two


class Faults:
    """Two sidecars and three workers; `done` counts what was done to whom."""

    def __init__(self, house: Installation, stores: Stores) -> None:
        self.house, self.stores = house, stores
        self.sidecars = [house.sidecar() for _ in range(SIDECARS)]
        self.workers = [house.worker() for _ in range(WORKERS)]
        self.done: Counter[str] = Counter()

    async def all(self, seconds: int) -> None:
        """Evenly over the time, each a little early or late."""
        doing: dict[str, Callable[[], Awaitable[None]]] = {
            "worker": self.kill_worker,
            "sidecar": self.kill_sidecar,
            "redis": lambda: asyncio.to_thread(self.stores.crash_valkey),
            "postgres": lambda: asyncio.to_thread(self.stores.crash_postgres),
        }
        keeping = asyncio.create_task(self.keep())
        await asyncio.gather(*(self.again(what, do, seconds) for what, do in doing.items()))
        keeping.cancel()

    async def again(self, what: str, do: Callable[[], Awaitable[None]], seconds: int) -> None:
        began, every_s = time.monotonic(), RATES[what]
        for number in range(1, int(seconds / every_s) + 1):
            due = began + (number - random.random() / 2) * every_s
            await asyncio.sleep(max(0, due - time.monotonic()))
            await do()
            self.done[what] += 1

    async def kill_worker(self) -> None:
        """The oldest: it has calls in its hands."""
        self.workers[0].kill()
        self.workers[:] = [*self.workers[1:], self.house.worker()]

    async def kill_sidecar(self) -> None:
        self.sidecars[0].kill()
        self.sidecars[:] = [*self.sidecars[1:], self.house.sidecar()]

    async def keep(self) -> None:
        """A process that finds no Postgres when it starts ends; a supervisor starts it again."""
        starts: list[tuple[list[Process], Callable[[], Process]]] = [
            (self.sidecars, self.house.sidecar),
            (self.workers, self.house.worker),
        ]
        while True:
            for processes, start in starts:
                for place, process in enumerate(processes):
                    if process.child.poll() is not None:
                        processes[place] = start()
            await asyncio.sleep(0.3)
