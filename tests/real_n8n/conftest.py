"""One running stack for the session, with the example published."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import example
import pytest
from n8n import free_port
from stack import Stack, stack


@pytest.fixture(scope="session")
def running() -> Iterator[Stack]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTRT_", "OPENAI_"))}
    sidecar_port, n8n_port = free_port(), free_port()
    with (
        tempfile.TemporaryDirectory(prefix="agentrt-n8n-", dir="/tmp") as folder,
        stack(
            Path(folder), sidecar_port=sidecar_port, n8n_port=n8n_port, environ=environ
        ) as running,
    ):
        example.publish(running)
        yield running


@pytest.fixture
def up(running: Stack) -> Iterator[Stack]:
    """The stack, with the agent as the example has it and no fault left over."""
    assert running.simulator
    running.sidecar.must("PUT", "/v1/agents/lead-desk", example.AGENT)
    running.simulator.must("DELETE", "/_sim")
    yield running
    assert running.simulator.get("/_sim/requests")["faults"] == []
