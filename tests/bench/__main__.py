"""`make bench`: one-tool turns over HTTP, everything logged, fsync on.

Two model calls to the simulator and one tool call through Redis and a worker of its own make a
turn; all processes share this machine. Arguments: how many turns (400), how many at once (32).
"""

import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sidecar.extras import embedded
from tests.house.api import Api, opened
from tests.house.installation import KEY, Installation
from tests.house.processes import free_port, start
from tests.house.toolserver import ToolServer

TOOL_PORT = free_port()


async def turn(api: Api, gate: asyncio.Semaphore) -> float:
    """Milliseconds."""
    async with gate:
        began = time.perf_counter()
        run = await api.turn("bencher", "Company: Acme")
        assert run["status"] == "completed" and run["tool_calls"], run
        return (time.perf_counter() - began) * 1_000


async def measured(api: Api, turns: int, at_once: int) -> None:
    gate = asyncio.Semaphore(at_once)
    await asyncio.gather(*(turn(api, gate) for _ in range(at_once)))  # warm
    began = time.perf_counter()
    took = sorted(await asyncio.gather(*(turn(api, gate) for _ in range(turns))))
    rate = turns / (time.perf_counter() - began)
    p50, p95 = statistics.median(took), took[int(len(took) * 0.95)]
    print(f"{at_once:>3} at once: {rate:7.1f} turns/s, p50 {p50:6.1f} ms, p95 {p95:6.1f} ms")


async def bench(house: Installation, turns: int, at_once: int) -> None:
    sidecar = house.sidecar()
    house.worker()
    async with opened(sidecar, KEY) as api, ToolServer(TOOL_PORT) as tools:
        tools.gives("bench", {"found": True})
        await api.tool("bench", **tools.contract("bench", side_effects="none"))
        await api.agent("bencher", tools=["bench"])
        await measured(api, max(20, turns // 8), 1)
        await measured(api, turns, at_once)


def main() -> None:
    turns, at_once = [*map(int, sys.argv[1:]), 400, 32][:2]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="agentrt-bench-", dir="/tmp") as name:
        folder = Path(name)
        port = free_port()
        logs = folder / "logs"
        logs.mkdir()
        simulator = start(["-m", "tests.simulator", "--port", str(port)], logs, env={})
        settings = {
            "AGENTRT_SECRET": "secret-of-the-bench",
            "AGENTRT_ALLOW_HOSTS": f"127.0.0.1:{TOOL_PORT}",
            "OPENAI_API_KEY": "simulated",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        }
        with embedded.servers(folder / "stores") as stores:
            house = Installation(stores.database_url, stores.redis_url, logs, settings)
            try:
                asyncio.run(bench(house, turns, at_once))
            finally:
                house.kill_all()
                simulator.kill()


if __name__ == "__main__":
    main()
