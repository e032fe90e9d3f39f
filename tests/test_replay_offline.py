"""A replay needs Postgres and nothing else."""

from tests.house.api import Api, opened
from tests.house.installation import KEY, Installation
from tests.house.log import assert_complete
from tests.house.provider import Provider
from tests.house.toolserver import ToolServer


async def test_a_sidecar_without_key_redis_or_network_replays_identically(
    api: Api, tools: ToolServer, house: Installation, provider: Provider
) -> None:
    await api.tool("reach", **tools.contract("reach"))
    tools.gives("reach", {"employees": 5})
    await api.agent("reaching", tools=["reach"])
    run = (await api.turn("reaching", "Company: Acme"))["run"]
    await provider.faults("refusal")
    refused = (await api.turn("reaching", "Company: Acme"))["run"]
    alone = house.offline_sidecar()
    async with opened(alone, KEY) as offline:
        health = (await offline("GET", "/health")).body
        assert health["stores"] == {"postgres": "up", "redis": "down"}
        assert health["providers"]["openai"]["configured"] is False
        assert await assert_complete(offline, run) == await api.events(run)
        await assert_complete(offline, refused)
        failed = await offline.turn("reaching", "Company: Acme", timeout_s=10)
        assert failed["error"]["code"] == "providers_exhausted"
        await assert_complete(offline, failed["run"])
    assert alone.stop() == 0
    assert "REFUSED" in alone.said()  # the network really was closed: Redis was tried
