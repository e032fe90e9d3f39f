"""Postgres and Valkey that crash, freeze and start again, on the same sockets."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGQUIT, SIGSTOP

import psycopg2
import redis

from sidecar.extras import embedded
from sidecar.extras.children import Child

Starting = Callable[[], AbstractContextManager[tuple[Child, str]]]


class Server:
    """One server process; its URL outlives it."""

    def __init__(self, starting: Starting) -> None:
        self.starting = starting
        self.start()

    def start(self) -> None:
        self.running = self.starting()
        self.child, self.url = self.running.__enter__()

    def stop(self) -> None:
        """Safe after a crash."""
        self.running.__exit__(None, None, None)


class Stores:
    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.postgres = Server(lambda: embedded._postgres(folder, lock))
        self.valkey = Server(lambda: embedded._valkey(folder, lock))
        self.database_url = embedded.database(self.postgres.url, "agentrt")
        self.redis_url = self.valkey.url

    def crash_postgres(self) -> None:
        """What `pg_ctl stop -m immediate` does, and a start that recovers from the log."""
        os.kill(self.postmaster(), SIGQUIT)
        self.postgres.child.process.wait()
        self.postgres.stop()
        self.postgres.start()

    def crash_valkey(self) -> None:
        """`kill -9`, and a start with nothing in it."""
        os.kill(self.valkey_pid(), SIGKILL)
        self.valkey.child.process.wait()
        self.valkey.stop()
        shutil.rmtree(self.folder / "valkey")
        self.valkey.start()

    def postmaster(self) -> int:
        return int((self.folder / "pg" / "postmaster.pid").read_text().split()[0])

    def valkey_pid(self) -> int:
        with redis.Redis.from_url(self.redis_url) as client:
            info: dict[str, int] = client.info("server")  # pyright: ignore[reportAssignmentType]
            return info["process_id"]

    @contextmanager
    def frozen_postgres(self) -> Iterator[None]:
        """The postmaster and every server process that there is."""
        connection = psycopg2.connect(self.postgres.url)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            pids = [self.postmaster(), *(pid for (pid,) in cursor.fetchall())]
        connection.close()
        with frozen(pids):
            yield

    @contextmanager
    def frozen_valkey(self) -> Iterator[None]:
        with frozen([self.valkey_pid()]):
            yield


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, SIGCONT)


@contextmanager
def stores(folder: Path) -> Iterator[Stores]:
    folder.mkdir(mode=0o755)
    with embedded._locked(folder) as lock:
        made = Stores(folder, lock)
        try:
            yield made
        finally:
            made.valkey.stop()
            made.postgres.stop()
