"""Sidecars and workers that tell every boundary they pass, and are killed at those ordered.

A boundary lies before and after every word that leaves a process: a transaction, a command to
Redis, a request to a provider, a tool or a callback, an answer to a caller. Its name is what is
said, so that a new word is a new name. What only reads changes nothing: one cut, before it. What
comes all the time is a boundary when it brings something.

Each folder in CUTS is a lane: an `env.json`, for one sidecar and one worker. This process is
their supervisor: what was killed is started again, and the leases of the dead have run out by
then, so that nobody waits for a clock.
"""

import json
import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg2
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from sidecar.__main__ import main as agentrt
from sidecar.api import door
from sidecar.errors import StoreDown
from sidecar.extras.providers import wire
from sidecar.stores.db import Db, sentences
from sidecar.tools import http

ROLES = {"serve": "sidecar", "work": "worker"}
EMPTY = "redis, of nothing"
QUIET = {"beat", "hold", "news", EMPTY}  # change nothing of a turn
NEWS = {"sweep", "adopt", "claim", "due", "told", "redis XREADGROUP"}
READS = {"redis MGET"}
# Once Postgres has ended the sessions of the dead: it may still be doing their last word.
GONE = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = %(command)s;"""
LEASES_OVER = {
    "serve": "UPDATE process SET beat_at = beat_at - interval '1 hour' WHERE role = 'sidecar'",
    "work": """UPDATE tool_call SET lease_until = lease_until - interval '1 hour';
        UPDATE delivery SET not_before = now() WHERE state = 'pending'""",
}
AWAY = "away: "
UNDRIVEN_OVER = "UPDATE run SET started_at = started_at - interval '1 hour'"


def passed(boundary: str) -> None:
    """Nothing is told, and nobody is killed, where there are no orders.

    Instead of the process its connection to Postgres can be cut: before a sentence is sent, or
    after it has landed and before the process knows.
    """
    role, lane = ROLES[sys.argv[1]], Path(os.environ["CUTS"])
    if not (lane / "orders").exists():
        return
    with (lane / "passed").open("a") as told:
        told.write(f"{role} {boundary}\n")
    first, *later = (lane / "orders").read_text().splitlines() or [""]
    if first.removeprefix(AWAY) != f"{role} {boundary}":
        return
    (lane / "left").write_text("\n".join(later))
    (lane / "left").replace(lane / "orders")
    if first.startswith(AWAY):
        execute(os.environ["DATABASE_URL"], UNDRIVEN_OVER)
        raise StoreDown("as ordered")
    os.kill(os.getpid(), signal.SIGKILL)


def watch(owner: Any, function: str, named: Callable[..., str]) -> None:
    """`named` gives the word of a call."""
    whole = getattr(owner, function)

    async def watched(*given: Any, **more: Any) -> Any:
        word = named(*given, **more)
        if word not in QUIET | NEWS:
            passed(f"before {word}")
        answer = await whole(*given, **more)
        if word not in QUIET and (answer if word in NEWS else changes(word)):
            passed(f"after {word}")
        return answer

    setattr(owner, function, watched)


def changes(word: str) -> bool:
    """Whether the world is another one afterwards."""
    names = [one.split(".")[0] for one in word.split("+")]
    said = [sentences()[name] for name in names if name in sentences()]
    return bool(re.search("INSERT|UPDATE|DELETE", "".join(said))) if said else word not in READS


def sentence(_: Db, said: list[tuple[str, dict[str, Any]]]) -> str:
    """Events first, and without what goes along with each: in one transaction all is at once."""
    words = [f"event.{values['kind']}" if name == "event" else name for name, values in said]
    told = [word for word in dict.fromkeys(words) if word not in ("fit", "part")]
    return "+".join(sorted(told, key=lambda word: not word.startswith(("start", "event"))))


def command(_: Redis, *said: Any, **__: Any) -> str:
    return f"redis {said[0]}"


def commands(of: Pipeline, *_: Any) -> str:
    said = dict.fromkeys(str(given[0]) for given, _ in of.command_stack)
    return f"redis {'+'.join(said)}" if said else EMPTY


def question(_: Any, __: Any, ___: str, body: bytes, *____: Any) -> str:
    return "model of the result" if b"function_call_output" in body else "model"


def request(_: Any, __: str, ___: bytes, headers: dict[str, str], *____: Any) -> str:
    return "tool" if "Idempotency-Key" in headers else "callback"


def watch_all() -> None:
    watch(Db, "together", sentence)
    watch(Redis, "execute_command", command)
    watch(Pipeline, "execute", commands)
    watch(wire, "send", question)
    watch(http, "post", request)
    whole = door.reply

    def reply(*given: Any) -> Any:
        passed("before answer")
        return whole(*given)

    door.reply = reply


class Supervisor:
    def __init__(self) -> None:
        self.children: dict[int, tuple[dict[str, str], str]] = {}
        signal.signal(signal.SIGTERM, self.stop)

    def start(self, env: dict[str, str], command: str) -> None:
        """By fork: what was killed is back within milliseconds."""
        if child := os.fork():
            self.children[child] = env, command
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ |= {**env, "PGAPPNAME": command}
        sys.argv = ["agentrt", command]
        agentrt()
        sys.exit()

    def watch(self) -> int:
        """Until all have ended; the worst status. Where one ends by itself, all are stopped."""
        worst = 0
        while self.children:
            child, status = os.wait()
            (env, command), code = self.children.pop(child), os.waitstatus_to_exitcode(status)
            if code == -signal.SIGKILL:
                execute(env["DATABASE_URL"], GONE + LEASES_OVER[command], command)
                self.start(env, command)
            elif code != -signal.SIGTERM:  # of one that had just been started again
                worst = max(worst, abs(code))
                self.stop()
        return worst

    def stop(self, *_: Any) -> None:
        for child in self.children:
            os.kill(child, signal.SIGTERM)


def execute(database_url: str, sentence: str, command: str = "") -> None:
    with closing(psycopg2.connect(database_url)) as connection, connection as transaction:
        transaction.cursor().execute(sentence, {"command": command})


def main() -> None:
    import_module("openai")  # once, for all that are started
    watch_all()
    supervisor = Supervisor()
    for lane in sorted(Path(os.environ["CUTS"]).iterdir()):
        for command in ROLES:
            supervisor.start(json.loads((lane / "env.json").read_text()), command)
    sys.exit(supervisor.watch())


if __name__ == "__main__":
    main()
