"""One running stack for the session, with the example published."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import example
import pytest
from n8n import free_port
from stack import Stack, stack

from tests.real_n8n.workflows import CRM, PLAIN, Workflow, whole


@pytest.fixture(scope="session")
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="agentrt-n8n-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def running(data: Path) -> Iterator[Stack]:
    """n8n runs one execution at a time: a turn that held it would starve its workflow tools."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTRT_", "OPENAI_"))}
    sidecar_port, n8n_port = free_port(), free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("N8N_CONCURRENCY_PRODUCTION_LIMIT", "1")
        with stack(data, sidecar_port=sidecar_port, n8n_port=n8n_port, environ=environ) as running:
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


@pytest.fixture(scope="session")
def ways(running: Stack) -> dict[str, Workflow]:
    """A workflow for each way of waiting."""
    running.sidecar.must("PUT", "/v1/tools/crm", CRM)
    running.sidecar.must("PUT", "/v1/agents/plain", PLAIN)
    running.sidecar.must("PUT", "/v1/agents/with-crm", PLAIN | {"tools": ["crm"]})
    names = ("auto", "hold", "suspend")
    return {way: whole(running, f"way-{way}", waiting=way) for way in names}
