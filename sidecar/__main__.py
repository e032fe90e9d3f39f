"""Commands: up, serve, work, migrate, replay."""

import argparse
import asyncio
import signal
import sys
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp
from aiohttp import web

from sidecar import settings
from sidecar.api.door import App, application
from sidecar.api.health import described
from sidecar.api.routes import ROUTES
from sidecar.errors import Misconfigured
from sidecar.loop import Loop
from sidecar.providers.wire import Wire
from sidecar.settings import Settings
from sidecar.stores.db import Db
from sidecar.stores.doorbell import Doorbell
from sidecar.telemetry import forever, to_stderr
from sidecar.tools import guard
from sidecar.tools.http import HttpTool
from sidecar.worker import Worker


async def serve(given: Settings) -> None:
    """The HTTP doors and the loop, until SIGTERM; runs that still go are left to be adopted."""
    if not given.key and given.host not in ("127.0.0.1", "::1", "localhost"):
        remedy = "Set AGENTRT_KEY, or listen on 127.0.0.1."
        raise Misconfigured(f"no key protects {given.host}", remedy=remedy)
    db, doorbell = await Db.open(given.database_url), Doorbell(given.redis_url)
    await db.migrate()
    wires = {"openai": Wire(given.openai_key, given.openai_url)} if given.openai_key else {}
    loop = Loop(db, doorbell, wires, str(uuid.uuid4()))
    await loop.beat()
    app = App(loop, given.key, given.secret, described(ROUTES))
    runner = web.AppRunner(application(app, ROUTES), access_log=None, keepalive_timeout=75)
    await runner.setup()
    try:
        await web.TCPSite(runner, given.host, given.port).start()
    except OSError as error:
        remedy = "Set AGENTRT_PORT to a free port, or stop what listens there."
        raise Misconfigured(f"port {given.port}: {error.strerror}", remedy=remedy) from error
    beat, watch = forever("beat", loop.beat, 1), forever("watch", lambda: doorbell.watch(db), 1)
    await until_stopped(beat, watch, forever("hear", doorbell.hear, 1))
    await runner.cleanup()
    await asyncio.wait(loop.driven, timeout=20) if loop.driven else None
    await db("leave", process=loop.owner)
    await db.close()


async def work(given: Settings) -> None:
    """Tool calls, until SIGTERM; those that run are finished first."""
    db, doorbell = await Db.open(given.database_url), Doorbell(given.redis_url)
    await db.migrate()
    connector = guard.connector(guard.allowed(given.allow_hosts))
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        tools = {"http": HttpTool(session, given.secret)}
        worker = Worker(db, doorbell, tools, str(uuid.uuid4()))
        await worker.beat()
        await until_stopped(forever("beat", worker.beat, 3), forever("take", worker.take, 0))
        await asyncio.wait(worker.running, timeout=20) if worker.running else None
    await db("leave", process=worker.name)
    await db.close()


async def until_stopped(*loops: Coroutine[Any, Any, None]) -> None:
    """Runs the loops until SIGTERM or SIGINT."""
    stop, tasks = asyncio.Event(), [asyncio.create_task(one) for one in loops]
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    for task in tasks:
        task.cancel()


async def migrate(given: Settings) -> None:
    db = await Db.open(given.database_url)
    print(f"at migration {await db.migrate()}")
    await db.close()


COMMANDS: dict[str, Callable[[Settings], Awaitable[None]]] = {
    "serve": serve,
    "work": work,
    "migrate": migrate,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="agentrt", description=__doc__)
    parser.add_argument("command", choices=[*COMMANDS, "up"])
    command, given = parser.parse_args().command, settings.read()
    to_stderr(given.log_level)
    try:
        if command == "up":
            from sidecar.extras import up

            up.run(given)
        else:
            asyncio.run(COMMANDS[command](given))
    except Misconfigured as error:
        sys.exit(f"agentrt: {error}")


if __name__ == "__main__":
    main()
