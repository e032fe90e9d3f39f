"""One installation for the session, one tool server and a clean provider for each test."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from sidecar.extras import embedded
from tests.house.api import Api, opened
from tests.house.installation import KEY, Installation, new_database
from tests.house.processes import Process, free_port, start
from tests.house.provider import Provider
from tests.house.toolserver import ToolServer

UNLOGGED = ("Traceback", "Exception ignored")  # what Python says of errors that nobody caught


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Short: a socket's path has little room."""
    with tempfile.TemporaryDirectory(prefix="agentrt-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def stores(folder: Path) -> Iterator[embedded.Servers]:
    with embedded.servers(folder / "stores") as running:
        yield running


@pytest.fixture(scope="session")
def logs(folder: Path) -> Path:
    made = folder / "logs"
    made.mkdir()
    return made


@pytest.fixture(scope="session")
def simulator(logs: Path) -> Iterator[Process]:
    port = str(free_port())
    arguments = ["-m", "tests.simulator", "--port", port]
    process = start(arguments, logs, env={}, url=f"http://127.0.0.1:{port}")
    yield process
    process.kill()


@pytest.fixture(scope="session")
def tool_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def dead_port() -> int:
    """Allowed for tools, but nobody listens."""
    return free_port()


@pytest.fixture(scope="session")
def settings(simulator: Process, tool_port: int, dead_port: int) -> dict[str, str]:
    return {
        "AGENTRT_SECRET": "secret-of-the-tests",
        "AGENTRT_ALLOW_HOSTS": f"127.0.0.1:{tool_port},127.0.0.1:{dead_port}",
        "AGENTRT_TOOLS": "tests.house.functions",
        "OPENAI_API_KEY": "simulated",
        "OPENAI_BASE_URL": f"{simulator.url}/v1",
        "ANTHROPIC_API_KEY": "simulated",
        "ANTHROPIC_BASE_URL": simulator.url,
    }


@pytest.fixture(scope="session")
def house(stores: embedded.Servers, logs: Path, settings: dict[str, str]) -> Iterator[Installation]:
    """The installation that most tests share: one sidecar, one worker. Both end well."""
    house = Installation(stores.database_url, stores.redis_url, logs, settings)
    house.sidecar()
    house.worker()
    yield house
    statuses = [process.stop() for process in house.started]
    assert set(statuses) == {0}, [process.said() for process in house.started]
    for process in house.started:
        unlogged = [line for line in process.said().splitlines() if line.startswith(UNLOGGED)]
        assert unlogged == [], process.said()


@pytest.fixture
def spare(
    stores: embedded.Servers,
    logs: Path,
    settings: dict[str, str],
    request: pytest.FixtureRequest,
) -> Iterator[Installation]:
    """An installation of the test's own, for processes that it kills."""
    database = new_database(stores.database_url, request.node.name[:60])
    spare = Installation(database, f"{stores.redis_url}?db=1", logs, settings)
    yield spare
    spare.kill_all()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def provider(simulator: Process, http: aiohttp.ClientSession) -> AsyncIterator[Provider]:
    """Every fault that a test orders must have happened when it ends."""
    provider = Provider(http, simulator.url)
    await Api(http, simulator, "any").up("/v1/models")
    await provider.reset()
    yield provider
    assert await provider.unused() == []


@pytest.fixture
async def api(house: Installation, provider: Provider) -> AsyncIterator[Api]:
    async with opened(house.started[0], KEY) as api:
        yield api


@pytest.fixture
async def tools(tool_port: int) -> AsyncIterator[ToolServer]:
    async with ToolServer(tool_port) as server:
        yield server
