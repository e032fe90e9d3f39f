"""What stands beneath the workflows: run log, database, executions, a second sidecar."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from client import unflattened
from rest import Answer, Rest
from stack import Stack

from sidecar.extras.children import until
from tests.house.installation import sql
from tests.house.processes import Process, start


def callback_of(up: Stack, run: str) -> str:
    ((url,),) = sql(up.database_url, "SELECT callback_url FROM run WHERE run = %s", [run])
    return url


def events(up: Stack, run: str) -> list[dict[str, Any]]:
    return up.sidecar.get(f"/v1/runs/{run}/events")["events"]


def requests(up: Stack) -> list[Any]:
    assert up.simulator
    return up.simulator.get("/_sim/requests")["requests"]


def posted(up: Stack, url: str, body: Any) -> Answer:
    return up.n8n.rest.ask("POST", url, body)


def executions(up: Stack, workflow: str) -> list[dict[str, Any]]:
    chosen = f"%7B%22workflowId%22%3A%22{workflow}%22%7D"
    return up.n8n.rest.get(f"/rest/executions?filter={chosen}")["data"]["results"]


def tasks(up: Stack, execution: str, name: str) -> list[dict[str, Any]]:
    """How often that node ran, and with what."""
    return unflattened(up.n8n.execution(execution)["data"])["resultData"]["runData"].get(name, [])


def with_credential(up: Stack, url: str) -> str:
    """A credential of n8n's for another sidecar."""
    key = up.sidecar.headers["authorization"].removeprefix("Bearer ")
    data = {"baseUrl": url, "apiKey": key}
    body = {"name": "another sidecar", "type": "agentRtApi", "data": data}
    return str(up.n8n.rest.must("POST", "/rest/credentials", body)["data"]["id"])


@contextmanager
def sidecar(up: Stack, data: Path, port: int) -> Iterator[Process]:
    """A second sidecar on the stores of the stack; it is ready, and killed at the end."""
    assert up.simulator
    logs = data / "second"
    logs.mkdir(exist_ok=True)
    env = {
        "DATABASE_URL": up.database_url,
        "REDIS_URL": up.redis_url,
        "AGENTRT_KEY": up.sidecar.headers["authorization"].removeprefix("Bearer "),
        "AGENTRT_SECRET": (data / "secret").read_text(),
        "AGENTRT_PORT": str(port),
        "AGENTRT_ALLOW_HOSTS": up.n8n.url.removeprefix("http://"),
        "OPENAI_API_KEY": "simulated",
        "OPENAI_BASE_URL": f"{up.simulator.base}/v1",
        "ANTHROPIC_API_KEY": "simulated",
        "ANTHROPIC_BASE_URL": up.simulator.base,
    }
    url = f"http://127.0.0.1:{port}"
    process = start(["-m", "sidecar", "serve"], logs, env=env, url=url)
    try:
        assert until(lambda: Rest(url).answers("/health"), 60), process.said()
        yield process
    finally:
        process.kill()
