"""One installation: a database, a Redis database, and the processes that share them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions
import redis

from tests.house.processes import Process, free_port, start

KEY = "operator-key-of-the-tests"


@dataclass(frozen=True, slots=True)
class Installation:
    """`settings` is the environment that sidecars and workers have in common."""

    database_url: str
    redis_url: str
    folder: Path
    settings: dict[str, str]
    started: list[Process] = field(default_factory=list)

    def sidecar(self, **changes: str) -> Process:
        port = str(free_port())
        url = f"http://127.0.0.1:{port}"
        return self._run(["-m", "sidecar", "serve"], url, AGENTRT_PORT=port, **changes)

    def worker(self, **changes: str) -> Process:
        return self._run(["-m", "sidecar", "work"], "", **changes)

    def offline_sidecar(self) -> Process:
        """No provider key, no Redis, and every connection but Postgres's refused."""
        port = str(free_port())
        nowhere = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}"}
        nowhere |= {"OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": ""}
        script = [str(Path(__file__).with_name("offline.py")), "serve"]
        return self._run(script, f"http://127.0.0.1:{port}", AGENTRT_PORT=port, **nowhere)

    def _run(self, arguments: list[str], url: str, **changes: str) -> Process:
        stores = {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}
        env = stores | self.settings | {"AGENTRT_KEY": KEY} | changes
        self.started.append(start(arguments, self.folder, env=env, url=url))
        return self.started[-1]

    def kill_all(self) -> None:
        for process in self.started:
            process.kill()

    def sql(self, sentence: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return sql(self.database_url, sentence, values)

    def wipe_redis(self) -> None:
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()


def sql(url: str, sentence: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Straight into Postgres, past the runtime."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sentence, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def new_database(server_url: str, name: str) -> str:
    """The DSN of an empty database on the same server."""
    connection = psycopg2.connect(server_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}"')
    finally:
        connection.close()
    return psycopg2.extensions.make_dsn(server_url, dbname=name)
