"""`make chaos`: turns with tools under kills and crashes, then the invariants.

Postgres crashes, Redis comes back empty, workers and sidecars die by `kill -9`, as often as
faults.py says; all processes share this machine. Ends with 1 where an invariant is broken.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from tests.chaos.audit import OPEN, Found, audited
from tests.chaos.faults import Faults
from tests.chaos.load import Load, World
from tests.chaos.stores import Stores, stores
from tests.house.installation import Installation
from tests.house.processes import Process, free_port, start
from tests.house.provider import Provider
from tests.house.toolserver import ToolServer
from tests.house.until import until

SETTLE_S = 180  # leases run out, one after the other
TOOL_PORT = free_port()


async def chaos(house: Installation, servers: Stores, simulator: Process, seconds: int) -> bool:
    timeout = aiohttp.ClientTimeout(total=40)
    async with ToolServer(TOOL_PORT) as tools, aiohttp.ClientSession(timeout=timeout) as session:
        faults, world = Faults(house, servers), World(tools)
        load = Load(session, faults.sidecars, f"http://127.0.0.1:{TOOL_PORT}/callback")
        await load.configure(tools)
        began, over = time.monotonic(), asyncio.Event()
        clients = asyncio.create_task(load.clients(over))
        await faults.all(seconds)
        over.set()
        await clients
        troubled_s = time.monotonic() - began
        await settled(house)
        settled_s = time.monotonic() - began - troubled_s
        requests = await Provider(session, simulator.url).received()
        found = audited(house, load.runs, world, requests)
        told(faults, load, found, len(requests))
        print(f"{troubled_s:.0f} s of faults, {settled_s:.0f} s until all was at rest")
        return found.well and not load.strange


async def settled(house: Installation) -> None:
    """Who does not come to rest is counted as lost, not waited for."""

    async def quiet() -> bool:
        return house.sql(OPEN) == [(0,)]

    try:
        await until(quiet, SETTLE_S)
    except AssertionError as error:
        print(f"not at rest: {error}")


def told(faults: Faults, load: Load, found: Found, requests: int) -> None:
    for line in [*found.broken[:20], *map(str, load.strange[:20])]:
        print(line)
    done = ", ".join(f"{times} x {what}" for what, times in faults.done.items())
    print(f"killed or crashed: {done}")
    print(f"refused and asked again: {dict(load.refused)}")
    print(f"{len(load.runs)} turns, {found.calls} tool calls, {requests} model calls")
    print(f"{found.events} events, broken: {len(found.broken)}, strange: {len(load.strange)}")
    print(
        f"lost {found.lost}, twice {found.twice}, in doubt {found.in_doubt}"
        f" ({found.in_doubt_had_run} of them had run), ledger below billed {found.below}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seconds", type=int, default=240, help="of faults")
    seconds = parser.parse_args().seconds
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="agentrt-chaos-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        logs, port = folder / "logs", free_port()
        logs.mkdir()
        url = f"http://127.0.0.1:{port}"
        simulator = start(["-m", "tests.simulator", "--port", str(port)], logs, env={}, url=url)
        settings = {
            "AGENTRT_SECRET": "secret-of-the-chaos",
            "AGENTRT_ALLOW_HOSTS": f"127.0.0.1:{TOOL_PORT}",
            "OPENAI_API_KEY": "simulated",
            "OPENAI_BASE_URL": f"{url}/v1",
        }
        with stores(folder / "stores") as servers:
            house = Installation(servers.database_url, servers.redis_url, logs, settings)
            try:
                well = asyncio.run(chaos(house, servers, simulator, seconds))
            finally:
                house.kill_all()
                simulator.kill()
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
