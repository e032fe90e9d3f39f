"""The doorbell: Redis carries work and wake-ups, and may be lost at any time.

A ring that does not arrive costs a second, never a result: `Loop.beat` asks Postgres once a second
for the news of every run that somebody in this process waits for. The queue is a stream without
acknowledgement: who dies with an offer has claimed nothing, and after a second any worker takes
the call from Postgres. Only commands that Redis >= 6.2 and Valkey share are used.
"""

import asyncio
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

QUEUE, GROUP, RUNS = "agentrt:calls", "workers", "agentrt:runs"
LENGTH = 10_000  # of the stream, about; what falls off its end workers find in Postgres
TROUBLE, FORGET_S = "agentrt:trouble:", 30
AWAY = (RedisError, OSError, TimeoutError)


class Doorbell:
    def __init__(self, url: str) -> None:
        self.redis: Any = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self.rings: dict[str, asyncio.Event] = {}

    def next_ring(self, run: str) -> asyncio.Event:
        """Set at the next news of the run: take it, look at the run, then wait for it."""
        return self.rings.setdefault(run, asyncio.Event())

    def wake(self, runs: Iterable[str]) -> None:
        for run in runs:
            self.rings.pop(run, asyncio.Event()).set()

    async def ring(self, run: str) -> None:
        """Wakes whoever waits for the run, in every process."""
        self.wake([run])
        await tried(self.redis.publish(RUNS, run))

    async def hear(self) -> None:
        """Relays other processes' rings, for ever; RedisError when the connection is lost."""
        async with self.redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(RUNS)
            while True:
                if message := await channel.get_message(timeout=1):
                    self.wake([message["data"].decode()])

    async def enqueue(self, calls: Iterable[str]) -> None:
        """Offers tool calls (`run/call`) to the workers, who else find them a second later."""
        offers = self.redis.pipeline(transaction=False)
        for call in calls:
            offers.xadd(QUEUE, {"call": call}, maxlen=LENGTH, approximate=True)
        await tried(offers.execute())

    async def troubles(self, providers: Iterable[str]) -> dict[str, int]:
        """How often each has failed lately, in any process; none while Redis is away."""
        counts = await tried(self.redis.mget([TROUBLE + name for name in providers])) or ()
        return {name: int(n) for name, n in zip(providers, counts, strict=False) if n}

    async def trouble(self, provider: str, *, over: bool) -> None:
        """One more, forgotten when no other follows; or, over, none at all."""
        key, counts = TROUBLE + provider, self.redis.pipeline()
        told = counts.delete(key) if over else counts.incr(key).expire(key, FORGET_S)
        await tried(told.execute())

    async def take(self, worker: str, count: int) -> list[str]:
        """Calls that were offered, within a quarter of a second; none while Redis is away."""
        try:
            found = await self.redis.xreadgroup(GROUP, worker, {QUEUE: ">"}, count, 250, noack=True)
        except AWAY:  # or it came back empty
            await tried(self.redis.xgroup_create(QUEUE, GROUP, id="0", mkstream=True))
            await asyncio.sleep(0.25)
            return []
        return [told[b"call"].decode() for _, all in found or () for _, told in all]


async def tried(command: Awaitable[Any]) -> Any:
    """What Redis says; None while it is away."""
    with suppress(*AWAY):
        return await command
