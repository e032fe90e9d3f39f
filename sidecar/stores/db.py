"""Postgres through aiopg: named SQL sentences, one transaction a call.

What aiopg needs cured is cured here: a cancelled statement still commits, so each runs in a
task of its own that no caller cancels, and one that is out of time is a StoreDown: it may have
landed. The server's statement timeout comes back as CancelledError; a connection that dies in
the pool shows as AssertionError.
"""

import asyncio
import re
from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import Any

import aiopg
import psycopg2
import zstandard
from psycopg2.errors import DivisionByZero, UniqueViolation

from sidecar.errors import Fenced, Misconfigured, Problem, StoreDown, Taken
from sidecar.telemetry import Tasks

SQL = files("sidecar.stores") / "sql"
AWAY = (psycopg2.OperationalError, psycopg2.InterfaceError, AssertionError, TimeoutError)
ALONE = "SELECT pg_advisory_xact_lock(8700);"
MIGRATION = "CREATE TABLE IF NOT EXISTS migration (version int PRIMARY KEY); TABLE migration;"


@cache
def sentences() -> dict[str, str]:
    """Every `-- name:` of sql/*.sql with its sentence."""
    texts = [path.read_text() for path in SQL.iterdir() if path.name.endswith(".sql")]
    pieces = re.split(r"^-- name: (\w+)\n", "\n".join(texts), flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


class Db:
    def __init__(self, pool: aiopg.Pool) -> None:
        self.pool = pool
        self.running = Tasks()

    @classmethod
    async def open(cls, dsn: str) -> "Db":
        try:
            return cls(await aiopg.create_pool(dsn, maxsize=8, timeout=5, enable_hstore=False))
        except AWAY as error:
            raise StoreDown(f"Postgres: {error}") from error

    async def close(self) -> None:
        await asyncio.gather(*self.running, return_exceptions=True)
        self.pool.terminate()
        await self.pool.wait_closed()

    async def __call__(self, name: str, /, **values: Any) -> list[Any]:
        return await self.together([(name, values)])

    async def together(self, said: list[tuple[str, dict[str, Any]]]) -> list[Any]:
        """All sentences land, or none; the rows of the last. StoreDown, Taken, Fenced."""
        work = self.execute([(sentences()[name], values) for name, values in said])
        # A second more than an answer may take: some wait for a connection.
        return await asyncio.shield(self.running.start(asyncio.wait_for(work, 6)))

    async def execute(self, statements: list[tuple[str, Any]]) -> list[Any]:
        try:
            async with self.pool.acquire() as connection, connection.cursor() as cursor:
                texts = [cursor.mogrify(sql, values).decode() for sql, values in statements]
                await cursor.execute("".join(texts))
                return await cursor.fetchall() if cursor.description else []
        except UniqueViolation as error:
            raise Taken(error.diag.constraint_name) from error
        except DivisionByZero as error:
            raise Fenced("it has another owner") from error
        except (*AWAY, asyncio.CancelledError) as error:
            raise StoreDown(f"Postgres: {str(error) or 'statement timeout'}") from error
        except ValueError as error:  # a NUL or half a character, wherever it came in
            raise Problem(422, "validation", f"Postgres keeps no such text: {error}") from error

    async def migrate(self) -> None:
        """Applies what is missing, each file in a transaction."""
        done = await self.execute([(ALONE + MIGRATION, None)])
        steps = sorted((SQL / "migrations").iterdir(), key=lambda path: path.name)
        if len(done) > len(steps):
            newer = f"the database has {len(done)} migrations, this agentrt knows {len(steps)}"
            raise Misconfigured(newer, remedy="Upgrade agentrt, or restore an older backup")
        for number, step in enumerate(steps, 1):
            claim = f"{ALONE} INSERT INTO migration VALUES ({number});"
            with suppress(Taken):
                await self.execute([(claim, None), (step.read_text(), None)])


def packed(body: bytes) -> bytes:
    return zstandard.compress(body, 3)


def unpacked(body: memoryview) -> bytes:
    """Damaged bytes as they are: their hash tells."""
    with suppress(zstandard.ZstdError):
        return zstandard.decompress(body)
    return bytes(body)
