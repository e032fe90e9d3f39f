"""Everything `make up` starts, as one context: stores, simulator, sidecar with worker, n8n."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import n8n
from client import N8n
from n8n import free_port
from progress import say
from rest import Rest

from sidecar.extras.children import running
from sidecar.extras.embedded import servers

SIMULATED_KEY = "simulated"  # by this key the sidecar knows the provider is not real


@dataclass(frozen=True, slots=True)
class Stack:
    sidecar: Rest
    n8n: N8n
    simulator: Rest | None  # none with a real key
    database_url: str
    redis_url: str


@contextmanager
def stack(
    data: Path, *, sidecar_port: int, n8n_port: int, environ: Mapping[str, str] = os.environ
) -> Iterator[Stack]:
    """All of it ready and the example workflows imported; gone at the end, or when we die."""
    data = data.resolve()
    n8n.install()
    with ExitStack() as started:
        env = dict(environ) | _stores(started, data, environ)
        simulator = None
        if not env.get("OPENAI_API_KEY"):
            url = _simulator(started, data, env)
            env |= {"OPENAI_API_KEY": SIMULATED_KEY, "OPENAI_BASE_URL": f"{url}/v1"}
            simulator = Rest(url)
        sidecar, key = _sidecar(started, data, env, port=sidecar_port, n8n_port=n8n_port)
        database_url = env["DATABASE_URL"]
        folder = data / "n8n"
        folder.mkdir(exist_ok=True)
        where = {"port": n8n_port, "database_url": database_url}
        context = n8n.started(folder, **where, sidecar_url=sidecar.base, key=key)
        running_n8n = started.enter_context(context)
        yield Stack(sidecar, running_n8n, simulator, database_url, env["REDIS_URL"])


def _stores(started: ExitStack, data: Path, environ: Mapping[str, str]) -> dict[str, str]:
    if environ.get("DATABASE_URL") and environ.get("REDIS_URL"):
        return {}
    say("Postgres and Valkey: starting ...")
    own = started.enter_context(servers(data))
    return {"DATABASE_URL": own.database_url, "REDIS_URL": own.redis_url}


def _simulator(started: ExitStack, data: Path, env: Mapping[str, str]) -> str:
    say("OpenAI: no OPENAI_API_KEY, so a local simulator takes its place ...")
    port = free_port()
    command = [sys.executable, "-m", "tests.simulator", "--port", str(port)]
    rest = Rest(f"http://127.0.0.1:{port}", authorization=f"Bearer {SIMULATED_KEY}")
    ready = partial(rest.answers, "/v1/models")
    log = data / "simulator.log"
    started.enter_context(running(command, log=log, env=env, ready=ready))
    return rest.base


def _sidecar(
    started: ExitStack, data: Path, env: dict[str, str], *, port: int, n8n_port: int
) -> tuple[Rest, str]:
    say("Sidecar and worker: starting ...")
    allowed = filter(None, (env.get("AGENTRT_ALLOW_HOSTS"), f"127.0.0.1:{n8n_port}"))
    env = env | {
        "AGENTRT_DATA": str(data),
        "AGENTRT_HOST": "127.0.0.1",
        "AGENTRT_PORT": str(port),
        "AGENTRT_ALLOW_HOSTS": ",".join(allowed),
    }
    url, command = f"http://127.0.0.1:{port}", [sys.executable, "-m", "sidecar", "up"]
    ready = partial(Rest(url).answers, "/health")
    started.enter_context(running(command, log=data / "sidecar.log", env=env, ready=ready))
    key = env.get("AGENTRT_KEY") or (data / "key").read_text().strip()
    return Rest(url, authorization=f"Bearer {key}"), key
