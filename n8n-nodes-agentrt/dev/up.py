"""`make up`: everything on this machine, with the example run once; `make down` ends it."""

import fcntl
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import example
from example import LEAD_DESK, Outcome
from n8n import EMAIL
from progress import Failed, say
from stack import Stack, stack

from sidecar.errors import Fault
from sidecar.extras.children import until

PORT_TIMEOUT_S = 10
STOP_TIMEOUT_S = 60


def up(data: Path) -> bool:
    """Whether the example came out right."""
    with _only_one(data):
        sidecar_port = _port("AGENTRT_PORT", 8700)
        n8n_port = _port("N8N_PORT", 5678)
        with stack(data, sidecar_port=sidecar_port, n8n_port=n8n_port) as running:
            example.publish(running)
            say("Example: new lead -> enrich -> draft reply -> approval queue")
            outcome = example.play(running)
            _report(running, outcome, data)
            if not os.environ.get("ONCE"):
                say("Everything stays up until Ctrl-C.")
                threading.Event().wait()
    return outcome.replay["verdict"] == "identical"


def down(data: Path) -> None:
    lock = data / "up.lock"
    if not lock.exists() or _free(lock):
        say("Nothing is running.")
        return
    os.kill(int(lock.read_text()), signal.SIGTERM)
    if not until(lambda: _free(lock), STOP_TIMEOUT_S):
        raise Failed(f"Process {lock.read_text()} is still running after {STOP_TIMEOUT_S} s.")
    say("Stopped.")


def _report(stack: Stack, outcome: Outcome, data: Path) -> None:
    run, replay = outcome.run, outcome.replay
    simulated = " (simulated)" if run["simulated"] else ""
    say(f"""
  run       {run["run"]}
  model     {run["provider"]}/{run["model"]}{simulated}
  cost      {run["cost_usd"]} USD
  replay    verdict: {replay["verdict"]} ({replay["events"]} events)

  n8n       {stack.n8n.url}/workflow/{LEAD_DESK}
            log in as {EMAIL}; the password is in {data / "n8n-owner.json"}
  sidecar   {stack.sidecar.base}; the key is in {data / "key"}
  the run   {stack.sidecar.base}/v1/runs/{run["run"]}
""")


@contextmanager
def _only_one(data: Path) -> Iterator[None]:
    """The lock file holds our pid for `make down`."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "up.lock").open("a+") as lock:
        if not _try_lock(lock):
            raise Failed("It is already running here. Stop it first: make down")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _free(lock: Path) -> bool:
    with lock.open("r+") as file:
        return _try_lock(file)


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _port(variable: str, usual: int) -> int:
    """Free, or free soon: the n8n of a killed predecessor holds its port for some seconds."""
    given = os.environ.get(variable) or str(usual)
    if not given.isdigit() or not 0 < int(given) < 65_536:
        raise Failed(f"{variable} is {given!r}. Set it to the number of a free port.")
    port = int(given)
    if not _port_free(port):
        say(f"Port {port} ({variable}) is in use; waiting {PORT_TIMEOUT_S} s for it ...")
    if not until(lambda: _port_free(port), PORT_TIMEOUT_S):
        remedy = f"Stop what listens there, or choose another: make up {variable}={port + 10}"
        raise Failed(f"Port {port} is still in use. {remedy}")
    return port


def _port_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def main() -> int:
    data = Path(os.environ.get("AGENTRT_DATA", ".agentrt"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if sys.argv[1:] == ["down"]:
            down(data)
            return 0
        return 0 if up(data) else 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 0
    except (Failed, Fault) as error:
        say(f"\n{error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
