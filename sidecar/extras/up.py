"""`agentrt up`: sidecar and worker, with servers of their own where none are named."""

import os
import secrets
import sys
from contextlib import ExitStack
from pathlib import Path

from sidecar.extras.children import running
from sidecar.extras.embedded import servers
from sidecar.settings import Settings


def kept(path: Path) -> str:
    """A secret that is made once and kept in a file that only its owner reads."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
    return path.read_text()


def run(given: Settings) -> None:
    """Until Ctrl-C or SIGTERM. Misconfigured says what keeps a part from starting."""
    data = Path(given.data)
    made = {"key": given.key or kept(data / "key"), "secret": given.secret or kept(data / "secret")}
    with ExitStack() as stack:
        if not (given.database_url and given.redis_url):
            own = stack.enter_context(servers(data))
            made |= {"database_url": own.database_url, "redis_url": own.redis_url}
        names = {k: str(one.validation_alias) for k, one in Settings.model_fields.items()}
        env = os.environ | {names[name]: value for name, value in made.items()}
        children = [
            stack.enter_context(
                running([sys.executable, "-m", "sidecar", part], log=data / f"{part}.log", env=env)
            )
            for part in ("serve", "work")
        ]
        for child in children:
            child.wait()
