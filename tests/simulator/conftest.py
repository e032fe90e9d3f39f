"""A simulator of its own for each test, and the real SDKs to ask it with."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest
from aiohttp.test_utils import BaseTestServer, TestServer
from anthropic.types import Message

from tests.simulator import make_app
from tests.simulator.asked import BASE, CLAUDE_BASE, Ask


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


@pytest.fixture
async def claude(server: BaseTestServer) -> AsyncIterator[anthropic.AsyncAnthropic]:
    url = str(server.make_url("/"))
    given = {"api_key": "simulated", "base_url": url, "max_retries": 0}
    async with anthropic.AsyncAnthropic(**given) as client:
        yield client


@pytest.fixture
def ask_claude(claude: anthropic.AsyncAnthropic) -> Ask:
    """Whatever is said of the fields: the SDK's own types are not asked."""

    async def asked(**changes: Any) -> Message:
        body = {**CLAUDE_BASE, **changes}
        given = {name: value for name, value in body.items() if value is not None}
        return await claude.post("/v1/messages", body=given, cast_to=Message)

    return asked
