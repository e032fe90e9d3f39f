"""The doorbell: Redis carries work and wake-ups, and may be lost at any time.

A ring that does not arrive costs a second, never a result: `watch` asks Postgres once a second
for the news of every run that somebody in this process listens to. Only commands that
Redis >= 6.2 and Valkey share are used.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from sidecar.stores.db import Db

QUEUE, GROUP, RUNS = "agentrt:calls", "workers", "agentrt:runs"
AWAY = (RedisError, OSError, TimeoutError)


class Doorbell:
    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=3)
        self.listeners: dict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def listen(self, run: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever there may be news of the run."""
        rung = asyncio.Event()
        self.listeners[run].add(rung)
        try:
            yield rung
        finally:
            self.listeners[run].discard(rung)
            if not self.listeners[run]:
                del self.listeners[run]

    def wake(self, runs: Iterable[str]) -> None:
        for run in runs:
            for rung in self.listeners.get(run, ()):
                rung.set()

    async def ring(self, run: str) -> None:
        """Wakes whoever listens to the run, in every process."""
        self.wake([run])
        with suppress(*AWAY):
            await self.redis.publish(RUNS, run)

    async def hear(self) -> None:
        """Relays rings from other processes, for ever; RedisError when the connection is lost."""
        async with self.redis.pubsub() as channel:
            await channel.subscribe(RUNS)
            while True:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=1)
                if message:
                    self.wake([message["data"].decode()])

    async def watch(self, db: Db) -> None:
        """The one poll a second of this process."""
        if self.listeners:
            self.wake(run for (run,) in await db("news", runs=list(self.listeners)))

    async def enqueue(self, calls: Iterable[str]) -> None:
        """Offers tool calls (`run/call`) to the workers; the sweep offers them again if this fails."""
        pipeline = self.redis.pipeline(transaction=False)
        for call in calls:
            pipeline.xadd(QUEUE, {"call": call}, maxlen=100_000, approximate=True)
        with suppress(*AWAY):
            await pipeline.execute()

    async def take(self, worker: str, count: int, block_ms: int) -> list[tuple[bytes, str]]:
        """Offered calls with their message ids; RedisError when Redis is away."""
        try:
            streams = await self.redis.xreadgroup(GROUP, worker, {QUEUE: ">"}, count, block_ms)
        except ResponseError:
            with suppress(ResponseError):
                await self.redis.xgroup_create(QUEUE, GROUP, id="0", mkstream=True)
            return []
        messages = streams[0][1] if streams else []
        return [(number, fields[b"call"].decode()) for number, fields in messages]

    async def done(self, numbers: list[bytes]) -> None:
        pipeline = self.redis.pipeline(transaction=False)
        pipeline.xack(QUEUE, GROUP, *numbers)
        pipeline.xdel(QUEUE, *numbers)
        with suppress(*AWAY):
            await pipeline.execute()
