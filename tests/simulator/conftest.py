"""A simulator of its own for each test, and the real SDK to ask it with."""

from collections.abc import AsyncIterator

import openai
import pytest
from aiohttp.test_utils import BaseTestServer, TestServer

from tests.simulator import make_app
from tests.simulator.asked import BASE, Ask


@pytest.fixture
async def server() -> AsyncIterator[BaseTestServer]:
    async with TestServer(make_app()) as running:
        yield running


@pytest.fixture
async def sdk(server: BaseTestServer) -> AsyncIterator[openai.AsyncOpenAI]:
    url = str(server.make_url("/v1"))
    async with openai.AsyncOpenAI(api_key="simulated", base_url=url, max_retries=0) as client:
        yield client


@pytest.fixture
def ask(sdk: openai.AsyncOpenAI) -> Ask:
    return lambda **changes: sdk.responses.create(**{**BASE, **changes})
