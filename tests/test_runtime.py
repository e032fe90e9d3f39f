"""What the line budget counts is what runs: `serve` and `work` load no leaf by themselves."""

import subprocess
import sys

from sidecar.extras import embedded

SCRIPT = """
import asyncio, sys
from sidecar import __main__ as commands
from sidecar.settings import Settings

async def until_stopped(*loops):
    for loop in loops:
        loop.close()
    print(*sorted(name for name in sys.modules if name.startswith("sidecar.extras")))

commands.until_stopped = until_stopped
asyncio.run(commands.run(sys.argv[1], Settings()))
"""


def test_serve_and_work_load_no_leaf_by_themselves(
    stores: embedded.Servers, settings: dict[str, str]
) -> None:
    for command in ("serve", "work"):
        env = {"DATABASE_URL": stores.database_url, "REDIS_URL": stores.redis_url}
        env |= {"AGENTRT_SECRET": settings["AGENTRT_SECRET"], "AGENTRT_PORT": "0"}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, command], env=env, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
