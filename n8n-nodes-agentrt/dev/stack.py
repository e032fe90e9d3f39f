"""Everything `make up` starts, as one context: stores, simulator, sidecar with worker, n8n."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import n8n
from client import N8n
from n8n import free_port
from progress import say
from rest import Rest

from sidecar.extras.children import Child, running
from sidecar.extras.embedded import servers

Env = Mapping[str, str]
Ready = Callable[[], bool]
SIMULATED_KEY = "simulated"  # by this key the sidecar knows the provider is not real


@dataclass(frozen=True, slots=True)
class Stack:
    sidecar: Rest
    n8n: N8n
    simulator: Rest | None  # none with a real key
    database_url: str
    redis_url: str
    children: tuple[Child, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """What the parts need to start, and those that have."""

    data: Path
    context: ExitStack
    keep: Sequence[int]
    children: list[Child] = field(default_factory=list)

    def run(self, module: str, *arguments: str, log: str, env: Env, ready: Ready) -> None:
        command = [sys.executable, "-m", module, *arguments]
        file = self.data / f"{log}.log"
        child = running(command, log=file, env=env, ready=ready, keep=self.keep)
        self.children.append(self.context.enter_context(child))


@contextmanager
def stack(
    data: Path,
    *,
    sidecar_port: int,
    n8n_port: int,
    environ: Env = os.environ,
    keep: Sequence[int] = (),
) -> Iterator[Stack]:
    """All of it ready and the example workflows imported; gone at the end, or when we die."""
    data = data.resolve()
    n8n.install()
    with ExitStack() as context:
        start = Start(data, context, keep)
        env = dict(environ) | _stores(start, environ)
        simulator = None
        if not (env.get("OPENAI_API_KEY") or env.get("ANTHROPIC_API_KEY")):
            simulator = _simulator(start, env)
            env |= {"OPENAI_API_KEY": SIMULATED_KEY, "OPENAI_BASE_URL": f"{simulator.base}/v1"}
            env |= {"ANTHROPIC_API_KEY": SIMULATED_KEY, "ANTHROPIC_BASE_URL": simulator.base}
        sidecar = _sidecar(start, env, port=sidecar_port, n8n_port=n8n_port)
        folder = data / "n8n"
        folder.mkdir(exist_ok=True)
        started = n8n.started(
            folder,
            port=n8n_port,
            database_url=env["DATABASE_URL"],
            sidecar=sidecar,
            secret=_kept(start, env, "secret"),
            keep=keep,
        )
        child, asked = context.enter_context(started)
        children = (*start.children, child)
        yield Stack(sidecar, asked, simulator, env["DATABASE_URL"], env["REDIS_URL"], children)


def _stores(start: Start, environ: Env) -> dict[str, str]:
    if environ.get("DATABASE_URL") and environ.get("REDIS_URL"):
        return {}
    say("Postgres and Valkey: starting ...")
    own = start.context.enter_context(servers(start.data))
    start.children.extend(own.children)
    return {"DATABASE_URL": own.database_url, "REDIS_URL": own.redis_url}


def _simulator(start: Start, env: Env) -> Rest:
    say("Providers: no OPENAI_API_KEY or ANTHROPIC_API_KEY, so a local simulator answers ...")
    port = str(free_port())
    rest = Rest(f"http://127.0.0.1:{port}", authorization=f"Bearer {SIMULATED_KEY}")
    ready = partial(rest.answers, "/v1/models")
    start.run("tests.simulator", "--port", port, log="simulator", env=env, ready=ready)
    return rest


def _sidecar(start: Start, env: Env, *, port: int, n8n_port: int) -> Rest:
    say("Sidecar and worker: starting ...")
    allowed = filter(None, (env.get("AGENTRT_ALLOW_HOSTS"), f"127.0.0.1:{n8n_port}"))
    env = {
        **env,
        "AGENTRT_DATA": str(start.data),
        "AGENTRT_HOST": "127.0.0.1",
        "AGENTRT_PORT": str(port),
        "AGENTRT_ALLOW_HOSTS": ",".join(allowed),
    }
    url = f"http://127.0.0.1:{port}"
    ready = partial(Rest(url).answers, "/health")
    start.run("sidecar", "up", log="sidecar", env=env, ready=ready)
    return Rest(url, authorization=f"Bearer {_kept(start, env, 'key')}")


def _kept(start: Start, env: Env, name: str) -> str:
    """Set by the environment, or made and kept by `agentrt up`."""
    return env.get(f"AGENTRT_{name.upper()}") or (start.data / name).read_text().strip()
