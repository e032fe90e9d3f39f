"""`agentrt up`: sidecar and worker, with servers of their own where none are named."""

import os
import secrets
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from sidecar.errors import Misconfigured
from sidecar.extras.children import Child, ask_to_stop, running, until_one_ends
from sidecar.extras.embedded import servers
from sidecar.settings import Settings


def kept(path: Path) -> str:
    """A secret that is made once, whole, and kept in a file that only its owner reads."""
    if not path.exists() or not path.read_bytes().strip():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f"{path.name}.new")
        aside.unlink(missing_ok=True)
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
        aside.replace(path)
    path.chmod(0o600)
    secret = path.read_text(errors="replace").strip()
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        remedy = "Put one word of letters and digits there, or delete it: a new one is made"
        raise Misconfigured(f"{path} holds no key", remedy=remedy)
    return secret


def run(given: Settings) -> None:
    """Until Ctrl-C or SIGTERM. Misconfigured says what keeps a part from running."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    data = Path(given.data)
    made = {"key": given.key or kept(data / "key"), "secret": given.secret or kept(data / "secret")}
    with ExitStack() as stack:
        stores: tuple[Child, ...] = ()
        if not (given.database_url and given.redis_url):
            own = stack.enter_context(servers(data))
            made |= {"database_url": own.database_url, "redis_url": own.redis_url}
            stores = own.children
        names = {k: str(one.validation_alias) for k, one in Settings.model_fields.items()}
        env = os.environ | {names[name]: value for name, value in made.items()}
        parts = [
            stack.enter_context(
                running([sys.executable, "-m", "sidecar", part], log=data / f"{part}.log", env=env)
            )
            for part in ("serve", "work")
        ]
        try:
            until_one_ends([*stores, *parts])
        finally:  # all at once: each may take some seconds to finish what it does
            for part in parts:
                ask_to_stop(part.process)


def leave(_: int, __: FrameType | None) -> None:
    """Once; whoever is impatient has `kill -9`, which leaves no child either."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0)
