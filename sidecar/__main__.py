"""The commands: up, serve, work, migrate."""

import argparse
import asyncio
import signal
import sys
import uuid
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import ValidationError

from sidecar.api.door import App, application
from sidecar.api.routes import ROUTES
from sidecar.errors import Misconfigured, StoreDown
from sidecar.loop import Loop
from sidecar.settings import Settings
from sidecar.stores.db import Db
from sidecar.stores.doorbell import Doorbell
from sidecar.telemetry import forever, to_stderr
from sidecar.tools import guard, http
from sidecar.worker import Worker

DRAIN_S = 8  # shorter than a lease: nobody adopts what is still being finished


async def serve(given: Settings, db: Db, doorbell: Doorbell, name: str) -> None:
    """The HTTP doors and the loop. Runs that still go at its end are adopted by another."""
    if not given.key and given.host not in ("127.0.0.1", "::1", "localhost"):
        remedy = "Set AGENTRT_KEY, or listen on 127.0.0.1"
        raise Misconfigured(f"no key protects {given.host}", remedy=remedy)
    providers = {}
    if given.openai_key or given.anthropic_key:
        providers = import_module("sidecar.extras.providers.wire").opened(vars(given))
    loop = Loop(db, doorbell, providers, name)
    await loop.beat()
    app = App(loop, given.key, given.secret, given.allow_hosts)
    runner = web.AppRunner(application(app, ROUTES), access_log=None, keepalive_timeout=75)
    await runner.setup()
    await web.TCPSite(runner, given.host, given.port).start()
    await until_stopped(forever("beat", loop.beat, 1), forever("hear", doorbell.hear, 1))
    await runner.cleanup()
    await drained(loop.busy())
    for provider in providers.values():
        await provider.close()


async def work(given: Settings, db: Db, doorbell: Doorbell, name: str) -> None:
    """Tool calls; those that run are finished first."""
    connector = guard.connector(guard.exceptions(given.allow_hosts))
    async with aiohttp.ClientSession(connector=connector) as session:
        tools: dict[str, Any] = {"http": partial(http.request, session, given.secret)}
        if given.tools:
            function = import_module("sidecar.extras.function")
            tools["function"] = await function.ready(db, given.tools)
        tools["delivery"] = partial(http.deliver, session, given.secret)
        worker = Worker(db, doorbell, tools, name)
        await until_stopped(forever("beat", worker.beat, 3), forever("take", worker.take, 0))
        await drained(worker.running | worker.telling)


async def drained(tasks: Iterable[Awaitable[None]]) -> None:
    """Once they are done, well or badly, or the time is over."""
    await asyncio.wait([asyncio.gather(*tasks, return_exceptions=True)], timeout=DRAIN_S)


async def until_stopped(*loops: Awaitable[None]) -> None:
    running = asyncio.gather(*loops)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with suppress(asyncio.CancelledError):
        await running


async def migrate(given: Settings, db: Db, doorbell: Doorbell, name: str) -> None:
    """What `serve` and `work` do first, alone."""


COMMANDS = {"serve": serve, "work": work, "migrate": migrate}


async def run(command: str, given: Settings) -> None:
    if not given.secret:
        remedy = "Set it to a long random text, the same for every process"
        raise Misconfigured("AGENTRT_SECRET is not set", remedy=remedy)
    db, doorbell = await Db.open(given.database_url), Doorbell(given.redis_url)
    name = str(uuid.uuid4())
    await db.migrate()
    await COMMANDS[command](given, db, doorbell, name)
    await db("leave", process=name)
    await doorbell.redis.aclose()
    await db.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="agentrt", description=__doc__)
    parser.add_argument("command", choices=["up", *COMMANDS])
    command = parser.parse_args().command
    try:
        given = Settings()
        to_stderr(given.log_level)
        if command == "up":
            import_module("sidecar.extras.up").run(given)
        else:
            asyncio.run(run(command, given))
    except (Misconfigured, StoreDown, OSError, ValidationError) as error:
        sys.exit(f"agentrt: {error}")


if __name__ == "__main__":
    main()
