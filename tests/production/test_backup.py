"""The backup of docs/operations.md brings a run back, and it replays."""

import asyncio
import subprocess
from pathlib import Path

import psycopg2

from tests.house.api import opened
from tests.house.processes import Process
from tests.house.provider import Provider
from tests.production.conftest import Contained, Database
from tests.production.docs import executed


async def test_a_run_comes_back_from_the_backup_and_replays(
    contained: Contained,
    database: Database,
    secrets: dict[str, str],
    simulator: Process,
    provider: Provider,
    tmp_path: Path,
) -> None:
    given = {"OPENAI_API_KEY": "simulated", "OPENAI_BASE_URL": f"{simulator.url}/v1"}
    sidecar = await asyncio.to_thread(contained("sidecar", given).start().up)
    async with opened(sidecar.process, secrets["AGENTRT_KEY"]) as api:
        await api.agent("greeter")
        run = (await api.turn("greeter", "Hello"))["run"]
    assert await asyncio.to_thread(sidecar.stop) == 0
    assert database.make(secrets).returncode == 0
    backup, restore = executed("postgres")[:2], executed("postgres")[2:]
    assert [line.split()[0] for line in backup + restore] == 2 * ["pg_dump"] + 2 * ["pg_restore"]
    await asyncio.to_thread(carry_out, backup, database.env, tmp_path)
    forget(sidecar.env)
    await asyncio.to_thread(carry_out, restore, database.env, tmp_path)
    again = await asyncio.to_thread(contained("sidecar", given).start().up)
    async with opened(again.process, secrets["AGENTRT_KEY"]) as api:
        assert (await api.replay(run))["verdict"] == "identical"


def carry_out(lines: list[str], env: dict[str, str], folder: Path) -> None:
    for line in lines:
        done = subprocess.run(
            ["sh", "-c", line], cwd=folder, env=env, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), line


def forget(env: dict[str, str]) -> None:
    """Every run."""
    connection = psycopg2.connect(env["DATABASE_URL"], password=env["PGPASSWORD"])
    with connection, connection.cursor() as cursor:
        cursor.execute("TRUNCATE run CASCADE")
    connection.close()
