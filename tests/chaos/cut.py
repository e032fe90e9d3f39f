"""A TCP proxy before Postgres that drops replies: what was asked is done, and nobody hears it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg2.extensions

WRITES = b"INSERT INTO event"
CHUNK = 1 << 16


class Proxy:
    """Of every `nth` statement that appends to a log, the reply is dropped, `cuts` times."""

    def __init__(self, socket: str, nth: int, cuts: int) -> None:
        self.socket, self.nth, self.cuts = socket, nth, cuts
        self.writes, self.cut = 0, 0
        self.port = 0
        self.relays: list[asyncio.Future[None]] = []
        self.writers: list[asyncio.StreamWriter] = []

    def dsn(self, dsn: str) -> str:
        return psycopg2.extensions.make_dsn(dsn, host="127.0.0.1", port=self.port)

    def accept(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.relays.append(asyncio.ensure_future(self.relay(client, back)))

    async def relay(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, ahead = await asyncio.open_unix_connection(self.socket)
        self.writers += [ahead, back]
        doomed = asyncio.Event()
        ways = [self.ask(client, ahead, doomed), self.answer(server, back, doomed)]
        both = [asyncio.ensure_future(way) for way in ways]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for writer in (ahead, back):
            writer.transport.abort()
        await asyncio.gather(*both, return_exceptions=True)
        await asyncio.gather(ahead.wait_closed(), back.wait_closed(), return_exceptions=True)

    async def ask(
        self, client: asyncio.StreamReader, ahead: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        while asked := await client.read(CHUNK):
            self.writes += WRITES in asked
            if WRITES in asked and self.writes % self.nth == 0 and self.cut < self.cuts:
                self.cut += 1
                doomed.set()
            ahead.write(asked)

    async def answer(
        self, server: asyncio.StreamReader, back: asyncio.StreamWriter, doomed: asyncio.Event
    ) -> None:
        """Postgres replies to a transaction once it is committed."""
        while said := await server.read(CHUNK):
            if doomed.is_set():
                return
            back.write(said)


@asynccontextmanager
async def cutting(socket: str, *, nth: int, cuts: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(socket, nth, cuts)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for writer in proxy.writers:
            writer.transport.abort()
        await asyncio.gather(*proxy.relays)
