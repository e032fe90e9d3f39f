"""Sidecar and worker from the built image, run as docker-compose.yml says."""

import asyncio
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest

from tests.house.api import opened
from tests.house.log import assert_complete
from tests.house.processes import Process
from tests.house.provider import Provider
from tests.house.toolserver import ToolServer
from tests.production.composefile import composed
from tests.production.conftest import Contained
from tests.production.containers import Container
from tests.production.docs import module


@pytest.fixture
def pair(contained: Contained, simulator: Process, tool_port: int) -> dict[str, Container]:
    given = {"OPENAI_API_KEY": "simulated", "OPENAI_BASE_URL": f"{simulator.url}/v1"}
    given |= {"AGENTRT_MORE_HOSTS": f"127.0.0.1:{tool_port}"}
    return {name: contained(name, given).start() for name in ("sidecar", "worker")}


async def test_a_turn_with_a_tool_runs_through_healthy_services_that_stop_in_time(
    pair: dict[str, Container], tools: ToolServer, provider: Provider, secrets: dict[str, str]
) -> None:
    for container in pair.values():
        await asyncio.to_thread(container.up)
    tools.gives("enrich", {"employees": 120})
    async with opened(pair["sidecar"].process, secrets["AGENTRT_KEY"]) as api:
        assert (await api("GET", "/v1/agents", Authorization="")).status == 401
        health = (await api("GET", "/health")).body
        assert health["stores"] == {"postgres": "up", "redis": "up"} and health["workers"] > 0
        await api.tool("enrich", **tools.contract("enrich"))
        await api.agent("enricher", tools=["enrich"])
        run = await api.turn("enricher", "Company: Acme")
        assert run["status"] == "completed", run
        assert [call["status"] for call in run["tool_calls"]] == ["done"]
        await assert_complete(api, run["run"])
    stopped = {name: await asyncio.to_thread(one.stop) for name, one in pair.items()}
    assert stopped == {"sidecar": 0, "worker": 0}, [one.process.said() for one in pair.values()]
    assert [path for one in pair.values() for path in one.cwd.iterdir()] == []


async def test_a_tool_in_python_is_run_from_the_folder_that_is_mounted(
    contained: Contained, simulator: Process, secrets: dict[str, str], tmp_path: Path
) -> None:
    given = {"OPENAI_API_KEY": "simulated", "OPENAI_BASE_URL": f"{simulator.url}/v1"}
    given |= {"AGENTRT_TOOLS": "prices", "AGENTRT_TOOLS_FOLDER": "./tools"}
    (mounted,) = composed({**secrets, **given})["services"]["worker"]["volumes"]
    sidecar, worker = contained("sidecar", given), contained("worker", given)
    assert mounted == f"./tools:{worker.own['PYTHONPATH']}:ro"
    (tmp_path / "prices.py").write_text(module())
    worker.own = {**worker.own, "PYTHONPATH": str(tmp_path)}
    for container in (sidecar, worker):
        await asyncio.to_thread(container.start().up)
    async with opened(sidecar.process, secrets["AGENTRT_KEY"]) as api:
        await api.agent("seller", tools=["price"])
        run = await api.turn("seller", "seats: 3")
    (call,) = run["tool_calls"]
    assert call["result"] == {"euros": 20 * call["arguments"]["seats"]}, call


def test_a_service_that_hangs_is_unhealthy_until_it_goes_on(pair: dict[str, Container]) -> None:
    sidecar, worker = pair["sidecar"].up(), pair["worker"].up()
    worker.process.signal(SIGSTOP)
    assert worker.becomes(healthy=False) and sidecar.is_healthy()
    sidecar.process.signal(SIGSTOP)
    assert sidecar.becomes(healthy=False)
    for container in (sidecar, worker):
        container.process.signal(SIGCONT)
        assert container.becomes(healthy=True), container.process.said()


@pytest.mark.parametrize("name", ["sidecar", "worker"])
def test_without_postgres_a_service_ends_and_says_why_so_that_it_is_started_again(
    contained: Contained, dead_port: int, name: str
) -> None:
    alone = contained(name, {}, postgres=dead_port).start().process
    assert alone.child.wait(60) == 1
    assert alone.said().startswith("agentrt: Postgres: "), alone.said()
